//! Merges the arguments of a patch into those of a component.
//!
//! Most arguments have one value, and a patch replaces it. Others collect values, which a patch adds to:
//! lists, lists of keys and values, and arguments that can be repeated. Null removes an argument.

use std::collections::BTreeMap;

use serde_json::Value;

use super::args::item;
use super::patch_error::PatchCause;
use crate::spec::{ClusterSpec, NodeSpec};

/// Arguments with a comma-separated list of `KEY=VALUE`.
/// Source: the command line references of kube-apiserver and kubelet.
const PAIRS: [&str; 3] = ["feature-gates", "node-labels", "runtime-config"];
/// Arguments with a comma-separated list.
const LISTS: [&str; 3] = ["api-audiences", "disable-admission-plugins", "enable-admission-plugins"];
/// Arguments that can be repeated, in an order that matters.
const REPEATABLE: [&str; 2] = ["service-account-issuer", "tls-sni-cert-key"];

/// Values of arguments that the configuration sets with keys of its own. A patch must not contradict
/// them: a key of the configuration applies to all components, a patch to one.
#[derive(Debug, Clone, Default)]
pub struct Configured {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    argument: &'static str,
    /// The key of the configuration.
    key: &'static str,
    values: BTreeMap<String, String>,
}

impl Configured {
    /// Returns the values that are set for a node.
    pub(super) fn of(spec: &ClusterSpec, node: Option<&NodeSpec>) -> Self {
        let gates = spec.feature_gates.iter().map(|(gate, on)| (gate.clone(), on.to_string()));
        let entry = |argument, key, values| Entry { argument, key, values };
        let mut entries = vec![
            entry("feature-gates", "featureGates", gates.collect()),
            entry("runtime-config", "runtimeConfig", spec.runtime_config.clone()),
        ];
        entries.extend(node.map(|node| entry("node-labels", "labels", node.labels.clone())));
        Self { entries }
    }

    /// Checks the field `featureGates` of a patch for kubelet or kube-proxy.
    pub(super) fn check_gates(&self, kind: &str, change: &Value) -> Result<(), PatchCause> {
        // That of `ClusterConfiguration` has the gates of kubeadm.
        if !["KubeletConfiguration", "KubeProxyConfiguration"].contains(&kind) {
            return Ok(());
        }
        let mut gates = change["featureGates"].as_object().into_iter().flatten();
        gates.try_for_each(|(gate, on)| self.check("feature-gates", gate, &on.to_string()))
    }

    fn check(&self, argument: &str, name: &str, value: &str) -> Result<(), PatchCause> {
        let entry = self.entries.iter().find(|entry| entry.argument == argument);
        let Some((entry, ours)) = entry.and_then(|entry| Some((entry, entry.values.get(name)?)))
        else {
            return Ok(());
        };
        match ours == value {
            true => Ok(()),
            false => Err(PatchCause::Conflict {
                name: name.to_owned(),
                value: value.to_owned(),
                key: entry.key,
                configured: ours.clone(),
            }),
        }
    }
}

