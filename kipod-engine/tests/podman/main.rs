//! Contract tests of `kipod_engine::podman` against a real rootless Podman.
//!
//! They are `#[ignore]`d, because they need a rootless Podman and a static busybox (Debian's package
//! `busybox-static`), which the containers run. `.ci/run` runs them. To run them as root:
//!
//! ```sh
//! CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER=$PWD/.ci/rootless \
//!     cargo test --package kipod-engine --all-features --test podman -- --include-ignored
//! ```
//!
//! Podman's events and secrets are not covered, because the engine does not use them. Nodes report
//! their progress in a directory of the cluster, and credentials are files that a node gets before
//! it starts.

mod containers;
mod defaults;
mod images;
mod interrupted;
mod networks;
mod service;
mod support;
mod traffic;
mod volumes;
