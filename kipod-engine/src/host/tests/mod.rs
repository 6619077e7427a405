//! Made-up machines, and the one the tests run on.

mod facts;
mod machine;
mod text;
mod verdicts;
