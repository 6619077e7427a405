//! The function the attribute stands on.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::ToTokens;
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Error, FnArg, Meta, PatType, Signature, Visibility};

/// A function whose body stays the tokens that were written, so that what is wrong in it is reported
/// where it stands.
pub(crate) struct Item {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) signature: Signature,
    pub(crate) body: Group,
}

/// Whether a panic is what the test is for.
pub(crate) enum ShouldPanic {
    No,
    Yes { expected: Option<syn::LitStr> },
}

impl Parse for Item {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let signature: Signature = input.parse()?;
        let body = input.parse::<TokenTree>().ok().and_then(block);
        let body = body.ok_or_else(|| Error::new_spanned(&signature, "a test needs a body"))?;
        Ok(Self { attributes, visibility, signature, body })
    }
}

/// The braces that a token is; a `macro_rules` macro puts a group without delimiters around them.
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

impl ToTokens for Item {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        for attribute in &self.attributes {
            attribute.to_tokens(tokens);
        }
        self.visibility.to_tokens(tokens);
        self.signature.to_tokens(tokens);
        self.body.to_tokens(tokens);
    }
}

impl Item {
    /// All that keeps the function from being a test.
    pub(crate) fn faults(&self) -> Vec<Error> {
        let signature = &self.signature;
        let mut faults = Vec::new();
        if signature.asyncness.is_none() {
            faults.push(Error::new_spanned(
                signature.fn_token,
                "`#[kipod::test]` needs an `async fn`",
            ));
        }
        if !signature.generics.params.is_empty() {
            faults.push(Error::new_spanned(
                &signature.generics,
                "a test cannot be generic: nobody is there to choose",
            ));
        }
        if let Some(receiver) = signature.receiver() {
            faults.push(Error::new_spanned(receiver, "a test is a free function, without `self`"));
        }
        if let syn::ReturnType::Type(_, ty) = &signature.output
            && matches!(self.should_panic(), ShouldPanic::Yes { .. })
            && ty.to_token_stream().to_string() != "()"
        {
            faults.push(Error::new_spanned(ty, "a test that should panic returns nothing"));
        }
        faults.extend(self.attributes.iter().filter_map(second_test_attribute));
        faults
    }

    /// The arguments kipod has to make.
    pub(crate) fn arguments(&self) -> impl Iterator<Item = &PatType> {
        self.signature.inputs.iter().filter_map(|input| match input {
            FnArg::Typed(typed) => Some(typed),
            FnArg::Receiver(_) => None,
        })
    }

    /// What `#[should_panic]` says, if it is there.
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

    /// The attributes that belong to the body too, which stands in a function of its own.
    pub(crate) fn body_attributes(&self) -> impl Iterator<Item = &Attribute> {
        const LINTS: [&str; 6] = ["allow", "warn", "deny", "forbid", "expect", "cfg"];
        self.attributes.iter().filter(|found| LINTS.iter().any(|lint| found.path().is_ident(lint)))
    }

    /// The attributes that the test itself keeps: all but `expect`, which the body fulfils.
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
        "rstest" => "`#[rstest]` has to stand above `#[kipod::test]`",
        "test" => "a second test attribute: `#[kipod::test]` is one already",
        _ => return None,
    };
    Some(Error::new_spanned(path, text))
}
