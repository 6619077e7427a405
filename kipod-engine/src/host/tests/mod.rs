//! Facts and findings of simulated hosts, and of the real one.

mod cgroups;
mod facts;
mod findings;
mod identity;
mod network;
mod rendering;
mod reports;
mod test_host;

pub(crate) use test_host::TestHost;
