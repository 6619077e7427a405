//! Error chains, lists and shell words in messages.

use std::error::Error;
use std::fmt::Display;

/// Formats an error and its sources: `error: cause: cause`.
pub(crate) fn error_chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}

/// Formats a list of items, each indented on a line of its own.
pub(crate) fn indent_list(items: &[impl Display]) -> String {
    items.iter().map(|item| format!("\n  {item}")).collect()
}

/// Formats the lines of a text like [`indent_list`]. An empty text stays empty.
pub(crate) fn indent_lines(text: &str) -> String {
    text.lines().map(|line| format!("\n  {line}")).collect()
}

/// Quotes `word` for a POSIX shell, if necessary.
pub fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./_-".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
