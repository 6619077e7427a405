#![doc = include_str!("../README.md")]

mod account;
mod apply;
mod background;
mod client;
mod cluster;
mod cluster_request;
mod context;
mod diagnose;
mod engine;
mod engine_api;
mod error;
mod external;
mod images;
mod json;
mod lease;
mod listener;
mod name;
mod namespace;
mod output;
mod pod_status;
mod process;
mod session;
mod settings;
mod site;
mod source;
mod test_run;
pub mod wait;

pub use account::{ClientAs, DeclaredAccount};
pub use cluster::Cluster;
pub use context::{FromTestContext, TestContext};
pub use error::{BoxError, Error};
#[doc = include_str!("test.md")]
pub use kipod_test_macros::test;
pub use listener::Listener;
pub use namespace::Namespace;
pub use source::NodeOutput;

pub use k8s_openapi;
pub use kube;

/// Items for the expansion of the attribute. They are not part of the stable API.
#[doc(hidden)]
pub mod __private {
    pub use std::option::Option::{None, Some};
    pub use std::result::Result::Ok;

    pub use crate::context::TestContext;
    pub use crate::session::{Body, argument, run, run_with};
    pub use crate::site::{Flavor, Keep, ShouldPanic, TestSite};
    pub use kipod_engine::lease::Phase;

    pub use crate::cluster_request::{ClusterRequest, ExistingCluster, Mismatch, Topology};

    pub use crate::source::{
        BoxFuture, ClusterSource, NodeOutput, Progress, ProgressEvent, SourceError,
    };
}
