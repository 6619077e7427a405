//! Access to Podman: containers, images, volumes and networks. Knows nothing of Kubernetes.
//!
//! | module | content |
//! |---|---|
//! | `command` | runs a program of the host |
//! | `api` | the trait [`Podman`] and its data types |
//! | `cli` | [`PodmanCli`], the `podman` command: operations that the REST API does not offer |
//! | `rest` | [`Service`], the trait's implementation: the Podman service and its REST API |
//! | `scripted` | `Scripted`, the trait's implementation for tests (feature `testing`) |
//! | `resources`, `files` | operations on top of the trait: cleanup by label, removal of directory trees |
//!
//! Each module imports only modules above it in this table.

mod api;
mod cli;
mod command;
mod files;
mod resources;
mod rest;
mod rootlessport;
#[cfg(any(test, feature = "testing"))]
mod scripted;

#[doc(hidden)]
pub use crate::util::text::quote;
pub(crate) use api::STALE;
pub use api::{
    Archive, Bind, BoxFuture, ContainerDetails, ContainerInfo, ContainerMount, ContainerOptions,
    ContainerState, ExecOutput, ImageHold, ImageInfo, ImageStore, Labels, NetworkAttachment,
    NetworkInfo, NetworkOptions, Platform, Podman, PodmanError, PortMapping, StorageDriver,
    VolumeInfo, VolumeMount, VolumeOptions,
};
pub use cli::{BuildOptions, PodmanCli, SystemInfo};
pub use command::{Command, CommandError};
pub(crate) use files::remove_tree;
pub(crate) use resources::LabeledResources;
pub use rest::Service;
pub(crate) use rootlessport::end_orphans;
#[cfg(any(test, feature = "testing"))]
pub use scripted::{Scripted, Upload};

/// Parses any output of Podman or image archive, for fuzzing.
#[cfg(any(test, feature = "testing"))]
pub(crate) fn parse_any(bytes: &[u8]) {
    cli::parse_any(bytes);
    rest::parse_any(bytes);
}
