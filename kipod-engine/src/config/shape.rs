//! Whether a tree has the shape that a format asks for.

use super::at::At;
use super::format::{Kind, Object};
use crate::spec::ValidationError;
use crate::util::suggest::did_you_mean;
use crate::util::yaml::Value;

/// Adds all that does not fit: unknown fields, and values of another kind. What is left out, or
/// null, fits everywhere.
pub(super) fn check(at: &At<'_>, kind: Kind, faults: &mut Vec<ValidationError>) {
    if at.node.is_null() {
        return;
    }
    let fits = match kind {
        Kind::Text | Kind::Constant(_) | Kind::Words(_) => at.text().is_some(),
        Kind::Integer(..) => at.integer().is_some(),
        Kind::Boolean => at.boolean().is_some(),
        Kind::List(_) | Kind::Objects(_) => matches!(at.node.value, Value::Seq(_)),
        Kind::Map(_) | Kind::Object(_) => matches!(at.node.value, Value::Map(_)),
        Kind::Refused(reason) => {
            if !matches!(&at.node.value, Value::Seq(items) if items.is_empty()) {
                faults.push(at.fault(reason));
            }
            return;
        }
    };
    if !fits {
        let found = match &at.node.value {
            Value::Text(text) if text.lines().count() < 2 => format!("the text `{text}`"),
            Value::Plain(text) => format!("`{text}`"),
            Value::Text(_) | Value::Alias(_) => "a text".to_owned(),
            Value::Seq(_) => "a list".to_owned(),
            Value::Map(_) => "a mapping".to_owned(),
        };
        faults.push(at.fault(format!("{found} stands where {} belongs", kind.words())));
        return;
    }
    match kind {
        Kind::List(item) => at.items().iter().for_each(|at| check(at, *item, faults)),
        Kind::Objects(object) => {
            at.items().iter().for_each(|at| check(at, Kind::Object(object), faults));
        }
        Kind::Map(value) => at.pairs().iter().for_each(|(_, at)| check(at, *value, faults)),
        Kind::Object(object) => fields(at, object, faults),
        _ => {}
    }
}

fn fields(at: &At<'_>, object: &'static Object, faults: &mut Vec<ValidationError>) {
    for (name, value) in at.pairs() {
        match object.field(&name.text) {
            Some(field) => check(&value, field.kind, faults),
            None => {
                let meant = did_you_mean(&name.text, object.live().map(|field| field.name));
                faults.push(name.fault("", format!("there is no such field{meant}")));
            }
        }
    }
}
