//! Kubernetes objects as JSON. Which fields are optional differs between versions of the Kubernetes
//! API, and with it the Rust types; the user chooses the version.

use serde::Serialize;
use serde_json::Value;

/// Converts an object to JSON. Returns `Null` if it cannot be serialized.
pub(crate) fn to_json(object: &impl Serialize) -> Value {
    serde_json::to_value(object).unwrap_or_default()
}

/// Returns a number, or `default` if there is none.
pub(crate) fn int(value: &Value, default: i64) -> i64 {
    value.as_i64().unwrap_or(default)
}

/// Returns a non-empty string.
pub(crate) fn text(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty())
}

/// Returns the items of a list, or none if it is not a list.
pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
