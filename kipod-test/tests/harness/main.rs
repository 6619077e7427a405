//! The harness as its users meet it: real test binaries, real processes, real cargo and nextest. Only
//! the clusters are entries in a table of this process.
//!
//! * `teardown`: however a test or its run ends, nothing stays.
//! * `sharing`: who shares a cluster with whom, what stays on purpose, whose clusters are left alone.
//! * `lifecycle`: what a test is given, what it may say of itself, what it says when it cannot begin.

mod lifecycle;
mod runner;
mod sharing;
mod support;
mod table;
mod teardown;
