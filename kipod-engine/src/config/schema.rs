//! The JSON schema of kipod's format.

use serde_json::{Map, Value, json};

use super::fields::{KIPOD, KIPOD_CLUSTER};
use super::tables::{Field, Kind, Object};

/// Returns the JSON schema of kipod's format as JSON text, for completion and checks in editors. It is
/// a draft 7 schema, which editors support best. [`read`](super::read) validates more.
pub fn schema() -> String {
    let mut text =
        serde_json::to_string_pretty(&schema_value()).expect("JSON values can be written");
    text.push('\n');
    text
}

/// Builds the schema from the tables that reading uses.
pub(super) fn schema_value() -> Value {
    let mut definitions = Map::new();
    let mut schema = object(&KIPOD_CLUSTER, &mut definitions);
    let head = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": format!("Cluster of {KIPOD}"),
        "definitions": definitions,
    });
    if let (Value::Object(schema), Value::Object(head)) = (&mut schema, head) {
        schema.extend(head);
    }
    schema
}

fn object(object: &'static Object, definitions: &mut Map<String, Value>) -> Value {
    let properties: Map<String, Value> = object
        .supported()
        .map(|field| (field.name.to_owned(), property(field, definitions)))
        .collect();
    let required: Vec<_> =
        object.supported().filter(|field| field.required).map(|field| field.name).collect();
    let mut schema = json!({
        "type": "object",
        "description": object.about,
        "additionalProperties": false,
        "properties": properties,
    });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

fn property(field: &'static Field, definitions: &mut Map<String, Value>) -> Value {
    let mut schema = kind(field.kind, definitions);
    // Draft 7 ignores the siblings of a reference.
    if schema.get("$ref").is_some() {
        schema = json!({ "allOf": [schema] });
    }
    schema["description"] = json!(field.about);
    if !field.default.is_empty() {
        schema["default"] = match field.kind {
            Kind::Boolean => json!(field.default == "true"),
            _ => json!(field.default),
        };
    }
    schema
}

fn kind(of: Kind, definitions: &mut Map<String, Value>) -> Value {
    match of {
        Kind::Text => json!({ "type": "string" }),
        Kind::Quantity => json!({ "type": ["string", "number"] }),
        Kind::Constant(text) => json!({ "const": text }),
        Kind::Names(names) => json!({ "enum": names }),
        Kind::Integer(least, most) => {
            json!({ "type": "integer", "minimum": least, "maximum": most })
        }
        Kind::Boolean => json!({ "type": "boolean" }),
        Kind::List(item) => json!({ "type": "array", "items": kind(*item, definitions) }),
        Kind::Objects(named) => {
            json!({ "type": "array", "items": kind(Kind::Object(named), definitions) })
        }
        Kind::Map(value) => {
            json!({ "type": "object", "additionalProperties": kind(*value, definitions) })
        }
        Kind::Object(named) => {
            if !definitions.contains_key(named.name) {
                let definition = object(named, definitions);
                definitions.insert(named.name.to_owned(), definition);
            }
            json!({ "$ref": format!("#/definitions/{}", named.name) })
        }
        Kind::Refused(_) => json!(false),
    }
}
