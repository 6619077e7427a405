//! All findings with their verdict: what `kipod check` shows and `create` starts with.

use serde::Serialize;

use super::facts::{HostFacts, NodeImage};
use super::finding::{Finding, Status, Verdict};
use super::findings::findings;
use super::render::render_text;
use super::source::Sources;

/// What `kipod check` shows. As JSON it has the fields `verdict`, `findings` and `facts`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Whether a cluster can run here.
    pub verdict: Verdict,
    /// Every fact that decides.
    pub findings: Vec<Finding>,
    /// The facts themselves.
    pub facts: HostFacts,
}

/// This machine cannot run a cluster.
#[derive(Debug, thiserror::Error)]
#[error("this machine cannot run a cluster:{}", summary(.findings))]
pub struct Unusable {
    /// What fails; never empty.
    pub findings: Vec<Finding>,
}

fn summary(findings: &[Finding]) -> String {
    findings.iter().map(|finding| format!("\n  {}: {}", finding.check, finding.found)).collect()
}

impl Unusable {
    /// What the user can do about it: the remedies, one step a line.
    pub fn hint(&self) -> String {
        let mut remedies: Vec<&str> =
            self.findings.iter().filter_map(|finding| finding.remedy.as_deref()).collect();
        // Several checks may need the same package.
        let mut seen = std::collections::HashSet::new();
        remedies.retain(|remedy| seen.insert(*remedy));
        remedies.push("`kipod check` shows all that was looked at");
        remedies.join("\n")
    }
}

/// Asks this machine and judges the answers: all of `kipod check` but the printing.
pub async fn check(node_image: Option<NodeImage>) -> Report {
    Report::of(HostFacts::gather(Sources::of_this_machine(node_image).await).await)
}

/// The same for who has been here before: Podman is asked again only when something that its answer
/// depends on has changed. `runtime` is kipod's runtime folder.
pub async fn check_again(runtime: &std::path::Path) -> Report {
    let report = Report::of(HostFacts::gather(Sources::remembered(runtime).await).await);
    if report.verdict != Verdict::Unusable {
        return report;
    }
    // The remedy may have been something that nobody can see from outside.
    Report::of(HostFacts::gather(Sources::asked_and_remembered(runtime).await).await)
}

impl Report {
    /// Judges facts that were gathered already.
    pub fn of(facts: HostFacts) -> Self {
        let findings = findings(&facts);
        Self { verdict: Verdict::of(&findings), findings, facts }
    }

    /// The findings for people to read; see [`render_text`].
    pub fn text(&self, colour: bool) -> String {
        render_text(&self.findings, colour)
    }

    /// The findings of one status.
    pub fn with_status(&self, status: Status) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(move |finding| finding.status == status)
    }

    /// Stops early: an error when something fails.
    ///
    /// # Errors
    ///
    /// When the verdict is [`Verdict::Unusable`].
    pub fn require_usable(&self) -> Result<(), Unusable> {
        let findings: Vec<Finding> = self.with_status(Status::Fail).cloned().collect();
        if findings.is_empty() { Ok(()) } else { Err(Unusable { findings }) }
    }
}
