//! A cursor in the YAML tree of a file: a value and its key path, such as `nodes[0].image`, for errors.

use crate::spec::{Location, Position, RawValue, ValidationError};
use crate::util::yaml::{Mark, Node, Value};

/// A node of a file with its full key.
#[derive(Debug, Clone)]
pub(super) struct Cursor<'a> {
    pub(super) file: &'a str,
    pub(super) key: String,
    pub(super) node: &'a Node,
}

impl<'a> Cursor<'a> {
    pub(super) fn root(file: &'a str, node: &'a Node) -> Self {
        Self { file, key: String::new(), node }
    }

    /// Returns the value at a key of the mapping; `None` for null.
    pub(super) fn field(&self, name: &str) -> Option<Self> {
        let node = self.node.get(name).filter(|node| !node.is_null())?;
        Some(self.below(name, node))
    }

    /// Returns the items of a list; none for other values.
    pub(super) fn items(&self) -> Vec<Self> {
        let Value::Seq(items) = &self.node.value else { return Vec::new() };
        let item =
            |(index, node)| Self { file: self.file, key: format!("{}[{index}]", self.key), node };
        items.iter().enumerate().map(item).collect()
    }

    /// Returns the keys and values of a mapping; none for other values.
    pub(super) fn pairs(&self) -> Vec<(RawValue, Self)> {
        let Value::Map(pairs) = &self.node.value else { return Vec::new() };
        let pair = |(key, node): &'a (Node, Node)| {
            let name = key.as_str()?;
            let value = self.below(name, node);
            let location = Location { key: value.key.clone(), position: self.position(key.mark) };
            Some((RawValue { text: name.to_owned(), location: Some(location) }, value))
        };
        pairs.iter().filter_map(pair).collect()
    }

    fn below(&self, name: &str, node: &'a Node) -> Self {
        let key = match self.key.as_str() {
            "" => name.to_owned(),
            above => format!("{above}.{name}"),
        };
        Self { file: self.file, key, node }
    }

    pub(super) fn location(&self) -> Location {
        Location { key: self.key.clone(), position: self.position(self.node.mark) }
    }

    fn position(&self, mark: Mark) -> Position {
        Position { file: self.file.to_owned(), line: mark.line, column: mark.column }
    }

    pub(super) fn error(&self, message: impl std::fmt::Display) -> ValidationError {
        self.location().error(message)
    }

    /// Returns the text of a scalar. Null is empty text.
    pub(super) fn text(&self) -> Option<RawValue> {
        let text = if self.node.is_null() { "" } else { self.node.as_str()? };
        Some(RawValue { text: text.to_owned(), location: Some(self.location()) })
    }

    /// Returns an integer in decimal digits.
    pub(super) fn integer(&self) -> Option<RawValue> {
        let Value::Plain(text) = &self.node.value else { return None };
        Some(RawValue { text: integer(text)?.to_string(), location: Some(self.location()) })
    }

    pub(super) fn boolean(&self) -> Option<bool> {
        let Value::Plain(text) = &self.node.value else { return None };
        // kind accepts the booleans of YAML 1.1 too.
        match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "y" | "on" => Some(true),
            "false" | "no" | "n" | "off" => Some(false),
            _ => None,
        }
    }
}

/// Parses an integer in the notations that kind accepts: decimal, `0x`, `0o` and `0b`, with underscores
/// between the digits.
fn integer(text: &str) -> Option<i64> {
    let text = text.replace('_', "");
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(&text)),
    };
    let (radix, digits) = match digits.get(..2) {
        Some("0x") => (16, &digits[2..]),
        Some("0o") => (8, &digits[2..]),
        Some("0b") => (2, &digits[2..]),
        _ => (10, digits),
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    i64::from_str_radix(digits, radix).ok().map(|number| sign * number)
}
