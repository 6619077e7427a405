//! Sharing clusters between threads, binaries, processes and runs, and taking them away when nobody
//! is left who uses them.
//!
//! The files and locks are the engine's ([`kipod_engine::lease`]), because `kipod prune` looks at them
//! too. A run's *reaper* is a process of its own, which outlives the run and deletes.

mod acquire;
mod reaper;

pub(crate) use acquire::{Hold, acquire};
pub(crate) use reaper::{Job, Reaper, release_exclusive};
