//! Work outside of the tests' own runtimes and threads: a thread for requests to the cluster, a
//! watchdog thread, the *reaper* process that deletes clusters after a run, and a short-lived process
//! that creates sockets in the network of a node.

pub(crate) mod cleanup;
pub(crate) mod reaper;
pub(crate) mod socket;
pub(crate) mod thread;
pub(crate) mod watchdog;
