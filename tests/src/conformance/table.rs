//! The table of results, as Markdown.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use super::report::{Outcome, TestResult};

/// The environment of a run.
#[derive(Debug)]
pub struct About {
    /// The version of the API server.
    pub kubernetes: String,
    /// The version of kipod.
    pub kipod: String,
    /// The cgroup mode and the nodes, in words.
    pub cluster: String,
    /// The regular expression that selected the tests.
    pub focus: String,
    /// The number of processes.
    pub processes: usize,
    /// The duration of the run.
    pub duration: Duration,
}

/// Returns the document with all results: a row for each SIG, and a list of what did not pass.
pub fn table(about: &About, results: &[TestResult]) -> String {
    let About { kubernetes, kipod, cluster, focus, processes, duration } = about;
    let mut text = String::from("# Conformance\n\n");
    let _ = writeln!(
        text,
        "Upstream's `e2e.test` of Kubernetes {kubernetes} with {kipod}. `cargo run -p kipod-e2e --bin conformance`\nwrites this file.\n\n- cluster: {cluster}\n- tests: `{focus}`\n- {processes} processes, {} minutes\n",
        duration.as_secs().div_ceil(60)
    );
    let mut rows: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
    for result in results {
        let column = match result.outcome {
            Outcome::Passed | Outcome::PassedAlone(_) => 0,
            Outcome::Failed(_) => 1,
            Outcome::Skipped(_) => 2,
        };
        rows.entry(sig(&result.name)).or_default()[column] += 1;
    }
    text.push_str("| SIG | passed | failed | skipped |\n|---|---|---|---|\n");
    for (sig, [passed, failed, skipped]) in &rows {
        let _ = writeln!(text, "| {sig} | {passed} | {failed} | {skipped} |");
    }
    let sum = |column: usize| rows.values().map(|row| row[column]).sum::<usize>();
    let _ = writeln!(text, "| all | {} | {} | {} |", sum(0), sum(1), sum(2));
    list(&mut text, "Failed", results, |outcome| match outcome {
        Outcome::Failed(message) => Some(message),
        _ => None,
    });
    list(
        &mut text,
        "Failed in parallel with others, passed alone",
        results,
        |outcome| match outcome {
            Outcome::PassedAlone(message) => Some(message),
            _ => None,
        },
    );
    list(&mut text, "Skipped", results, |outcome| match outcome {
        Outcome::Skipped(message) => Some(message),
        _ => None,
    });
    text
}

/// Adds a section with the tests whose outcome has a message.
fn list(
    text: &mut String,
    title: &str,
    results: &[TestResult],
    message: impl Fn(&Outcome) -> Option<&String>,
) {
    let mut lines: Vec<_> = results
        .iter()
        .filter_map(|result| Some(format!("- `{}`: {}\n", result.name, message(&result.outcome)?)))
        .collect();
    if lines.is_empty() {
        return;
    }
    lines.sort();
    let _ = write!(text, "\n## {title}\n\n{}", lines.concat());
}

/// Returns the special interest group that owns a test: `sig-node` of `[sig-node] ...`.
fn sig(name: &str) -> &str {
    let group = name.split_once("[sig-").and_then(|(_, rest)| rest.split_once(']'));
    group.map_or("other", |(group, _)| group)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_counts_by_sig_and_lists_failures() {
        let result = |name: &str, outcome| TestResult {
            name: name.to_owned(),
            outcome,
            duration: Duration::ZERO,
        };
        let results = [
            result("[sig-node] a", Outcome::Passed),
            result("[sig-node] b", Outcome::Failed("failed: x".into())),
            result("[sig-apps] c", Outcome::Skipped("needs 2 nodes".into())),
            result("d", Outcome::PassedAlone("failed: y".into())),
        ];
        let about = About {
            kubernetes: "v1.36.2".into(),
            kipod: "kipod 0.1.0".into(),
            cluster: "2 nodes".into(),
            focus: r"\[Conformance\]".into(),
            processes: 2,
            duration: Duration::from_secs(61),
        };
        let text = table(&about, &results);
        for line in [
            "- 2 processes, 2 minutes",
            "| apps | 0 | 0 | 1 |",
            "| node | 1 | 1 | 0 |",
            "| other | 1 | 0 | 0 |",
            "| all | 2 | 1 | 1 |",
            "- `[sig-node] b`: failed: x",
            "- `[sig-apps] c`: needs 2 nodes",
            "## Failed in parallel with others, passed alone",
            "- `d`: failed: y",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
