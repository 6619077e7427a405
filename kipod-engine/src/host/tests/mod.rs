//! Made-up machines, and the one the tests run on.

mod facts;
mod machine;
mod reports;
mod text;
mod verdicts;
