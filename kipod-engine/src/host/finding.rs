//! One judgement on one fact, and the judgement on all of them.

use serde::Serialize;

/// How a fact stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// As it should be.
    Pass,
    /// A cluster runs, and something is lost or may run out.
    Warn,
    /// No cluster can run here.
    Fail,
}

/// What was seen, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The check's stable name: `subuid`, `cgroup_controllers`, ...
    pub check: &'static str,
    /// How it stands.
    pub status: Status,
    /// What was seen, in one line.
    pub found: String,
    /// What to do about it, one step a line. Lines that are commands can be pasted.
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

/// Whether a cluster can run here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Yes, with all that kipod offers.
    Usable,
    /// Yes, with what the warnings say.
    UsableWithWarnings,
    /// No.
    Unusable,
}

impl Verdict {
    /// The verdict of the worst finding.
    pub fn of(findings: &[Finding]) -> Self {
        match findings.iter().map(|finding| finding.status).max() {
            None | Some(Status::Pass) => Self::Usable,
            Some(Status::Warn) => Self::UsableWithWarnings,
            Some(Status::Fail) => Self::Unusable,
        }
    }

    /// The exit status of `kipod check`: 0 usable, 1 unusable, 3 usable with warnings. 2 is left
    /// to a command line that could not be understood.
    pub fn exit_code(self) -> i32 {
        match self {
            Self::Usable => 0,
            Self::Unusable => 1,
            Self::UsableWithWarnings => 3,
        }
    }
}
