//! Text of messages: indented lists, error chains, words for a shell.

use std::error::Error;
use std::fmt::Display;

/// Returns the items, each on a new line with an indent of two spaces.
pub(crate) fn indent_list(items: &[impl Display]) -> String {
    items.iter().map(|item| format!("\n  {item}")).collect()
}

/// Returns the lines of `text`, each on a new line with an indent of two spaces. An empty text stays
/// empty.
pub(crate) fn indent_lines(text: &str) -> String {
    text.lines().map(|line| format!("\n  {line}")).collect()
}

/// Returns the message of an error and those of its causes: `MESSAGE: CAUSE: ...`.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// Returns `word`, quoted for a POSIX shell where necessary.
pub fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./_-".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
