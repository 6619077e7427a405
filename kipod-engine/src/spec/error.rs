//! Validation errors of a cluster specification.

use std::fmt;

use serde::Serialize;

use super::location::{Location, Position, RawValue};

/// An error of one value of a cluster specification.
///
/// ```
/// use kipod_engine::ClusterSpec;
///
/// let errors = ClusterSpec::builder("demo").control_planes(2).build().unwrap_err();
/// let error = errors.iter().next().unwrap();
/// assert_eq!(error.field, "control planes");
/// assert!(error.message.ends_with("use an odd number"), "{error}");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ValidationError {
    /// The position in a file; `None` for values of flags and of the builder.
    #[doc(hidden)]
    pub position: Option<Position>,
    /// The name of the setting, such as `pod subnet`, or its key in a file, such as
    /// `networking.podSubnet`. Empty for an error about the complete file.
    pub field: String,
    /// The message, without the field.
    pub message: String,
}

impl ValidationError {
    /// Creates an error at a location, or about the setting `name` if there is no location.
    pub(crate) fn at(location: Option<&Location>, name: &str, message: impl fmt::Display) -> Self {
        match location {
            Some(location) => location.error(message),
            None => Self { position: None, field: name.to_owned(), message: message.to_string() },
        }
    }
}

impl Location {
    /// Creates an error at this location.
    pub(crate) fn error(&self, message: impl fmt::Display) -> ValidationError {
        ValidationError {
            position: Some(self.position.clone()),
            field: self.key.clone(),
            message: message.to_string(),
        }
    }
}

impl RawValue {
    /// Creates an error about this value. `name` names the field if the value is not from a file.
    pub(crate) fn error(&self, name: &str, message: impl fmt::Display) -> ValidationError {
        ValidationError::at(self.location.as_ref(), name, message)
    }
}

impl fmt::Display for ValidationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(position) = &self.position {
            write!(f, "{position}: ")?;
        }
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for ValidationError {}

/// All errors of a cluster specification, at least one, in the order of the fields or of the file.
///
/// The message has a line with their number, and a line for each error.
///
/// ```
/// use kipod_engine::ClusterSpec;
///
/// let errors = ClusterSpec::builder("Demo").control_planes(0).build().unwrap_err();
/// let fields: Vec<&str> = errors.iter().map(|error| error.field.as_str()).collect();
/// assert_eq!(fields, ["cluster name", "control planes"]);
/// assert!(errors.to_string().starts_with("invalid configuration: 2 errors\n"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ValidationErrors(Vec<ValidationError>);

impl ValidationErrors {
    /// Creates the collection; `None` without errors.
    pub(crate) fn new(errors: Vec<ValidationError>) -> Option<Self> {
        (!errors.is_empty()).then_some(Self(errors))
    }

    /// Iterates over the errors.
    pub fn iter(&self) -> std::slice::Iter<'_, ValidationError> {
        self.0.iter()
    }
}

impl From<ValidationError> for ValidationErrors {
    fn from(error: ValidationError) -> Self {
        Self(vec![error])
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
        write!(f, "invalid configuration: {} error{plural}", self.0.len())?;
        self.0.iter().try_for_each(|error| write!(f, "\n  {error}"))
    }
}

impl std::error::Error for ValidationErrors {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_prints_a_line_for_each_error() {
        let error = |field: &str, message: &str| ValidationError::at(None, field, message);
        let one = ValidationErrors::new(vec![error("image", "is empty")]).unwrap();
        assert_eq!(one.to_string(), "invalid configuration: 1 error\n  image: is empty");
        let two = ValidationErrors::new(vec![error("a", "b"), error("c", "d")]).unwrap();
        assert_eq!(two.to_string(), "invalid configuration: 2 errors\n  a: b\n  c: d");
        let position = Position { file: "c.yaml".into(), line: 2, column: 7 };
        let location = Location { key: "nodes[0].image".into(), position };
        assert_eq!(location.error("is empty").to_string(), "c.yaml:2:7: nodes[0].image: is empty");
        assert_eq!(ValidationErrors::new(Vec::new()), None);
    }
}
