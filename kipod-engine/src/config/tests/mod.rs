//! What files come to.

mod faults;
mod fixtures;
mod kind;
mod kipod;

use super::*;
use crate::spec::ClusterSpec;

/// The cluster that a good file asks for.
fn spec(text: &str) -> ClusterSpec {
    read(text, "c.yaml").check().unwrap_or_else(|faults| panic!("{faults}\n{text}"))
}

/// What is wrong with a bad file.
fn faults(text: &str) -> String {
    match read(text, "c.yaml").check() {
        Ok(spec) => panic!("nothing is: {spec:?}\n{text}"),
        Err(faults) => faults.to_string(),
    }
}
