//! Judges the facts: findings, and a remedy for each problem.

mod all;
mod cgroup;
mod finding;
mod identity;
mod kernel;
mod limits;
mod network;
mod packages;
mod podman;
mod render;
mod report;
mod resources;
mod session;
mod storage;

#[cfg(test)]
pub(crate) use all::findings;
pub use finding::{Finding, Status, Verdict};
pub(crate) use limits::INOTIFY_SYSCTL;
#[cfg(test)]
pub(crate) use render::render_text;
pub(crate) use report::check_cached;
pub use report::{Report, Unusable, check};
