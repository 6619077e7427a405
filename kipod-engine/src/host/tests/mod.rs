//! Made-up machines, and the one the tests run on.

mod cgroups;
mod facts;
mod identity;
mod machine;
mod network;
mod reports;
mod text;
mod verdicts;
