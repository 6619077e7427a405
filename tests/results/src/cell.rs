//! Cells of the table in `docs/machines.md`: sets of checks in one environment.

use std::fmt;
use std::str::FromStr;

use crate::{Outcome, TestResult};

/// Longest reason that is kept, in characters.
const REASON_LENGTH: usize = 200;

/// Where checks ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// Name of the machine, such as `debian13, KVM`.
    pub machine: String,
    /// Podman's version.
    pub podman: String,
    /// Podman's cgroup manager, and whether controllers are delegated.
    pub cgroups: String,
    /// Programs that connect rootless networks.
    pub network: String,
}

/// Results of one set of checks in one environment: a line of `docs/machines.tsv`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// Row of the table.
    pub environment: Environment,
    /// Column of the table: the set, or another set that this set repeats in its environment.
    pub column: String,
    /// Outcome of all checks. A known failure counts as failed.
    pub outcome: Outcome,
    /// Number of checks that passed.
    pub passed: usize,
    /// Number of checks that ran.
    pub total: usize,
    /// Duration.
    pub seconds: u64,
    /// Reason for the first failure, or for not running.
    pub reason: String,
    /// Date of the run, as `YYYY-MM-DD`.
    pub date: String,
    /// Tested commit, with `+` if the tree had changes.
    pub commit: String,
    /// Set of checks.
    pub set: String,
}

impl Cell {
    /// Sets the outcome, the counts and the reason from the results of `suite`.
    pub fn count(&mut self, results: &[TestResult], suite: &str) {
        let ours: Vec<_> = results.iter().filter(|result| result.suite == suite).collect();
        let count = |outcome| ours.iter().filter(|result| result.outcome == outcome).count();
        let failed = count(Outcome::Failed) + count(Outcome::KnownFailure);
        self.passed = count(Outcome::Passed);
        self.total = self.passed + failed;
        self.outcome = match (failed, self.total) {
            (0, 0) => Outcome::NotRun,
            (0, _) => Outcome::Passed,
            _ => Outcome::Failed,
        };
        let reasons = ours.iter().filter_map(|result| match (self.outcome, result.outcome) {
            (Outcome::NotRun, Outcome::NotRun) => Some(result.reason.clone()),
            (Outcome::Failed, Outcome::Failed | Outcome::KnownFailure) => {
                Some(format!("{}: {}", result.name, result.reason))
            }
            _ => None,
        });
        self.reason = reasons.collect::<Vec<_>>().join("; ").chars().take(REASON_LENGTH).collect();
    }

    /// Returns whether two cells are of the same set on the same machine.
    pub(crate) fn is_same_set(&self, other: &Self) -> bool {
        self.environment.machine == other.environment.machine && self.set == other.set
    }

    /// Returns whether two cells have the same place in the table.
    pub(crate) fn is_same_place(&self, other: &Self) -> bool {
        self.environment == other.environment && self.column == other.column
    }
}

/// Formats the line, without a line break.
impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Environment { machine, podman, cgroups, network } = &self.environment;
        let Self { column, outcome, passed, total, seconds, reason, date, commit, set, .. } = self;
        write!(
            f,
            "{machine}\t{podman}\t{cgroups}\t{network}\t{column}\t{outcome}\t{passed} of {total}\t\
             {seconds}\t{reason}\t{date}\t{commit}\t{set}"
        )
    }
}

impl FromStr for Cell {
    type Err = CellError;

    fn from_str(line: &str) -> Result<Self, CellError> {
        let fields: Vec<&str> = line.split('\t').collect();
        let [
            machine,
            podman,
            cgroups,
            network,
            column,
            outcome,
            checks,
            seconds,
            reason,
            date,
            commit,
            set,
        ] = fields[..]
        else {
            return Err(CellError { line: line.to_owned() });
        };
        let error = || CellError { line: line.to_owned() };
        let (passed, total) = checks.split_once(" of ").ok_or_else(error)?;
        let [machine, podman, cgroups, network] =
            [machine, podman, cgroups, network].map(str::to_owned);
        Ok(Self {
            environment: Environment { machine, podman, cgroups, network },
            column: column.to_owned(),
            outcome: outcome.parse().map_err(|_| error())?,
            passed: passed.parse().map_err(|_| error())?,
            total: total.parse().map_err(|_| error())?,
            seconds: seconds.parse().map_err(|_| error())?,
            reason: reason.to_owned(),
            date: date.to_owned(),
            commit: commit.to_owned(),
            set: set.to_owned(),
        })
    }
}

/// A line that is not a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CellError {
    /// The line.
    pub line: String,
}

impl fmt::Display for CellError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a cell of the table: `{}`", self.line)
    }
}

impl std::error::Error for CellError {}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "debian13, KVM\t5.4.2\tsystemd, delegated\tpasta, netavark 1.14.0\tcluster\t\
                        passed\t9 of 9\t17\t\t2026-11-28\tedc10d8\tcgroupfs";

    fn counted(results: &[TestResult]) -> (Outcome, usize, usize, String) {
        let mut cell: Cell = LINE.parse().unwrap();
        cell.count(results, "suite");
        (cell.outcome, cell.passed, cell.total, cell.reason)
    }

    #[test]
    fn a_line_reads_back() {
        let cell: Cell = LINE.parse().unwrap();
        assert_eq!((cell.passed, cell.seconds, cell.set.as_str()), (9, 17, "cgroupfs"));
        assert_eq!(cell.to_string(), LINE);
    }

    #[test]
    fn bad_lines_are_errors() {
        for line in ["", "a\tb", &LINE.replace("passed", "pass"), &LINE.replace(" of ", "/")] {
            assert_eq!(line.parse::<Cell>(), Err(CellError { line: line.to_owned() }));
        }
    }

    #[test]
    fn a_cell_counts_its_suite_only() {
        let result = |outcome, suite, name| TestResult::new(outcome, suite, name, "why");
        let mut results = vec![
            result(Outcome::Passed, "suite", "a"),
            result(Outcome::Failed, "another suite", "b"),
            result(Outcome::NotRun, "suite", "c"),
        ];
        assert_eq!(counted(&results), (Outcome::Passed, 1, 1, String::new()));
        results.push(result(Outcome::KnownFailure, "suite", "d"));
        results.push(result(Outcome::Failed, "suite", "e"));
        assert_eq!(counted(&results), (Outcome::Failed, 1, 3, "d: why; e: why".to_owned()));
    }

    #[test]
    fn a_set_without_checks_did_not_run() {
        let results = [TestResult::new(Outcome::NotRun, "suite", "the set", "no controllers")];
        assert_eq!(counted(&results), (Outcome::NotRun, 0, 0, "no controllers".to_owned()));
    }
}
