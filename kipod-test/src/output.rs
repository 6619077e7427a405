//! Messages of the harness on standard error.

/// Prints a line to standard error, bypassing libtest's output capture: the user sees it while the
/// test still runs.
pub(crate) fn notice(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr().lock(), "kipod: {text}");
}
