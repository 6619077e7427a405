//! The implementation of `#[kipod::test]`. Use the crate `kipod-test`, which re-exports it; this crate
//! has no stable API.
//!
//! It handles only syntax and spans: the attribute expands to plain data and one call of the harness,
//! which has all defaults and all behavior.

mod args;
mod duration;
mod expand;
mod function;
mod option;
mod suggest;

#[cfg(test)]
mod tests;

use proc_macro::TokenStream;

/// Turns an `async fn` into a test that runs on a real Kubernetes cluster.
#[proc_macro_attribute]
pub fn test(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::test(args.into(), item.into()).into()
}
