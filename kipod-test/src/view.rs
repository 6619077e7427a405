//! Objects as JSON. Which of their fields are optional differs from one version of the Kubernetes
//! API to the next, and so does the Rust type; which version is in use is the user's choice.

use serde::Serialize;
use serde_json::Value;

/// The object as JSON; `Null` for one that cannot be written so.
pub(crate) fn view(object: &impl Serialize) -> Value {
    serde_json::to_value(object).unwrap_or_default()
}

/// A number, or what stands for one that is left out.
pub(crate) fn int(value: &Value, default: i64) -> i64 {
    value.as_i64().unwrap_or(default)
}

/// A text that is there and not empty.
pub(crate) fn text(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty())
}

/// A list; an empty one where there is none.
pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
