//! Ginkgo's JSON report.

use std::time::Duration;

use serde::Deserialize;

/// The outcome of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The test passed.
    Passed,
    /// The test failed in parallel with others, and passed alone. Contains the first line of the message.
    PassedAlone(String),
    /// The test skipped itself. Contains the reason.
    Skipped(String),
    /// The test failed, timed out or was interrupted. Contains the first line of the message.
    Failed(String),
}

/// The result of one test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestResult {
    /// The complete name, such as `[sig-node] Pods should be updated [NodeConformance] [Conformance]`.
    pub name: String,
    /// The outcome.
    pub outcome: Outcome,
    /// The duration.
    pub duration: Duration,
}

/// A suite of the report.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Report {
    #[serde(default)]
    spec_reports: Option<Vec<Spec>>,
}

/// A test or another node of the suite.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[derive(Default)]
struct Spec {
    container_hierarchy_texts: Option<Vec<String>>,
    leaf_node_type: String,
    leaf_node_text: String,
    state: String,
    run_time: u64,
    failure: Failure,
    num_attempts: u32,
}

#[derive(Debug, Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Failure {
    message: String,
}

/// Parses a report. Returns the tests that were selected: in a dry run, their outcome is `Passed`.
///
/// # Errors
///
/// If the text is not a report.
pub(super) fn parse(json: &[u8]) -> serde_json::Result<Vec<TestResult>> {
    let reports: Vec<Report> = serde_json::from_slice(json)?;
    let specs = reports.into_iter().flat_map(|report| report.spec_reports.unwrap_or_default());
    Ok(specs.filter_map(Spec::result).collect())
}

impl Spec {
    fn result(self) -> Option<TestResult> {
        if self.leaf_node_type != "It" {
            return None;
        }
        let message = self.failure.message.lines().next().unwrap_or_default().to_owned();
        let outcome = match self.state.as_str() {
            "passed" => Outcome::Passed,
            // Ginkgo does not start a test that is not selected. A test that skips itself has started.
            "skipped" if self.num_attempts == 0 => return None,
            "skipped" => Outcome::Skipped(message),
            "pending" => return None,
            state => Outcome::Failed(format!("{state}: {message}")),
        };
        let mut name = self.container_hierarchy_texts.unwrap_or_default();
        name.push(self.leaf_node_text);
        name.retain(|text| !text.is_empty());
        Some(TestResult {
            name: name.join(" "),
            outcome,
            duration: Duration::from_nanos(self.run_time),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_returns_selected_tests() {
        let json = r#"[{"SuiteDescription": "Kubernetes e2e suite", "SpecReports": [
            {"ContainerHierarchyTexts": null, "LeafNodeType": "SynchronizedBeforeSuite", "State": "passed"},
            {"ContainerHierarchyTexts": ["[sig-node] Pods"], "LeafNodeType": "It", "NumAttempts": 1,
             "LeafNodeText": "should be updated [Conformance]", "State": "passed", "RunTime": 2000000000},
            {"ContainerHierarchyTexts": ["[sig-node] Pods"], "LeafNodeType": "It",
             "LeafNodeText": "not selected", "State": "skipped", "NumAttempts": 0},
            {"ContainerHierarchyTexts": ["[sig-apps]", ""], "LeafNodeType": "It", "LeafNodeText": "x",
             "State": "skipped", "NumAttempts": 1, "Failure": {"Message": "needs 2 nodes\nmore"}},
            {"LeafNodeType": "It", "LeafNodeText": "y", "State": "timedout", "NumAttempts": 1,
             "Failure": {"Message": "A suite timeout occurred"}}
        ]}]"#;
        let found = parse(json.as_bytes()).unwrap();
        let all: Vec<_> =
            found.iter().map(|one| (one.name.as_str(), one.outcome.clone())).collect();
        assert_eq!(
            all,
            [
                ("[sig-node] Pods should be updated [Conformance]", Outcome::Passed),
                ("[sig-apps] x", Outcome::Skipped("needs 2 nodes".into())),
                ("y", Outcome::Failed("timedout: A suite timeout occurred".into())),
            ]
        );
        assert_eq!(found[0].duration, Duration::from_secs(2));
        assert!(parse(b"no report").is_err());
    }
}
