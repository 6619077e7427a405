//! The Podman service and its REST API.
//!
//! `failure` and `process` are at the bottom, `client` sends requests, a file for each resource
//! contains its requests, and `service` implements the trait.

mod archive;
mod client;
mod containers;
mod exec;
mod failure;
mod images;
mod networks;
mod post;
mod process;
mod service;
mod specification;
mod start;
mod storage_containers;
mod transfer;
mod volumes;

pub use service::Service;

#[cfg(any(test, feature = "testing"))]
pub(super) use transfer::parse_any;
