//! Support code of the end-to-end tests and benchmarks.
//!
//! | kind | modules |
//! |---|---|
//! | the command under test | `command`, `running`, `output` |
//! | a cluster | `cluster`, `client` |
//! | fixtures: images, component bundles, registries | `podman`, `bundle`, `registry` |
//! | verification | `checks`, `leftovers` |
//! | benchmarks | `bench` |
//! | programs that repeat operations for hours | `endurance` |
//! | the tests of upstream | `conformance` |
//!
//! Tests that need a real Podman are `#[ignore]`d with their requirements, and tests with further
//! requirements use `kipod_results::require!`. `.ci/run` runs them as an unprivileged user. To run them manually as root:
//!
//! ```sh
//! cargo build --package kipod-engine
//! CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER=$PWD/.ci/rootless \
//!     cargo test --package kipod-e2e --test clusters -- --include-ignored
//! ```

pub mod bench;
mod bundle;
mod checks;
mod client;
mod cluster;
mod command;
pub mod conformance;
pub mod endurance;
mod leftovers;
mod output;
mod podman;
mod registry;
mod running;

pub use bundle::{Bundle, bundle_for, ensure_node_image, local_bundle};
pub use checks::Checks;
pub use client::ClusterClient;
pub use cluster::TestCluster;
pub use command::Kipod;
pub use leftovers::Leftovers;
pub use output::Output;
pub use podman::{NODE_IMAGE, TestImage, podman};
pub use registry::{CREDENTIALS, registry_images};
pub use running::{Running, wait_until};
