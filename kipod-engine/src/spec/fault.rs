//! What is wrong with what a user asked for.

use std::fmt;

use serde::Serialize;

use super::{Place, Position};

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ValidationError {
    /// Where in a file; `None` for what was typed as a flag.
    pub position: Option<Position>,
    /// Of what: the flag in words, such as `pod subnet`, or the file's key, such as
    /// `networking.podSubnet`; empty for the file as a whole.
    pub place: String,
    /// What, in words that need no place.
    pub message: String,
}

impl ValidationError {
    /// What is wrong at a place, or where there is none, with what is called `name`.
    pub(crate) fn at(place: Option<&Place>, name: &str, message: impl fmt::Display) -> Self {
        match place {
            Some(place) => place.fault(message),
            None => Self { position: None, place: name.to_owned(), message: message.to_string() },
        }
    }
}

impl fmt::Display for ValidationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(position) = &self.position {
            write!(f, "{position}: ")?;
        }
        if !self.place.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        f.write_str(&self.message)
    }
}

/// All that is wrong, in the order of the keys, or of the lines of a file; at least one [`ValidationError`]. It prints as a line with
/// their number and a line for each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ValidationErrors(Vec<ValidationError>);

impl ValidationErrors {
    /// The faults, or `None` where there are none.
    pub fn new(faults: Vec<ValidationError>) -> Option<Self> {
        (!faults.is_empty()).then_some(Self(faults))
    }

    /// Each fault.
    pub fn iter(&self) -> std::slice::Iter<'_, ValidationError> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a ValidationErrors {
    type Item = &'a ValidationError;
    type IntoIter = std::slice::Iter<'a, ValidationError>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for ValidationErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.0.len() == 1 { "" } else { "s" };
        write!(f, "{} fault{plural} in what was asked for", self.0.len())?;
        self.0.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}

impl std::error::Error for ValidationErrors {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_each_on_its_own_line() {
        let fault = |place: &str, message: &str| ValidationError::at(None, place, message);
        let one = ValidationErrors::new(vec![fault("image", "is empty")]).unwrap();
        assert_eq!(one.to_string(), "1 fault in what was asked for\n  image: is empty");
        let two = ValidationErrors::new(vec![fault("a", "b"), fault("c", "d")]).unwrap();
        assert_eq!(two.to_string(), "2 faults in what was asked for\n  a: b\n  c: d");
        let position = Position { file: "c.yaml".into(), line: 2, column: 7 };
        let place = Place { key: "nodes[0].image".into(), position };
        assert_eq!(place.fault("is empty").to_string(), "c.yaml:2:7: nodes[0].image: is empty");
        assert_eq!(ValidationErrors::new(Vec::new()), None);
    }
}
