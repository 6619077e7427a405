//! Structural validation: known fields with values of the right type.

use super::cursor::Cursor;
use super::tables::{Kind, Object};
use crate::spec::ValidationError;
use crate::util::suggest::did_you_mean;
use crate::util::yaml::Value;

/// Adds an error for each unknown field and each value of a wrong type. Null is valid for all types.
pub(super) fn check(at: &Cursor<'_>, kind: Kind, errors: &mut Vec<ValidationError>) {
    if at.node.is_null() {
        return;
    }
    let fits = match kind {
        Kind::Text | Kind::Quantity | Kind::Constant(_) | Kind::Names(_) => at.text().is_some(),
        Kind::Integer(..) => at.integer().is_some(),
        Kind::Boolean => at.boolean().is_some(),
        Kind::List(_) | Kind::Objects(_) => matches!(at.node.value, Value::Seq(_)),
        Kind::Map(_) | Kind::Object(_) => matches!(at.node.value, Value::Map(_)),
        Kind::Refused(reason) => {
            if !matches!(&at.node.value, Value::Seq(items) if items.is_empty()) {
                errors.push(at.error(reason));
            }
            return;
        }
    };
    if !fits {
        let found = match &at.node.value {
            Value::Text(text) if text.lines().count() < 2 => format!("the text `{text}`"),
            Value::Plain(text) => format!("`{text}`"),
            Value::Text(_) | Value::Alias(_) => "text".to_owned(),
            Value::Seq(_) => "a list".to_owned(),
            Value::Map(_) => "a mapping".to_owned(),
        };
        errors.push(at.error(format!("expected {}, found {found}", kind.description())));
        return;
    }
    match kind {
        Kind::List(item) => at.items().iter().for_each(|at| check(at, *item, errors)),
        Kind::Objects(object) => {
            at.items().iter().for_each(|at| check(at, Kind::Object(object), errors));
        }
        Kind::Map(value) => at.pairs().iter().for_each(|(_, at)| check(at, *value, errors)),
        Kind::Object(object) => fields(at, object, errors),
        _ => {}
    }
}

fn fields(at: &Cursor<'_>, object: &'static Object, errors: &mut Vec<ValidationError>) {
    for (name, value) in at.pairs() {
        match object.field(&name.text) {
            Some(field) => check(&value, field.kind, errors),
            None => {
                let suggestion =
                    did_you_mean(&name.text, object.supported().map(|field| field.name));
                errors.push(name.error("", format!("unknown field{suggestion}")));
            }
        }
    }
}
