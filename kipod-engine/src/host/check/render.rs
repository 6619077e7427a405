//! Renders findings as text.

use std::fmt::Write;

use super::finding::{Finding, Status, Verdict};

/// Renders an aligned table of the findings, each with its remedy below it, and a summary in the
/// last line. Every line ends with a line feed. `colour` adds escape sequences for terminals.
pub(crate) fn render_text(findings: &[Finding], colour: bool) -> String {
    let width = findings.iter().map(|finding| finding.check.len()).max().unwrap_or(0);
    let mut text = String::new();
    for Finding { check, status, found, remedy } in findings {
        let mark = paint(mark(*status), *status, colour);
        let name = check.replace('_', " ");
        // Text of several lines (a failed command's output) stays in its column.
        let indent = format!("\n{:1$}", "", 4 + 2 + width + 2);
        let found = found.trim_end().replace('\n', &indent);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{mark}  {name:width$}  {found}");
        for line in remedy.iter().flat_map(|remedy| remedy.lines()) {
            let _ = writeln!(text, "{:1$}{line}", "", 4 + 2 + 2);
        }
    }
    let _ = writeln!(text, "\n{}", summary(findings, colour));
    text
}

fn mark(status: Status) -> &'static str {
    match status {
        Status::Pass => "pass",
        Status::Warn => "warn",
        Status::Fail => "FAIL",
    }
}

fn summary(findings: &[Finding], colour: bool) -> String {
    let count = |status| findings.iter().filter(|finding| finding.status == status).count();
    let (word, status) = match Verdict::of(findings) {
        Verdict::Usable => ("usable", Status::Pass),
        Verdict::UsableWithWarnings => ("usable with warnings", Status::Warn),
        Verdict::Unusable => ("unusable", Status::Fail),
    };
    let mut parts = vec![format!("{} passed", count(Status::Pass))];
    match count(Status::Warn) {
        0 => {}
        1 => parts.push("1 warning".to_owned()),
        many => parts.push(format!("{many} warnings")),
    }
    if count(Status::Fail) > 0 {
        parts.push(format!("{} failed", count(Status::Fail)));
    }
    format!("{}: {}", paint(word, status, colour), parts.join(", "))
}

fn paint(text: &str, status: Status, colour: bool) -> String {
    let code = match status {
        Status::Pass => 32,
        Status::Warn => 33,
        Status::Fail => 31,
    };
    if colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}
