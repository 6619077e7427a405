//! The attribute behind `#[kipod::test]`. Use the `kipod-test` crate, which re-exports it; this
//! crate has no stable interface of its own.
//!
//! It owns syntax and spans alone: what was written becomes plain data and one call of the
//! harness's runtime, which owns every default and all behaviour.

mod args;
mod duration;
mod expand;
mod item;
mod option;
mod suggest;

#[cfg(test)]
mod tests;

use proc_macro::TokenStream;

/// Makes an `async fn` a test that runs against a real Kubernetes cluster.
#[proc_macro_attribute]
pub fn test(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::test(args.into(), item.into()).into()
}
