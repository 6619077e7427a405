//! Kills processes at random instants of operations, and checks that the next command succeeds.
//!
//! ```text
//! cargo build -p kipod-engine && cargo run -p kipod-e2e --bin chaos -- [--each 100]
//! cargo run -p kipod-e2e --bin chaos -- --seed SEED --case CASE
//! ```
//!
//! The first line names the seed. `--seed` with `--case` replays one case: the same operation, process,
//! instant and next command. A case fails if a command hangs, if the next command fails, if anything of a
//! deleted cluster remains, if Podman loses a lock, or if a file of the user changes.

#[path = "../../../../kipod-test/tests/harness/runner.rs"]
mod runner;

mod disturb;
mod world;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use kipod_e2e::endurance::Failures;
use kipod_e2e::endurance::chaos::{COMBINATIONS, Case, Operation, Victim};
use kipod_e2e::ensure_node_image;

use world::World;

/// Kills processes at random instants.
#[derive(Debug, Parser)]
struct Args {
    /// Number of cases of each combination of operation and process
    #[arg(long, default_value_t = 1)]
    each: usize,
    /// Seed [default: random]
    #[arg(long)]
    seed: Option<u64>,
    /// Run only this case of the seed, with the same `--operation` and `--victim`
    #[arg(long, requires = "seed")]
    case: Option<usize>,
    /// Run only these operations
    #[arg(long, value_enum)]
    operation: Vec<Operation>,
    /// Kill only these processes
    #[arg(long, value_enum)]
    victim: Vec<Victim>,
    /// Usual duration of a creation on this machine: instants are drawn from it
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    creation: u64,
    /// Stop after this number of minutes
    #[arg(long)]
    minutes: Option<u64>,
    /// Cluster name
    #[arg(long, default_value = "chaos")]
    name: String,
}

impl Args {
    /// Returns the selected combinations that this machine can run.
    fn combinations(&self) -> Vec<(Operation, Victim)> {
        let selected = |(operation, victim): &(Operation, Victim)| {
            (self.operation.is_empty() || self.operation.contains(operation))
                && (self.victim.is_empty() || self.victim.contains(victim))
        };
        COMBINATIONS.into_iter().filter(selected).collect()
    }
}

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    let combinations = args.combinations();
    anyhow::ensure!(!combinations.is_empty(), "no operation with such a process");
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(..));
    println!("seed {seed}");
    ensure_node_image();
    if combinations.iter().any(|(operation, _)| operation.is_test_run()) {
        build_test()?;
    }
    let world = World::new(&args.name)?;
    let indices = match args.case {
        Some(case) => case..case + 1,
        None => 0..combinations.len() * args.each,
    };
    let creation = Duration::from_secs(args.creation);
    let mut failures = Failures::new();
    let (start, total) = (std::time::Instant::now(), indices.len());
    let (mut run, mut killed) = (0, 0);
    for index in indices {
        if args.minutes.is_some_and(|minutes| start.elapsed() >= Duration::from_secs(60 * minutes))
        {
            break;
        }
        run += 1;
        let case = Case::draw(seed, index, creation, &combinations);
        println!("{case}");
        let name = format!("{case} (--seed {seed} --case {index})");
        if !failures.attempt(&name, || killed += usize::from(world.run(&case))) {
            // So that the next case is independent of this one.
            world.reset();
        }
    }
    failures.attempt("the last deletion", || world.delete());
    world.losses().into_iter().for_each(|loss| failures.add(loss));
    let seconds = start.elapsed().as_secs();
    println!("{run} of {total} cases run in {seconds} s, {killed} with a SIGKILL before the end");
    Ok(failures.finish())
}

/// Builds the test that is run, so that the instants are not in its compilation.
fn build_test() -> Result<()> {
    let mut build = std::process::Command::new(env!("CARGO"));
    build.args(["test", "--offline", "-p", "kipod-test", "--test", "real", "--no-run"]);
    let status = build.current_dir(env!("CARGO_MANIFEST_DIR")).status()?;
    anyhow::ensure!(status.success(), "cargo test --no-run: {status}");
    Ok(())
}
