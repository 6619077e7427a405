//! The room that speaks to Podman, against a real rootless Podman.
//!
//! Where there is no `podman` program each test says by name that it did not run. As root they run
//! through `.ci/rootless`, as in CI. The containers hold a static busybox (Debian's
//! package `busybox-static`).
//!
//! What the engine does not use has no test here: events (how far a node is, it writes into a folder
//! of the cluster's, and whether it still runs, its container's state says), and secrets (credentials
//! are among the files that a node is given before it starts).

mod containers;
mod cut_off;
mod images;
mod networks;
mod service;
mod support;
mod traffic;
mod volumes;
