//! The annotated function.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::ToTokens;
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Error, FnArg, Meta, PatType, Signature, Visibility};

/// The annotated function. The body is not parsed: rustc reports errors in it at their place.
pub(crate) struct TestFunction {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) signature: Signature,
    pub(crate) body: Group,
}

/// The `#[should_panic]` attribute.
pub(crate) enum ShouldPanic {
    No,
    Yes { expected: Option<syn::LitStr> },
}

impl Parse for TestFunction {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let signature: Signature = input.parse()?;
        let body = input.parse::<TokenTree>().ok().and_then(block);
        let body = body.ok_or_else(|| Error::new_spanned(&signature, "a test must have a body"))?;
        Ok(Self { attributes, visibility, signature, body })
    }
}

/// Returns the block of a token. `macro_rules` wraps a block in a group without delimiters.
fn block(token: TokenTree) -> Option<Group> {
    let TokenTree::Group(group) = token else { return None };
    match group.delimiter() {
        Delimiter::Brace => Some(group),
        Delimiter::None => {
            let mut inside = group.stream().into_iter();
            inside.next().filter(|_| inside.next().is_none()).and_then(block)
        }
        _ => None,
    }
}

impl ToTokens for TestFunction {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        for attribute in &self.attributes {
            attribute.to_tokens(tokens);
        }
        self.visibility.to_tokens(tokens);
        self.signature.to_tokens(tokens);
        self.body.to_tokens(tokens);
    }
}

impl TestFunction {
    /// Returns the reasons why the function cannot be a test.
    pub(crate) fn errors(&self) -> Vec<Error> {
        let signature = &self.signature;
        let mut errors = Vec::new();
        if signature.asyncness.is_none() {
            errors.push(Error::new_spanned(
                signature.fn_token,
                "`#[kipod::test]` requires an `async fn`",
            ));
        }
        if !signature.generics.params.is_empty() {
            errors
                .push(Error::new_spanned(&signature.generics, "a test function cannot be generic"));
        }
        if let Some(receiver) = signature.receiver() {
            errors.push(Error::new_spanned(
                receiver,
                "a test must be a free function, without `self`",
            ));
        }
        if let syn::ReturnType::Type(_, ty) = &signature.output
            && matches!(self.should_panic(), ShouldPanic::Yes { .. })
            && ty.to_token_stream().to_string() != "()"
        {
            errors.push(Error::new_spanned(
                ty,
                "a test with `#[should_panic]` must not return a value",
            ));
        }
        errors.extend(self.attributes.iter().filter_map(second_test_attribute));
        errors
    }

    /// Returns the arguments.
    pub(crate) fn arguments(&self) -> impl Iterator<Item = &PatType> {
        self.signature.inputs.iter().filter_map(|input| match input {
            FnArg::Typed(typed) => Some(typed),
            FnArg::Receiver(_) => None,
        })
    }

    /// Returns the `#[should_panic]` attribute.
    pub(crate) fn should_panic(&self) -> ShouldPanic {
        let found = self.attributes.iter().find(|found| found.path().is_ident("should_panic"));
        match found.map(|found| &found.meta) {
            None => ShouldPanic::No,
            Some(Meta::NameValue(pair)) => ShouldPanic::Yes { expected: string(&pair.value) },
            Some(meta) => {
                let pair = meta.require_list().and_then(syn::MetaList::parse_args);
                let expected = pair.ok().and_then(|pair: syn::MetaNameValue| string(&pair.value));
                ShouldPanic::Yes { expected }
            }
        }
    }

    /// Returns the attributes that also apply to the body, which is in a separate function.
    pub(crate) fn body_attributes(&self) -> impl Iterator<Item = &Attribute> {
        const LINTS: [&str; 6] = ["allow", "warn", "deny", "forbid", "expect", "cfg"];
        self.attributes.iter().filter(|found| LINTS.iter().any(|lint| found.path().is_ident(lint)))
    }

    /// Returns the attributes of the test itself: all but `expect`, which the body fulfils.
    pub(crate) fn test_attributes(&self) -> impl Iterator<Item = &Attribute> {
        self.attributes.iter().filter(|found| !found.path().is_ident("expect"))
    }
}

fn string(value: &syn::Expr) -> Option<syn::LitStr> {
    match value {
        syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(text.clone()),
        _ => None,
    }
}

fn second_test_attribute(attribute: &Attribute) -> Option<Error> {
    let path = attribute.path();
    let name = path.segments.last()?.ident.to_string();
    let text = match name.as_str() {
        "rstest" => "`#[rstest]` must be above `#[kipod::test]`",
        "test" => "second test attribute: `#[kipod::test]` already is one",
        _ => return None,
    };
    Some(Error::new_spanned(path, text))
}
