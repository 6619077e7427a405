//! A YAML tree with source positions and comments. Writing it keeps its meaning for every YAML reader.
//!
//! Typed values are not enough for files that other tools own: `yes` is a boolean in YAML 1.1 and text
//! in YAML 1.2, and `0755` is a different number in each. So a plain scalar keeps its characters, and
//! only layout is lost: blank lines, flow style and the kind of quotes. Comments stay at their node.

mod parse;
#[cfg(test)]
mod tests;
mod write;

pub(crate) use parse::{parse, read};
pub(crate) use write::write;

/// A document: its root node and the comments after it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Document {
    /// The root node; `None` for an empty document.
    pub(crate) root: Option<Node>,
    /// The comments after the last node, each without its `#`.
    pub(crate) comments: Vec<String>,
}

/// A position in a text: line and column, both counted from 1. Zeros for a node without a source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mark {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// A syntax error of a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {}: {message}", mark.line)]
pub(crate) struct SyntaxError {
    pub(crate) mark: Mark,
    pub(crate) message: String,
}

/// A document that cannot be written without changing its meaning.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WriteError {
    /// The written text cannot be parsed.
    #[error("the written document cannot be read back")]
    Unreadable(#[source] SyntaxError),
    /// The written text is another document.
    #[error("the written document would differ from the original")]
    Differs,
}

/// A node of a document. Nodes are equal if they mean the same to every reader; comments and positions
/// are not compared.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) mark: Mark,
    /// The anchor name that aliases refer to.
    pub(crate) anchor: Option<String>,
    /// The tag, in a notation that needs no `%TAG` directive.
    pub(crate) tag: Option<String>,
    /// The comment lines above the node, each without its `#`.
    above: Vec<String>,
    /// The comment at the end of its line, without its `#`.
    right: Option<String>,
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value && self.anchor == other.anchor && self.tag == other.tag
    }
}

/// The value of a node.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// A scalar without quotes. Its type depends on the reader.
    Plain(String),
    /// A scalar that every reader reads as text.
    Text(String),
    /// A reference to an anchor.
    Alias(String),
    /// A sequence.
    Seq(Vec<Node>),
    /// A mapping, in the order of the text.
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
    /// Creates a scalar that every reader reads as text, without quotes where they are not needed.
    pub(crate) fn text(text: &str) -> Self {
        let value = if is_safe_plain(text) { Value::Plain } else { Value::Text };
        value(text.to_owned()).into()
    }

    /// Creates a mapping.
    pub(crate) fn map<'a>(pairs: impl IntoIterator<Item = (&'a str, Self)>) -> Self {
        Value::Map(pairs.into_iter().map(|(key, value)| (Self::text(key), value)).collect()).into()
    }

    /// Returns the characters of a scalar; `None` for other values.
    pub(crate) fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::Plain(text) | Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns whether the node is the null value.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Plain(text) if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// Returns the value at a key of a mapping.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        let Value::Map(pairs) = &self.value else { return None };
        pairs.iter().find(|(name, _)| name.as_str() == Some(key)).map(|(_, value)| value)
    }

    /// Copies the comments of the node that this one replaces.
    pub(crate) fn with_comments_of(mut self, other: &Self) -> Self {
        self.above.clone_from(&other.above);
        self.right.clone_from(&other.right);
        self
    }

    /// Returns whether both nodes have the same content, regardless of quotes and the order of keys.
    /// Only for documents whose scalars are all text.
    pub(crate) fn same_content(&self, other: &Self) -> bool {
        match (&self.value, &other.value) {
            (Value::Seq(these), Value::Seq(those)) => {
                these.len() == those.len()
                    && these.iter().zip(those).all(|(this, that)| this.same_content(that))
            }
            (Value::Map(these), Value::Map(those)) => {
                these.len() == those.len()
                    && these.iter().all(|(key, this)| {
                        key.as_str()
                            .and_then(|key| other.get(key))
                            .is_some_and(|that| this.same_content(that))
                    })
            }
            _ => self.as_str().is_some() && self.as_str() == other.as_str(),
        }
    }
}

/// Returns whether every reader reads this text as text without quotes: it starts with a letter, has no
/// syntax characters, and is not a keyword of YAML 1.1 or 1.2.
fn is_safe_plain(text: &str) -> bool {
    const KEYWORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    let ordinary = |c: char| c.is_ascii_alphanumeric() || "-_./=+:".contains(c);
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(ordinary)
        && !text.ends_with(':')
        && !KEYWORDS.contains(&text.to_ascii_lowercase().as_str())
}
