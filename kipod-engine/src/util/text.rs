//! Error chains, lists and shell words in messages.

use std::error::Error;
use std::fmt::Display;

/// Formats an error and its sources: `error: cause: cause`. A cause that its parent's message already
/// contains is not repeated: some libraries do that, such as kube.
pub fn error_chain(error: &dyn Error) -> String {
    let mut parent = error.to_string();
    let mut text = parent.clone();
    let mut source = error.source();
    while let Some(cause) = source {
        let message = cause.to_string();
        if !parent.contains(&message) {
            text.push_str(": ");
            text.push_str(&message);
        }
        parent = message;
        source = cause.source();
    }
    text
}

/// Returns the message of the last error in the chain: `Connection refused (os error 111)` instead of
/// `error sending request`.
pub(crate) fn root_cause(error: &dyn Error) -> String {
    let mut root = error;
    while let Some(source) = root.source() {
        root = source;
    }
    root.to_string()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{message}")]
    struct Link {
        message: &'static str,
        #[source]
        cause: Option<Box<Link>>,
    }

    fn chain_of(messages: &[&'static str]) -> String {
        let links = messages
            .iter()
            .rev()
            .fold(None, |cause, message| Some(Box::new(Link { message, cause })));
        error_chain(&*links.unwrap())
    }

    #[test]
    fn error_chain_joins_messages() {
        assert_eq!(
            chain_of(&["cannot create", "write", "disk full"]),
            "cannot create: write: disk full"
        );
    }

    #[test]
    fn error_chain_skips_a_cause_in_its_parent() {
        assert_eq!(
            chain_of(&["send: reset", "reset", "os error 104"]),
            "send: reset: os error 104"
        );
        // An ancestor that is not the parent may use the same words with another meaning.
        let repeated = ["node `a` timed out", "no response", "timed out"];
        assert_eq!(chain_of(&repeated), "node `a` timed out: no response: timed out");
    }

    #[test]
    fn root_cause_is_the_last_message() {
        let cause = Some(Box::new(Link { message: "disk full", cause: None }));
        assert_eq!(root_cause(&Link { message: "write", cause }), "disk full");
    }

    #[test]
    fn error_chain_prints_errors_of_kube_once() {
        let io = std::io::Error::other("disk full");
        let watch = kube::runtime::watcher::Error::InitialListFailed(kube::Error::ReadEvents(io));
        assert_eq!(error_chain(&watch).matches("disk full").count(), 1);
    }
}
