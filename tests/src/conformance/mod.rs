//! Upstream's end-to-end tests of Kubernetes, `e2e.test`: listing, running in parts, and the table of results.

mod parts;
mod report;
mod suite;
mod table;

pub use parts::{Parts, focus};
pub use report::{Outcome, TestResult};
pub use suite::Suite;
pub use table::{About, table};
