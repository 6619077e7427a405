//! Cases of `chaos`: an operation, the process to kill, and the instant, drawn from a seed.

use std::fmt;
use std::time::Duration;

/// An operation that is disturbed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Operation {
    /// `kipod create cluster`.
    Create,
    /// `kipod delete cluster`.
    Delete,
    /// `kipod load image-archive`.
    Load,
    /// `kipod node add`.
    AddNode,
    /// `cargo test` with a test that needs a cluster.
    CargoTest,
    /// `cargo nextest run` with a test that needs a cluster.
    Nextest,
}

impl Operation {
    /// Returns whether the operation needs an existing cluster.
    pub fn needs_cluster(self) -> bool {
        matches!(self, Self::Delete | Self::Load | Self::AddNode)
    }

    /// Returns whether the operation is a test run.
    pub fn is_test_run(self) -> bool {
        matches!(self, Self::CargoTest | Self::Nextest)
    }

    /// Returns the usual duration of the operation, as a share of that of a creation.
    fn share(self) -> f64 {
        match self {
            Self::Create => 1.0,
            Self::Delete | Self::Load => 0.15,
            Self::AddNode => 0.6,
            // The runner and the reaper end after the cluster is deleted.
            Self::CargoTest | Self::Nextest => 1.2,
        }
    }
}

/// A process that is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Victim {
    /// The `kipod` command.
    Kipod,
    /// The Podman service that the command has started.
    Service,
    /// The monitor process of a node's container.
    Conmon,
    /// The test runner only.
    Runner,
    /// The test runner and all processes of its process group.
    Group,
}

/// The next command after the disturbed operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// `kipod delete cluster`.
    Delete,
    /// `kipod create cluster`.
    Create,
    /// The disturbed command again.
    Repeat,
}

/// All combinations of operations and victims.
pub const COMBINATIONS: [(Operation, Victim); 16] = [
    (Operation::Create, Victim::Kipod),
    (Operation::Create, Victim::Service),
    (Operation::Create, Victim::Conmon),
    (Operation::Delete, Victim::Kipod),
    (Operation::Delete, Victim::Service),
    (Operation::Delete, Victim::Conmon),
    (Operation::Load, Victim::Kipod),
    (Operation::Load, Victim::Service),
    (Operation::Load, Victim::Conmon),
    (Operation::AddNode, Victim::Kipod),
    (Operation::AddNode, Victim::Service),
    (Operation::AddNode, Victim::Conmon),
    (Operation::CargoTest, Victim::Runner),
    (Operation::CargoTest, Victim::Group),
    (Operation::Nextest, Victim::Runner),
    (Operation::Nextest, Victim::Group),
];

/// One case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Case {
    /// The number of the case.
    pub index: usize,
    /// The disturbed operation.
    pub operation: Operation,
    /// The killed process.
    pub victim: Victim,
    /// The instant of the SIGKILL, after the start of the operation.
    pub at: Duration,
    /// The next command.
    pub next: Next,
}

impl Case {
    /// Draws case `index` of a seed. Each case depends on the seed and its index only, so that it can be
    /// replayed alone. `creation` is the usual duration of a creation.
    ///
    /// # Panics
    ///
    /// If there are no combinations.
    pub fn draw(
        seed: u64,
        index: usize,
        creation: Duration,
        combinations: &[(Operation, Victim)],
    ) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        // A generator of its own for each case: seeds that differ in one bit are unrelated.
        for _ in 0..=index {
            random = random.fork();
        }
        // Short runs, as in CI, start with another combination each time.
        let first = (seed % combinations.len() as u64) as usize;
        let (operation, victim) = combinations[(first + index) % combinations.len()];
        let at = creation.mul_f64(operation.share() * random.f64());
        let next = match (random.bool(), operation) {
            (true, _) => Next::Delete,
            (false, Operation::Load | Operation::AddNode) => Next::Repeat,
            (false, _) => Next::Create,
        };
        Self { index, operation, victim, at, next }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { index, operation, victim, at, next } = self;
        let milliseconds = at.as_millis();
        write!(
            f,
            "case {index}: {operation:?}, SIGKILL of {victim:?} after {milliseconds} ms, then {next:?}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREATION: Duration = Duration::from_secs(20);

    fn draw(seed: u64, index: usize) -> Case {
        Case::draw(seed, index, CREATION, &COMBINATIONS)
    }

    #[test]
    fn case_can_be_replayed_alone() {
        let all: Vec<_> = (0..64).map(|index| draw(7, index)).collect();
        assert!((0..64).rev().all(|index| draw(7, index) == all[index]));
        assert_ne!(draw(7, 0).at, draw(8, 0).at);
        assert_ne!(draw(7, 0).at, draw(7, 16).at);
    }

    #[test]
    fn cases_cover_all_combinations() {
        let all: Vec<_> = (0..160).map(|index| draw(1, index)).collect();
        for (operation, victim) in COMBINATIONS {
            let of_this =
                all.iter().filter(|case| (case.operation, case.victim) == (operation, victim));
            assert_eq!(of_this.clone().count(), 10);
            let limit = CREATION.mul_f64(operation.share());
            assert!(of_this.clone().all(|case| case.at < limit));
            assert!(of_this.clone().any(|case| case.next == Next::Delete));
            assert!(of_this.clone().any(|case| case.next != Next::Delete));
        }
    }
}
