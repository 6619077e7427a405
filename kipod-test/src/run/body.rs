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

/// Makes an argument; `written` is how the test has it. It is boxed so that its type says nothing
/// of `T`: rustc then tells of a type that cannot be made once, not once more for the future.
pub fn argument<'a, T: FromTestContext + 'a>(
    context: &'a TestContext,
    written: &'static str,
) -> Pin<Box<dyn Future<Output = Result<T, Unmade>> + 'a>> {
    Box::pin(async move {
        let made = T::from_test_context(context).await;
        made.map_err(|source| Unmade(SetupError::Argument { argument: written, source }))
    })
}
