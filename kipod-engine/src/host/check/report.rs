//! The report of `kipod check`.

use std::collections::HashSet;
use std::path::Path;

use serde::Serialize;

use super::all::findings;
use super::cgroup::CONTROLLERS_CHECK;
use super::finding::{Finding, Status, Verdict};
use super::render::render_text;
use crate::host::facts::{HostFacts, NodeImagePresence};
use crate::host::probe::Sources;
use crate::util::Hint;
use crate::util::text::indent_list;

/// The report of `kipod check`: its findings and the verdict. The JSON form also has the facts about the host.
///
/// ```no_run
/// # async fn example(engine: kipod_engine::Engine) {
/// let report = engine.check(&Default::default()).await;
/// print!("{}", report.text(false));
/// std::process::exit(report.verdict.exit_code());
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// The verdict.
    pub verdict: Verdict,
    /// The result of each check.
    pub findings: Vec<Finding>,
    /// The facts that the findings are based on.
    #[doc(hidden)]
    pub facts: HostFacts,
}

/// An error of the host: it cannot run clusters, with the checks that failed.
///
/// ```no_run
/// use kipod_engine::{ClusterSpec, Engine, Error};
///
/// async fn create(engine: &Engine, spec: ClusterSpec) -> Result<(), Error> {
///     match engine.create(spec).await {
///         Err(Error::Host(unusable)) => {
///             for finding in &unusable.findings {
///                 println!("{}: {}", finding.check, finding.remedy.as_deref().unwrap_or_default());
///             }
///             Ok(())
///         }
///         created => created.map(drop),
///     }
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[error("this host cannot run clusters:{}", summary(.findings))]
#[non_exhaustive]
pub struct Unusable {
    /// The failed checks; never empty.
    pub findings: Vec<Finding>,
}

fn summary(findings: &[Finding]) -> String {
    let lines: Vec<String> =
        findings.iter().map(|finding| format!("{}: {}", finding.check, finding.found)).collect();
    indent_list(&lines)
}

impl Hint for Unusable {
    /// Returns the remedies, one step per line.
    fn hint(&self) -> Option<String> {
        let mut remedies: Vec<&str> =
            self.findings.iter().filter_map(|finding| finding.remedy.as_deref()).collect();
        // Several checks may need the same package.
        let mut seen = HashSet::new();
        remedies.retain(|remedy| seen.insert(*remedy));
        remedies.push("run `kipod check` for the complete report");
        Some(remedies.join("\n"))
    }
}

/// Checks whether this host can run clusters. Adds a finding for the node image if one is given.
pub async fn check(node_image: Option<NodeImagePresence>) -> Report {
    Report::of(HostFacts::gather(Sources::of_this_host(node_image).await).await)
}

/// Checks the same with a cached output of `podman info`, unless something it depends on has
/// changed. The cache is in `runtime`, kipod's runtime directory.
pub(crate) async fn check_cached(runtime: &Path) -> Report {
    let report = Report::of(HostFacts::gather(Sources::cached(runtime).await).await);
    if report.verdict != Verdict::Unusable {
        return report;
    }
    // The user may have applied a remedy that the cache does not detect.
    Report::of(HostFacts::gather(Sources::refreshed(runtime).await).await)
}

impl Report {
    /// Creates the report about these facts.
    #[doc(hidden)]
    pub fn of(facts: HostFacts) -> Self {
        let findings = findings(&facts);
        Self { verdict: Verdict::of(&findings), findings, facts }
    }

    /// Renders the findings as an aligned table, each with its remedy below it, and a summary in the
    /// last line. `colour` adds escape sequences for terminals.
    pub fn text(&self, colour: bool) -> String {
        render_text(&self.findings, colour)
    }

    /// Returns the findings of one status.
    pub fn with_status(&self, status: Status) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(move |finding| finding.status == status)
    }

    /// Returns the remedy for missing cgroup controllers.
    pub(crate) fn cgroup_remedy(&self) -> Option<&str> {
        let finding = self.findings.iter().find(|finding| finding.check == CONTROLLERS_CHECK)?;
        finding.remedy.as_deref()
    }

    /// Returns an error if a check failed.
    ///
    /// # Errors
    ///
    /// If the verdict is [`Verdict::Unusable`].
    pub fn require_usable(&self) -> Result<(), Unusable> {
        let findings: Vec<Finding> = self.with_status(Status::Fail).cloned().collect();
        if findings.is_empty() { Ok(()) } else { Err(Unusable { findings }) }
    }
}
