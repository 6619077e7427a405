//! YAML as a tree that knows where its text stood, and that can be written again without changing
//! what it means to any reader.
//!
//! A typed value would not do for a file that others own: `yes` is a boolean to one YAML reader and
//! text to the next, `0755` is one number or another. So a plain scalar stays the characters it was
//! written with, and only layout is lost: blank lines, flow style, the kind of quotes. Comments are
//! kept at the node they stood by.

mod parse;
#[cfg(test)]
mod tests;
mod write;

pub(crate) use parse::{parse, read};
pub(crate) use write::write;

/// A document: what it holds, and the comments behind that.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Document {
    /// The top node; `None` for a document without any.
    pub(crate) root: Option<Node>,
    /// Comments behind the last node, each without its `#`.
    pub(crate) comments: Vec<String>,
}

/// Where in a text something starts: line and column, both counted from 1. Zeros for what was never
/// read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mark {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// What is wrong with a text, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flaw {
    pub(crate) mark: Mark,
    pub(crate) message: String,
}

/// A place in a document, with what stands there. Two are equal when they mean the same to every
/// reader, whatever their comments and wherever they stand.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) mark: Mark,
    /// The name by which aliases refer to it.
    pub(crate) anchor: Option<String>,
    /// Its tag, in a notation that needs no directive.
    pub(crate) tag: Option<String>,
    /// The lines of comment above it, each without its `#`.
    above: Vec<String>,
    /// The comment behind it on its line, without its `#`.
    right: Option<String>,
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value && self.anchor == other.anchor && self.tag == other.tag
    }
}

/// What stands at a place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// Text without quotes, which each reader gives its own meaning.
    Plain(String),
    /// Text that every reader takes for text.
    Text(String),
    /// What stands at an anchor.
    Alias(String),
    /// A sequence.
    Seq(Vec<Node>),
    /// A mapping, in its order.
    Map(Vec<(Node, Node)>),
}

impl From<Value> for Node {
    fn from(value: Value) -> Self {
        Self {
            value,
            mark: Mark::default(),
            anchor: None,
            tag: None,
            above: Vec::new(),
            right: None,
        }
    }
}

impl Node {
    /// Text that every reader takes for text, without quotes where that is certain.
    pub(crate) fn text(text: &str) -> Self {
        let value = if certainly_text(text) { Value::Plain } else { Value::Text };
        value(text.to_owned()).into()
    }

    /// A mapping of these keys.
    pub(crate) fn map<'a>(pairs: impl IntoIterator<Item = (&'a str, Self)>) -> Self {
        Value::Map(pairs.into_iter().map(|(key, value)| (Self::text(key), value)).collect()).into()
    }

    /// Its characters, if it is a scalar.
    pub(crate) fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::Plain(text) | Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Whether it is the null value.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Plain(text) if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// What stands at a key of this mapping.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        let Value::Map(pairs) = &self.value else { return None };
        pairs.iter().find(|(name, _)| name.as_str() == Some(key)).map(|(_, value)| value)
    }

    /// Takes over the comments of the node that this one replaces.
    pub(crate) fn with_comments_of(mut self, other: &Self) -> Self {
        self.above.clone_from(&other.above);
        self.right.clone_from(&other.right);
        self
    }

    /// Whether it holds the same text in the same shape, whatever the order of keys and the quotes.
    /// Only for documents whose scalars are all text.
    pub(crate) fn says_the_same(&self, other: &Self) -> bool {
        match (&self.value, &other.value) {
            (Value::Seq(these), Value::Seq(those)) => {
                these.len() == those.len()
                    && these.iter().zip(those).all(|(this, that)| this.says_the_same(that))
            }
            (Value::Map(these), Value::Map(those)) => {
                these.len() == those.len()
                    && these.iter().all(|(key, this)| {
                        key.as_str()
                            .and_then(|key| other.get(key))
                            .is_some_and(|that| this.says_the_same(that))
                    })
            }
            _ => self.as_str().is_some() && self.as_str() == other.as_str(),
        }
    }
}

/// Whether no reader could take this text, written without quotes, for anything but that text: it
/// starts with a letter, has nothing that is syntax, and is no word of YAML 1.1 or 1.2.
fn certainly_text(text: &str) -> bool {
    const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    let ordinary = |c: char| c.is_ascii_alphanumeric() || "-_./=+:".contains(c);
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(ordinary)
        && !text.ends_with(':')
        && !WORDS.contains(&text.to_ascii_lowercase().as_str())
}
