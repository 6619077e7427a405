//! Validation of node labels.

use std::collections::BTreeMap;

use super::is_dns_name;
use crate::spec::problem::Problem;
use crate::spec::{RawValue, ValidationError};

/// The maximum length of the name and of the value of a label.
/// Source: Kubernetes' documentation, "Labels and Selectors", "Syntax and character set".
const MAX_LENGTH: usize = 63;
/// Validates the labels of one node.
pub(super) fn check(
    raw: &[(RawValue, RawValue)],
    errors: &mut Vec<ValidationError>,
) -> BTreeMap<String, String> {
    for (key, value) in raw {
        errors.extend(check_key(&key.text).err().map(|problem| key.error("label", problem)));
        errors.extend(check_value(&value.text).err().map(|problem| value.error("label", problem)));
    }
    raw.iter().map(|(key, value)| (key.text.clone(), value.text.clone())).collect()
}

const RULE: &str =
    "up to 63 letters, digits, `-`, `_` and `.`, starting and ending with a letter or digit";

fn is_name(text: &str) -> bool {
    let edge = |c: char| c.is_ascii_alphanumeric();
    (1..=MAX_LENGTH).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        && text.starts_with(edge)
        && text.ends_with(edge)
}

fn check_value(text: &str) -> Result<(), Problem> {
    match text.is_empty() || is_name(text) {
        true => Ok(()),
        false => {
            Err(Problem(format!("`{text}` is not a label value: expected {RULE}, or nothing")))
        }
    }
}

fn check_key(key: &str) -> Result<(), Problem> {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    if !is_name(name) {
        return Err(Problem(format!(
            "`{key}` is not a label key: expected {RULE}, with an optional domain and `/` before it"
        )));
    }
    let Some(prefix) = prefix else { return Ok(()) };
    if !is_dns_name(prefix) || prefix.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err(Problem(format!("`{key}` is not a label key: `{prefix}` is not a DNS domain")));
    }
    Ok(())
}
