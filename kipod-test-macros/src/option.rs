//! The values options take, each with its own words for what is wrong.

use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Error, Expr, ExprLit, Lit, LitBool, LitInt, LitStr, Meta, Path, Token};

/// An option as it was written: `name`, `name = value` or `name(..)`.
pub(crate) struct Written<'a> {
    pub(crate) name: String,
    pub(crate) meta: &'a Meta,
}

impl Written<'_> {
    /// The literal of `name = literal`.
    fn literal(&self) -> Option<&Lit> {
        match self.meta {
            Meta::NameValue(pair) => match &pair.value {
                Expr::Lit(ExprLit { lit, .. }) => Some(lit),
                _ => None,
            },
            _ => None,
        }
    }

    /// What stands where the value belongs, or the option itself where there is none.
    fn fault(&self, text: String) -> Error {
        match self.meta {
            Meta::NameValue(pair) => Error::new_spanned(&pair.value, text),
            meta => Error::new_spanned(meta, text),
        }
    }

    /// `name = "text"`.
    pub(crate) fn text(&self, example: &str) -> syn::Result<LitStr> {
        match self.literal() {
            Some(Lit::Str(text)) => Ok(text.clone()),
            _ => Err(self.fault(format!("`{0}` takes a text: `{0} = \"{example}\"`", self.name))),
        }
    }

    /// `name = "one of these"`.
    pub(crate) fn choice(&self, choices: &[&str]) -> syn::Result<LitStr> {
        let listed = choices.iter().map(|choice| format!("`{choice:?}`")).collect::<Vec<_>>();
        match self.literal() {
            Some(Lit::Str(text)) if choices.contains(&text.value().as_str()) => Ok(text.clone()),
            _ => Err(self.fault(format!("`{}` is one of {}", self.name, listed.join(", ")))),
        }
    }

    /// `name = 4`, at least `least`.
    pub(crate) fn number(&self, least: u32) -> syn::Result<LitInt> {
        match self.literal() {
            Some(Lit::Int(number)) if number.base10_parse::<u32>().is_ok_and(|n| n >= least) => {
                Ok(number.clone())
            }
            _ => {
                let text = format!("`{0}` takes a number from {least} on: `{0} = 3`", self.name);
                Err(self.fault(text))
            }
        }
    }

    /// `name` or `name = true`.
    pub(crate) fn flag(&self) -> syn::Result<bool> {
        match (self.meta, self.literal()) {
            (Meta::Path(_), _) => Ok(true),
            (_, Some(Lit::Bool(LitBool { value, .. }))) => Ok(*value),
            _ => {
                Err(self.fault(format!("`{0}` is `{0}`, `{0} = true` or `{0} = false`", self.name)))
            }
        }
    }

    /// `name("one", "more")`.
    pub(crate) fn texts(&self, example: &str) -> syn::Result<Vec<LitStr>> {
        let text = || format!("`{0}` takes a list of texts: `{0}(\"{example}\")`", self.name);
        let Meta::List(list) = self.meta else { return Err(self.fault(text())) };
        let parser = Punctuated::<LitStr, Token![,]>::parse_terminated;
        let parsed = parser.parse2(list.tokens.clone());
        let texts = parsed.map_err(|error| Error::new(error.span(), text()))?;
        if texts.is_empty() {
            return Err(Error::new(list.span(), text()));
        }
        Ok(texts.into_iter().collect())
    }

    /// `name = some::path` or `name = "some::path"`.
    pub(crate) fn path(&self) -> syn::Result<Path> {
        let text = || format!("`{0}` takes a path: `{0} = other::kipod`", self.name);
        match self.meta {
            Meta::NameValue(pair) => match &pair.value {
                Expr::Path(path) if path.qself.is_none() && path.attrs.is_empty() => {
                    Ok(path.path.clone())
                }
                Expr::Lit(ExprLit { lit: Lit::Str(path), .. }) => {
                    path.parse().map_err(|_| self.fault(text()))
                }
                _ => Err(self.fault(text())),
            },
            _ => Err(self.fault(text())),
        }
    }
}
