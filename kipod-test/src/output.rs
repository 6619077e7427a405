//! Messages of the harness on standard error.

use std::error::Error;

/// Prints a line to standard error, bypassing libtest's output capture: the user sees it while the
/// test still runs.
pub(crate) fn notice(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr().lock(), "kipod: {text}");
}

/// Formats an error and its sources on one line: `message: source: source`.
pub(crate) fn error_chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut error = error;
    while let Some(source) = error.source() {
        if !repeats_its_source(error) {
            text = format!("{text}: {source}");
        }
        error = source;
    }
    text
}

/// Returns whether the message of an error already contains its source. The error types of kube do
/// that.
fn repeats_its_source(error: &(dyn Error + 'static)) -> bool {
    error.is::<kube::Error>()
        || error.is::<Box<kube::Error>>()
        || error.is::<kube::runtime::watcher::Error>()
        || error.is::<kube::runtime::wait::Error>()
        || error.is::<kube::config::KubeconfigError>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("failed to start")]
    struct Outer<E: Error + 'static>(#[source] E);

    #[test]
    fn error_chain_prints_each_message_once() {
        let io = || std::io::Error::other("disk full");
        assert_eq!(error_chain(&Outer(Outer(io()))), "failed to start: failed to start: disk full");
        let kube = kube::Error::ReadEvents(io());
        let expected = "failed to start: Error reading events stream: disk full";
        assert_eq!(error_chain(&Outer(Box::new(kube))), expected);
        let watch = kube::runtime::watcher::Error::InitialListFailed(kube::Error::ReadEvents(io()));
        assert_eq!(error_chain(&watch).matches("disk full").count(), 1);
    }
}
