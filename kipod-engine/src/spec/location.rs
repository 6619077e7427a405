//! Raw values and their locations in a configuration file.

use std::fmt;

use serde::Serialize;

/// A position in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Position {
    /// The file's name, as the caller passed it.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// The position at which a part of a specification is written, for errors. It is not part of the value: two
/// parts at different positions can be equal, and records do not contain it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origin(pub(crate) Option<Position>);

impl PartialEq for Origin {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Origin {}

impl Origin {
    /// Returns the position of a value.
    pub(crate) fn of(location: Option<&Location>) -> Self {
        Self(location.map(|location| location.position.clone()))
    }
}

/// Formats the start of an error message: `FILE:LINE:COLUMN: `, or nothing.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |position| write!(f, "{position}: "))
    }
}

/// The location of a value: its key and position in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Location {
    /// The full key, such as `nodes[1].extraMounts[0].hostPath`.
    pub key: String,
    /// The position of the value.
    pub position: Position,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.position, self.key)
    }
}

/// The text of a value before validation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawValue {
    /// The text.
    pub text: String,
    /// The location in a file; `None` for the value of a flag.
    pub location: Option<Location>,
}

impl From<&str> for RawValue {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<String> for RawValue {
    fn from(text: String) -> Self {
        Self { text, location: None }
    }
}
