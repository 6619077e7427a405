//! The body of a test, after its arguments.

use std::future::Future;
use std::pin::Pin;
use std::process::Termination;

use super::error::SetupError;
use crate::context::{FromTestContext, TestContext};

/// A future that creates the arguments of a test and runs its body.
pub struct Body<R: Termination>(pub(crate) Pin<Box<dyn Future<Output = Result<R, ArgumentError>>>>);

/// An argument that could not be created.
pub struct ArgumentError(pub(crate) SetupError);

impl<R: Termination> Body<R> {
    /// Boxes the future.
    pub fn new(body: impl Future<Output = Result<R, ArgumentError>> + 'static) -> Self {
        Self(Box::pin(body))
    }
}

/// Creates an argument; `written` is its declaration in the test. The future is boxed so that its
/// type does not contain `T`: otherwise rustc reports an invalid type twice.
pub fn argument<'a, T: FromTestContext + 'a>(
    context: &'a TestContext,
    written: &'static str,
) -> Pin<Box<dyn Future<Output = Result<T, ArgumentError>> + 'a>> {
    Box::pin(async move {
        let created = T::from_test_context(context).await;
        created.map_err(|source| ArgumentError(SetupError::Argument { argument: written, source }))
    })
}