/// Merges arguments into a list.
pub(super) fn merge(
    list: &mut Vec<Value>,
    change: Value,
    path: &str,
    configured: &Configured,
) -> Result<(), PatchCause> {
    let mut names: Vec<String> = Vec::new();
    let all = arguments(change, path)?;
    for (name, _) in &all {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    for name in names {
        let changes = all.iter().filter(|(other, _)| *other == name);
        let mut current = remove(list, &name);
        let at = current.first().map_or(list.len(), |(at, _)| *at);
        let mut values = Vec::new();
        for (_, value) in changes {
            match value {
                Some(value) => values.push(value.clone()),
                // Removes what is set so far.
                None => {
                    current.clear();
                    values.clear();
                }
            }
        }
        let current: Vec<String> = current.into_iter().map(|(_, value)| value).collect();
        let merged = merge_values(&name, current, values, configured)?;
        let items = merged.iter().map(|value| item(&name, value));
        list.splice(at..at, items);
    }
    Ok(())
}

/// Removes the items with this name, and returns their positions and values.
fn remove(list: &mut Vec<Value>, name: &str) -> Vec<(usize, String)> {
    let mut removed = Vec::new();
    let mut at = 0;
    list.retain(|item| {
        let is_other = item["name"] != name;
        if !is_other {
            removed.push((at, item["value"].as_str().unwrap_or_default().to_owned()));
        }
        at += 1;
        is_other
    });
    removed
}

fn merge_values(
    name: &str,
    current: Vec<String>,
    values: Vec<String>,
    configured: &Configured,
) -> Result<Vec<String>, PatchCause> {
    if values.is_empty() {
        // Removed.
        return Ok(Vec::new());
    }
    if PAIRS.contains(&name) {
        return Ok(vec![merge_pairs(name, &current, &values, configured)?]);
    }
    if LISTS.contains(&name) {
        let all = current.iter().chain(&values).flat_map(|list| list.split(','));
        return Ok(vec![distinct(all.map(str::to_owned)).join(",")]);
    }
    if REPEATABLE.contains(&name) {
        return Ok(distinct(current.into_iter().chain(values)));
    }
    // A patch can repeat any argument, in its order.
    Ok(values)
}

fn distinct(all: impl Iterator<Item = String>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for one in all.filter(|one| !one.is_empty()) {
        if !found.contains(&one) {
            found.push(one);
        }
    }
    found
}

/// Merges lists of `KEY=VALUE` by key. A later value replaces an earlier one, unless that is a value of
/// the configuration.
fn merge_pairs(
    name: &str,
    current: &[String],
    values: &[String],
    configured: &Configured,
) -> Result<String, PatchCause> {
    let pairs = |lists: &[String]| -> Vec<(String, Option<String>)> {
        let items = lists.iter().flat_map(|list| list.split(',')).filter(|item| !item.is_empty());
        let pair = |item: &str| match item.split_once('=') {
            Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
            None => (item.to_owned(), None),
        };
        items.map(pair).collect()
    };
    // A label without a value is empty, an API without one is enabled.
    let default = if name == "node-labels" { "" } else { "true" };
    let mut merged = pairs(current);
    for (key, value) in pairs(values) {
        configured.check(name, &key, value.as_deref().unwrap_or(default))?;
        match merged.iter_mut().find(|(other, _)| *other == key) {
            Some((_, old)) => *old = value,
            None => merged.push((key, value)),
        }
    }
    let items = merged.into_iter().map(|(key, value)| match value {
        Some(value) => format!("{key}={value}"),
        None => key,
    });
    Ok(items.collect::<Vec<_>>().join(","))
}

/// Reads arguments as a list of names and values, the current notation of kubeadm, or as a mapping,
/// the notation up to v1beta3. An argument without a value is to be removed.
fn arguments(change: Value, path: &str) -> Result<Vec<(String, Option<String>)>, PatchCause> {
    let path = || path.to_owned();
    let text = |name: &str, value: Value| match value {
        Value::Null => Ok((name.to_owned(), None)),
        Value::String(text) => Ok((name.to_owned(), Some(text))),
        Value::Bool(_) | Value::Number(_) => Ok((name.to_owned(), Some(value.to_string()))),
        Value::Array(_) | Value::Object(_) => {
            Err(PatchCause::ArgumentValue { path: path(), name: name.to_owned() })
        }
    };
    match change {
        Value::Object(pairs) => pairs.into_iter().map(|(name, value)| text(&name, value)).collect(),
        Value::Array(items) => items
            .into_iter()
            .map(|mut item| {
                let value = item.get_mut("value").map(Value::take).unwrap_or_default();
                match item["name"].as_str() {
                    Some(name) => text(name, value),
                    None => Err(PatchCause::UnnamedArgument { path: path() }),
                }
            })
            .collect(),
        _ => Err(PatchCause::NotArguments { path: path() }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn configured() -> Configured {
        let mut spec = ClusterSpec::default();
        spec.feature_gates.insert("A".to_owned(), true);
        spec.runtime_config.insert("api/alpha".to_owned(), "true".to_owned());
        let mut node = NodeSpec::new(crate::kubernetes::Role::Worker);
        node.labels.insert("tier".to_owned(), "front".to_owned());
        Configured::of(&spec, Some(&node))
    }

    fn merged(
        current: &[(&str, &str)],
        change: Value,
    ) -> Result<Vec<(String, String)>, PatchCause> {
        let mut list: Vec<Value> = current.iter().map(|(name, value)| item(name, value)).collect();
        merge(&mut list, change, "/extraArgs", &configured())?;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Ok(list.iter().map(|item| (text(&item["name"]), text(&item["value"]))).collect())
    }

    fn items(items: &[(&str, &str)]) -> Value {
        items.iter().map(|(name, value)| item(name, value)).collect()
    }

    fn owned(items: &[(&str, &str)]) -> Vec<(String, String)> {
        items.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn merge_keeps_all_values_of_repeatable_arguments() {
        let issuers = [("service-account-issuer", "a"), ("service-account-issuer", "b")];
        let more = [("v", "2"), ("service-account-issuer", "b"), ("service-account-issuer", "c")];
        assert_eq!(
            merged(&[("x", "1")], items(&issuers)).unwrap(),
            owned(&[("x", "1"), issuers[0], issuers[1]])
        );
        let all = merged(&issuers, items(&more)).unwrap();
        assert_eq!(
            all,
            owned(&[issuers[0], issuers[1], ("service-account-issuer", "c"), ("v", "2")])
        );
        // Arguments that kipod does not know can be repeated within a patch.
        let unknown = [("new-flag", "1"), ("new-flag", "2")];
        assert_eq!(merged(&[("new-flag", "0")], items(&unknown)).unwrap(), owned(&unknown));
    }

    #[test]
    fn merge_adds_to_comma_separated_lists() {
        for (name, before, change, after) in [
            ("feature-gates", "A=true", "B=false,A=true", "A=true,B=false"),
            ("runtime-config", "api/alpha=true", "api/beta", "api/alpha=true,api/beta"),
            ("node-labels", "tier=front", "zone=x,tier=front", "tier=front,zone=x"),
            (
                "enable-admission-plugins",
                "NodeRestriction",
                "A,NodeRestriction",
                "NodeRestriction,A",
            ),
            ("node-labels", "", "zone=x", "zone=x"),
        ] {
            let found = merged(&[(name, before)], items(&[(name, change)])).unwrap();
            assert_eq!(found, owned(&[(name, after)]));
        }
        assert_eq!(merged(&[("v", "1")], json!({ "v": 4 })).unwrap(), owned(&[("v", "4")]));
        assert_eq!(
            merged(&[("feature-gates", "A=true")], json!({ "feature-gates": null })).unwrap(),
            []
        );
    }

    #[test]
    fn merge_names_both_sides_of_a_conflict() {
        let conflict = |name, value| merged(&[], items(&[(name, value)])).unwrap_err().to_string();
        assert_eq!(
            conflict("feature-gates", "B=true,A=false"),
            "the patch sets `A` to `false`, but `featureGates` of the configuration sets it to `true`"
        );
        assert_eq!(
            conflict("node-labels", "tier"),
            "the patch sets `tier` to ``, but `labels` of the configuration sets it to `front`"
        );
        assert!(conflict("runtime-config", "api/alpha=false").contains("`runtimeConfig`"));
        let gates =
            |kind| configured().check_gates(kind, &json!({ "featureGates": { "A": false } }));
        assert!(gates("KubeletConfiguration").is_err());
        assert!(gates("ClusterConfiguration").is_ok());
    }
}
