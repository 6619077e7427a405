//! What the end-to-end tests share: the `kipod` command as a user types it, clusters with names of
//! their own, the search for whatever a cluster left behind, and a client of what runs inside.
//!
//! Tests that need a real Podman are `#[ignore]`d with what they need. `.ci/run` runs them as an
//! unprivileged user; by hand:
//!
//! ```sh
//! cargo build --package kipod-engine --features cli
//! CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER=$PWD/.ci/rootless \
//!     cargo test --package kipod-e2e --test clusters -- --include-ignored
//! ```

mod bundle;
mod checks;
mod cluster;
pub mod figures;
mod inside;
mod leftovers;
mod need;
mod podman;
mod program;
mod registry;

pub use bundle::{Bundle, bundle, bundle_of};
pub use checks::Checks;
pub use cluster::TestCluster;
pub use inside::Inside;
pub use leftovers::Traces;
pub use need::report_missing;
pub use podman::{NODE_IMAGE, TestImage, ensure_node_image, podman};
pub use program::{Kipod, Output, Running, wait_until};
pub use registry::{CREDENTIALS, registry_images};
