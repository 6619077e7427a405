//! What stands where in a configuration file.

use std::fmt;

use serde::Serialize;

use super::ValidationError;

/// Where in a file something stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Position {
    /// The file's name, as it was given.
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

/// Where a value comes from: a key of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The key with those above it, such as `nodes[1].extraMounts[0].hostPath`.
    pub key: String,
    /// Where the value stands.
    pub position: Position,
}

impl Place {
    /// What is wrong here.
    pub fn fault(&self, message: impl fmt::Display) -> ValidationError {
        ValidationError {
            position: Some(self.position.clone()),
            place: self.key.clone(),
            message: message.to_string(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.position, self.key)
    }
}

/// A value as it was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// Its text.
    pub text: String,
    /// Where it stands; `None` for what was typed as a flag.
    pub place: Option<Place>,
}

impl Written {
    /// What is wrong with it; `name` is what it is called where it was typed as a flag.
    pub fn fault(&self, name: &str, message: impl fmt::Display) -> ValidationError {
        ValidationError::at(self.place.as_ref(), name, message)
    }
}

impl From<&str> for Written {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<String> for Written {
    fn from(text: String) -> Self {
        Self { text, place: None }
    }
}
