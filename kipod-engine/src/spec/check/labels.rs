//! Labels of nodes.

use std::collections::BTreeMap;

use super::is_dns_name;
use crate::spec::{ValidationError, Written};

/// The longest name, and the longest value, of a label.
/// Source: Kubernetes' documentation, "Labels and Selectors", "Syntax and character set".
const MAX_LENGTH: usize = 63;
/// Labels of Kubernetes' own domains that a kubelet may give its node, beside those below
/// `kubelet.kubernetes.io` and `node.kubernetes.io`.
/// Source: Kubernetes' documentation, "Using Node Authorization" and kubelet's `--node-labels`.
const ALLOWED: [&str; 11] = [
    "beta.kubernetes.io/arch",
    "beta.kubernetes.io/instance-type",
    "beta.kubernetes.io/os",
    "failure-domain.beta.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "kubernetes.io/arch",
    "kubernetes.io/hostname",
    "kubernetes.io/os",
    "node.kubernetes.io/instance-type",
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
];

/// The labels of one node.
pub(super) fn check(
    raw: &[(Written, Written)],
    faults: &mut Vec<ValidationError>,
) -> BTreeMap<String, String> {
    for (key, value) in raw {
        if let Err(fault) = check_key(&key.text) {
            faults.push(key.fault("label", format!("`{}` {fault}", key.text)));
        }
        let text = &value.text;
        if !text.is_empty() && !is_name(text) {
            let message = format!("`{text}` is not a label's value: {RULE}, or nothing");
            faults.push(value.fault("label", message));
        }
    }
    raw.iter().map(|(key, value)| (key.text.clone(), value.text.clone())).collect()
}

const RULE: &str =
    "up to 63 letters, digits, `-`, `_` and `.`, the first and last a letter or digit";

fn is_name(text: &str) -> bool {
    let edge = |c: char| c.is_ascii_alphanumeric();
    (1..=MAX_LENGTH).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        && text.starts_with(edge)
        && text.ends_with(edge)
}

fn check_key(key: &str) -> Result<(), String> {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    if !is_name(name) {
        return Err(format!(
            "is not a label's key: {RULE}, with a domain and `/` before it or not"
        ));
    }
    let Some(prefix) = prefix else { return Ok(()) };
    if !is_dns_name(prefix) || prefix.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err(format!("is not a label's key: `{prefix}` is not a DNS domain"));
    }
    let below = |domain: &str| {
        prefix == domain || prefix.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
    };
    let reserved = below("kubernetes.io") || below("k8s.io");
    let allowed = below("kubelet.kubernetes.io") || below("node.kubernetes.io");
    if reserved && !allowed && !ALLOWED.contains(&key) {
        return Err(
            "is one that a node may not give itself: only the API server's clients may".into()
        );
    }
    Ok(())
}
