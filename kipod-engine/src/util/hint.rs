//! Hints: what a user can do about an error.

use std::error::Error;

/// An error that may know a remedy.
///
/// The message of an error is about its own level, its cause is in [`Error::source`]. The hint is a
/// third part: a sentence or a command that a user can follow, shown on a line of its own.
///
/// ```
/// use kipod_engine::Hint;
/// use kipod_engine::spec::ClusterName;
///
/// fn report(error: &dyn Hint) -> String {
///     match error.hint() {
///         Some(hint) => format!("error: {error}\nhint: {hint}"),
///         None => format!("error: {error}"),
///     }
/// }
/// # let _ = (report, ClusterName::default());
/// ```
pub trait Hint: Error {
    /// Returns the remedy for this error, or for the cause below it; `None` where there is none.
    fn hint(&self) -> Option<String>;
}
