//! The result of one check, and the verdict of all checks.

use serde::Serialize;

/// The status of a check.
///
/// ```no_run
/// use kipod_engine::Status;
///
/// # async fn example(engine: kipod_engine::Engine) {
/// let report = engine.check(&Default::default()).await;
/// println!("{} checks failed", report.with_status(Status::Fail).count());
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Status {
    /// Passed.
    Pass,
    /// Clusters run, but a feature is missing or a resource may run out.
    Warn,
    /// Clusters cannot run.
    Fail,
}

/// The result of one check, with a remedy.
///
/// ```no_run
/// # async fn example(engine: kipod_engine::Engine) {
/// for finding in engine.check(&Default::default()).await.findings {
///     if let Some(remedy) = finding.remedy {
///         println!("{}: {}\n{remedy}", finding.check, finding.found);
///     }
/// }
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// The check's stable name: `subuid`, `cgroup_controllers`, ...
    pub check: &'static str,
    /// The status.
    pub status: Status,
    /// The observed state, in one line.
    pub found: String,
    /// The remedy, one step per line. Lines that are commands can be pasted into a shell.
    pub remedy: Option<String>,
}

impl Finding {
    pub(super) fn pass(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, status: Status::Pass, found: found.into(), remedy: None }
    }

    pub(super) fn warn(
        check: &'static str,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { check, status: Status::Warn, found: found.into(), remedy: Some(remedy.into()) }
    }

    pub(super) fn fail(
        check: &'static str,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { check, status: Status::Fail, found: found.into(), remedy: Some(remedy.into()) }
    }
}

/// The verdict of all checks.
///
/// ```no_run
/// use kipod_engine::Verdict;
///
/// # async fn example(engine: kipod_engine::Engine) {
/// let report = engine.check(&Default::default()).await;
/// assert_ne!(report.verdict, Verdict::Unusable, "{}", report.text(false));
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Verdict {
    /// Clusters can run with all features.
    Usable,
    /// Clusters can run with the restrictions that the warnings describe.
    UsableWithWarnings,
    /// Clusters cannot run.
    Unusable,
}

impl Verdict {
    /// Returns the verdict for the most severe finding.
    pub fn of(findings: &[Finding]) -> Self {
        match findings.iter().map(|finding| finding.status).max() {
            None | Some(Status::Pass) => Self::Usable,
            Some(Status::Warn) => Self::UsableWithWarnings,
            Some(Status::Fail) => Self::Unusable,
        }
    }

    /// Returns the exit status of `kipod check`: 0 usable, 1 unusable, 3 usable with warnings. 2 is
    /// a usage error.
    pub fn exit_code(self) -> i32 {
        match self {
            Self::Usable => 0,
            Self::Unusable => 1,
            Self::UsableWithWarnings => 3,
        }
    }
}
