//! The body of a test, with its arguments made first.

use std::future::Future;
use std::pin::Pin;
use std::process::Termination;

use crate::context::{FromTestContext, TestContext};
use crate::error::SetupError;

/// The body of a test, with its arguments made first.
pub struct Body<R: Termination>(pub(crate) Pin<Box<dyn Future<Output = Result<R, Unmade>>>>);

/// An argument that could not be made.
pub struct Unmade(pub(crate) SetupError);

impl<R: Termination> Body<R> {
    /// Boxes it.
    pub fn new(body: impl Future<Output = Result<R, Unmade>> + 'static) -> Self {
        Self(Box::pin(body))
    }
}

/// Makes an argument; `written` is how the test has it.
///
/// # Errors
///
/// With what the argument's own maker says.
pub async fn argument<T: FromTestContext>(
    context: &TestContext,
    written: &'static str,
) -> Result<T, Unmade> {
    let made = T::from_test_context(context).await;
    made.map_err(|source| Unmade(SetupError::Argument { argument: written, source }))
}
