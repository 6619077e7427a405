//! Sharing clusters between threads, binaries, processes and runs, and taking them away when nobody
//! is left who uses them.
//!
//! Each cluster has three files. The *gate* is locked shared by who looks whether the cluster is
//! there, and exclusively by who creates or deletes it. The *lease* is locked shared by everyone who
//! uses the cluster, for the life of the process; the kernel drops it however the process ends. The
//! *state* says how far the cluster is, so that whoever comes after a kill knows what to clean up.
//! A run's *reaper* is a process of its own, which outlives the run and deletes.

mod acquire;
mod files;
mod reaper;
mod state;

pub(crate) use acquire::{Hold, acquire};
pub(crate) use files::{Files, Lock};
pub(crate) use reaper::{Job, release_exclusive};
pub(crate) use state::Kept;
