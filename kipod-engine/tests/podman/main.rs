//! The room that speaks to Podman, against a real rootless Podman.
//!
//! Where there is no `podman` program each test says by name that it did not run. As root they run
//! through `.ci/rootless`, cargo's runner in CI. The containers hold a static busybox (Debian's
//! package `busybox-static`).

mod containers;
mod images;
mod networks;
mod service;
mod support;
mod traffic;
mod volumes;
