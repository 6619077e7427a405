//! What is wrong with what a user asked for.

use std::fmt;

use serde::Serialize;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Where: the key, such as `pod subnet`.
    pub place: String,
    /// What, in words that need no place.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// All that is wrong, in the order of the keys; at least one [`Fault`]. It prints as a line with
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
        let fault =
            |place: &str, message: &str| Fault { place: place.into(), message: message.into() };
        let one = Faults::new(vec![fault("image", "is empty")]).unwrap();
        assert_eq!(one.to_string(), "1 fault in what was asked for\n  image: is empty");
        let two = Faults::new(vec![fault("a", "b"), fault("c", "d")]).unwrap();
        assert_eq!(two.to_string(), "2 faults in what was asked for\n  a: b\n  c: d");
        assert_eq!(Faults::new(Vec::new()), None);
    }
}
