#![doc = include_str!("../README.md")]

mod access;
mod account;
mod apply;
mod cluster;
mod context;
mod diagnose;
mod engine;
mod error;
mod external;
mod harness;
mod helper;
mod images;
mod listen;
mod metadata;
mod name;
mod namespace;
mod owner;
mod run;
mod settings;
mod share;
mod site;
mod source;
mod view;
pub mod wait;
mod waiting;

pub use account::{ClientAs, DeclaredAccount};
pub use cluster::Cluster;
pub use context::{FromTestContext, TestContext};
pub use error::BoxError;
#[doc = include_str!("test.md")]
pub use kipod_test_macros::test;
pub use listen::Listener;
pub use namespace::Namespace;
pub use source::NodeOutput;

pub use k8s_openapi;
pub use kube;

/// What the attribute's expansion calls. No part of it is a promise.
#[doc(hidden)]
pub mod __private {
    pub use std::option::Option::{None, Some};
    pub use std::result::Result::Ok;

    pub use crate::context::TestContext;
    pub use crate::run::{Body, argument, run, run_with};
    pub use crate::site::{Flavor, Keep, ShouldPanic, TestSite};
    pub use kipod_engine::lease::Phase;

    pub use crate::source::{
        Access, ClusterSource, News, NodeOutput, Reply, Say, Shape, SourceError, Wanted,
    };
}
