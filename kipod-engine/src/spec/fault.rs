//! What is wrong with what a user asked for.

use std::fmt;

use serde::Serialize;

use super::{Place, Position};

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Where in a file; `None` for what was typed as a flag.
    pub position: Option<Position>,
    /// Of what: the flag in words, such as `pod subnet`, or the file's key, such as
    /// `networking.podSubnet`; empty for the file as a whole.
    pub place: String,
    /// What, in words that need no place.
    pub message: String,
}

impl Fault {
    /// What is wrong at a place, or where there is none, with what is called `name`.
    pub(crate) fn at(place: Option<&Place>, name: &str, message: impl fmt::Display) -> Self {
        match place {
            Some(place) => place.fault(message),
            None => Self { position: None, place: name.to_owned(), message: message.to_string() },
        }
    }
}

impl fmt::Display for Fault {
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

/// All that is wrong, in the order of the keys, or of the lines of a file; at least one [`Fault`]. It prints as a line with
/// their number and a line for each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// The faults, or `None` where there are none.
    pub fn new(faults: Vec<Fault>) -> Option<Self> {
        (!faults.is_empty()).then_some(Self(faults))
    }

    /// Each fault.
    pub fn iter(&self) -> std::slice::Iter<'_, Fault> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a Faults {
    type Item = &'a Fault;
    type IntoIter = std::slice::Iter<'a, Fault>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.0.len() == 1 { "" } else { "s" };
        write!(f, "{} fault{plural} in what was asked for", self.0.len())?;
        self.0.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}

impl std::error::Error for Faults {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_each_on_its_own_line() {
        let fault = |place: &str, message: &str| Fault::at(None, place, message);
        let one = Faults::new(vec![fault("image", "is empty")]).unwrap();
        assert_eq!(one.to_string(), "1 fault in what was asked for\n  image: is empty");
        let two = Faults::new(vec![fault("a", "b"), fault("c", "d")]).unwrap();
        assert_eq!(two.to_string(), "2 faults in what was asked for\n  a: b\n  c: d");
        let position = Position { file: "c.yaml".into(), line: 2, column: 7 };
        let place = Place { key: "nodes[0].image".into(), position };
        assert_eq!(place.fault("is empty").to_string(), "c.yaml:2:7: nodes[0].image: is empty");
        assert_eq!(Faults::new(Vec::new()), None);
    }
}
