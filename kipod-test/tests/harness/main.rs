//! Tests of the harness with real test binaries and processes, under cargo and nextest. Only the
//! clusters are fake.
//!
//! * `teardown`: nothing remains after a test, however it or its run ends.
//! * `sharing`: which tests share a cluster, what is kept, and which clusters are not touched.
//! * `lifecycle`: arguments and options of a test, and errors before it begins.

mod env;
mod lifecycle;
mod runner;
mod server;
mod sharing;
mod teardown;
