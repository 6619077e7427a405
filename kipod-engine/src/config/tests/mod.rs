//! Tests of configuration files.

mod errors;
mod fixtures;
mod kind;
mod kipod;

use super::*;
use crate::spec::ClusterSpec;

/// Returns the cluster of a valid file.
fn spec(text: &str) -> ClusterSpec {
    read(text, "c.yaml").check().unwrap_or_else(|errors| panic!("{errors}\n{text}"))
}

/// Returns the errors of an invalid file.
fn errors(text: &str) -> String {
    match read(text, "c.yaml").check() {
        Ok(spec) => panic!("no error: {spec:?}\n{text}"),
        Err(errors) => errors.to_string(),
    }
}
