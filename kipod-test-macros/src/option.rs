//! Values of options.

use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Error, Expr, ExprLit, Lit, LitBool, LitInt, LitStr, Meta, Path, Token};

/// An option before its value is parsed: `name`, `name = value` or `name(..)`.
pub(crate) struct RawOption<'a> {
    pub(crate) name: String,
    pub(crate) meta: &'a Meta,
}

impl RawOption<'_> {
    /// Returns the literal of `name = literal`.
    fn literal(&self) -> Option<&Lit> {
        match self.meta {
            Meta::NameValue(pair) => match &pair.value {
                Expr::Lit(ExprLit { lit, .. }) => Some(lit),
                _ => None,
            },
            _ => None,
        }
    }

    /// Returns an error at the value, or at the option if it has no value.
    fn error(&self, text: String) -> Error {
        match self.meta {
            Meta::NameValue(pair) => Error::new_spanned(&pair.value, text),
            meta => Error::new_spanned(meta, text),
        }
    }

    /// Parses `name = "text"`.
    pub(crate) fn string(&self, example: &str) -> syn::Result<LitStr> {
        match self.literal() {
            Some(Lit::Str(text)) => Ok(text.clone()),
            _ => {
                Err(self.error(format!("`{0}` expects a string: `{0} = \"{example}\"`", self.name)))
            }
        }
    }

    /// Parses `name = "choice"`.
    pub(crate) fn choice(&self, choices: &[&str]) -> syn::Result<LitStr> {
        let listed = choices.iter().map(|choice| format!("`{choice:?}`")).collect::<Vec<_>>();
        match self.literal() {
            Some(Lit::Str(text)) if choices.contains(&text.value().as_str()) => Ok(text.clone()),
            _ => Err(self.error(format!("`{}` must be one of {}", self.name, listed.join(", ")))),
        }
    }

    /// Parses `name = 4`, at least `min`.
    pub(crate) fn number(&self, min: u32) -> syn::Result<LitInt> {
        match self.literal() {
            Some(Lit::Int(number)) if number.base10_parse::<u32>().is_ok_and(|n| n >= min) => {
                Ok(number.clone())
            }
            _ => {
                let text = format!("`{0}` expects a number (minimum {min}): `{0} = 3`", self.name);
                Err(self.error(text))
            }
        }
    }

    /// Parses `name`, `name = true` or `name = false`.
    pub(crate) fn flag(&self) -> syn::Result<bool> {
        match (self.meta, self.literal()) {
            (Meta::Path(_), _) => Ok(true),
            (_, Some(Lit::Bool(LitBool { value, .. }))) => Ok(*value),
            _ => Err(self.error(format!("`{0}` expects no value, `true` or `false`", self.name))),
        }
    }

    /// Parses `name("one", "more")`.
    pub(crate) fn strings(&self, example: &str) -> syn::Result<Vec<LitStr>> {
        let text = || format!("`{0}` expects a list of strings: `{0}(\"{example}\")`", self.name);
        let Meta::List(list) = self.meta else { return Err(self.error(text())) };
        let parser = Punctuated::<LitStr, Token![,]>::parse_terminated;
        let parsed = parser.parse2(list.tokens.clone());
        let strings = parsed.map_err(|error| Error::new(error.span(), text()))?;
        if strings.is_empty() {
            return Err(Error::new(list.span(), text()));
        }
        Ok(strings.into_iter().collect())
    }

    /// Parses `name = some::path` or `name = "some::path"`.
    pub(crate) fn path(&self) -> syn::Result<Path> {
        let text = || format!("`{0}` expects a path: `{0} = other::kipod`", self.name);
        match self.meta {
            Meta::NameValue(pair) => match &pair.value {
                Expr::Path(path) if path.qself.is_none() && path.attrs.is_empty() => {
                    Ok(path.path.clone())
                }
                Expr::Lit(ExprLit { lit: Lit::Str(path), .. }) => {
                    path.parse().map_err(|_| self.error(text()))
                }
                _ => Err(self.error(text())),
            },
            _ => Err(self.error(text())),
        }
    }
}
