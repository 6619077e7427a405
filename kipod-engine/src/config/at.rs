//! A node of a file, with the key that leads to it.

use crate::spec::{Place, Position, ValidationError, Written};
use crate::util::yaml::{Mark, Node, Value};

/// A node of a file, with the key that leads to it.
#[derive(Debug, Clone)]
pub(super) struct At<'a> {
    pub(super) file: &'a str,
    pub(super) key: String,
    pub(super) node: &'a Node,
}

impl<'a> At<'a> {
    pub(super) fn root(file: &'a str, node: &'a Node) -> Self {
        Self { file, key: String::new(), node }
    }

    /// What stands at a key of this mapping, unless that is nothing.
    pub(super) fn field(&self, name: &str) -> Option<Self> {
        let node = self.node.get(name).filter(|node| !node.is_null())?;
        Some(self.below(name, node))
    }

    /// The items of this list; none where it is no list.
    pub(super) fn items(&self) -> Vec<Self> {
        let Value::Seq(items) = &self.node.value else { return Vec::new() };
        let item =
            |(index, node)| Self { file: self.file, key: format!("{}[{index}]", self.key), node };
        items.iter().enumerate().map(item).collect()
    }

    /// The keys of this mapping, each with what stands at it; none where it is no mapping.
    pub(super) fn pairs(&self) -> Vec<(Written, Self)> {
        let Value::Map(pairs) = &self.node.value else { return Vec::new() };
        let pair = |(key, node): &'a (Node, Node)| {
            let name = key.as_str()?;
            let value = self.below(name, node);
            let place = Place { key: value.key.clone(), position: self.position(key.mark) };
            Some((Written { text: name.to_owned(), place: Some(place) }, value))
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

    pub(super) fn place(&self) -> Place {
        Place { key: self.key.clone(), position: self.position(self.node.mark) }
    }

    fn position(&self, mark: Mark) -> Position {
        Position { file: self.file.to_owned(), line: mark.line, column: mark.column }
    }

    pub(super) fn fault(&self, message: impl std::fmt::Display) -> ValidationError {
        self.place().fault(message)
    }

    /// Its text, if it is a scalar; none at all is empty text.
    pub(super) fn text(&self) -> Option<Written> {
        let text = if self.node.is_null() { "" } else { self.node.as_str()? };
        Some(Written { text: text.to_owned(), place: Some(self.place()) })
    }

    /// Its number, in decimal digits.
    pub(super) fn integer(&self) -> Option<Written> {
        let Value::Plain(text) = &self.node.value else { return None };
        Some(Written { text: integer(text)?.to_string(), place: Some(self.place()) })
    }

    pub(super) fn boolean(&self) -> Option<bool> {
        let Value::Plain(text) = &self.node.value else { return None };
        // Those of YAML 1.1 too: kind takes them.
        match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "y" | "on" => Some(true),
            "false" | "no" | "n" | "off" => Some(false),
            _ => None,
        }
    }
}

/// A whole number in the notations of YAML, which kind takes: decimal, `0x`, `0o` and `0b`, with
/// underscores between the digits.
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
