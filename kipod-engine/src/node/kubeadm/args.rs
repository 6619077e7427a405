//! Lists of arguments and environment variables in the kubeadm configuration.

use std::collections::BTreeMap;
use std::fmt::Display;

use serde_json::{Value, json};

/// Returns a list item: an argument or environment variable.
pub(super) fn item(name: &str, value: &str) -> Value {
    json!({ "name": name, "value": value })
}

/// Adds an item, unless the list has one with this name. Creates the list if it is null.
pub(super) fn add(list: &mut Value, name: &str, value: &str) {
    if list.is_null() {
        *list = json!([]);
    }
    if !has(list, name)
        && let Some(items) = list.as_array_mut()
    {
        items.push(item(name, value));
    }
}

/// Returns whether the list has an item with this name.
pub(super) fn has(list: &Value, name: &str) -> bool {
    list.as_array().is_some_and(|items| items.iter().any(|item| item["name"] == name))
}

/// Formats a map as the value of a command line flag: `a=b,c=d`.
pub(super) fn key_values<V: Display>(pairs: &BTreeMap<String, V>) -> String {
    pairs.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn add_keeps_an_existing_item() {
        let mut list = Value::Null;
        add(&mut list, "GOGC", "400");
        assert_eq!(list, json!([{ "name": "GOGC", "value": "400" }]));
        let existing = json!([{ "name": "GOGC", "value": "50" }]);
        list.clone_from(&existing);
        add(&mut list, "GOGC", "400");
        assert_eq!(list, existing);
        add(&mut list, "GOMAXPROCS", "1");
        assert_eq!(list[1]["name"], "GOMAXPROCS");
    }
}
