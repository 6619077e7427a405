//! Fixtures of unit tests, and parsers for fuzzing.

#[cfg(test)]
mod fixtures;
pub mod parsers;

#[cfg(test)]
pub(crate) use fixtures::{NOW, create_resources, identity, machine, record};
