//! Hints: remedies for errors.

use std::error::Error;

/// An error with an optional remedy.
///
/// An error's message describes its own level, and [`Error::source`] returns its cause. The hint is a
/// sentence or command that the user can follow, displayed on a line of its own.
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
    /// Returns the remedy for this error or for its cause.
    fn hint(&self) -> Option<String>;
}
