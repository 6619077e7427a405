//! Creates and deletes clusters in a row with the library, as a long test run does, and measures the memory
//! and the file descriptors of this process and of one Podman service.
//!
//! ```text
//! cargo build -p kipod-engine && cargo run -p kipod-e2e --bin soak -- [--rounds 200]
//! ```
//!
//! It fails if a creation or a deletion fails, if anything of a deleted cluster remains, if Podman loses a
//! lock, or if a measurement grows: by more than 256 KiB of memory or 0.2 file descriptors per round.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Parser;
use kipod_e2e::endurance::{Failures, PodmanLocks, PodmanService, Trend, Usage, UserFiles};
use kipod_e2e::{Leftovers, ensure_node_image};
use kipod_engine::{ClusterSpec, Engine, UserKubeconfig};

/// The largest growth of memory, in KiB per round.
const MEMORY_LIMIT: f64 = 256.0;
/// The largest growth of file descriptors per round.
const FILES_LIMIT: f64 = 0.2;

/// Creates and deletes clusters in a row.
#[derive(Debug, Parser)]
struct Args {
    /// Number of clusters
    #[arg(long, default_value_t = 200)]
    rounds: usize,
    /// Number of workers of each cluster
    #[arg(long, default_value_t = 0)]
    workers: usize,
    /// Cluster name
    #[arg(long, default_value = "soak")]
    name: String,
    /// Stop after this number of minutes
    #[arg(long)]
    minutes: Option<u64>,
}

/// The measurements of one process.
#[derive(Debug, Default)]
struct Measured {
    memory: Trend,
    files: Trend,
}

impl Measured {
    fn push(&mut self, usage: Usage) {
        self.memory.push(usage.memory as f64);
        self.files.push(usage.files as f64);
    }

    /// Prints the measurements. Adds a failure for each one that grows.
    fn report(&self, process: &str, failures: &mut Failures) {
        let kinds = [
            ("memory in KiB", &self.memory, MEMORY_LIMIT),
            ("file descriptors", &self.files, FILES_LIMIT),
        ];
        for (kind, trend, limit) in kinds {
            let (first, largest, last) = trend.range();
            let verdict = match trend.slope() {
                None => "too few rounds to judge".to_owned(),
                Some(slope) if slope <= limit => format!("flat ({slope:+.2} per round)"),
                Some(slope) => {
                    let growth = format!("grows by {slope:.2} per round, more than {limit}");
                    failures.add(format!("{process}: {kind} {growth}"));
                    growth
                }
            };
            println!(
                "{process}: {kind}: first {first:.0}, largest {largest:.0}, last {last:.0}: {verdict}"
            );
        }
    }
}

/// Everything that a round needs.
struct Soak {
    engine: Engine,
    spec: ClusterSpec,
    kubeconfig: PathBuf,
}

impl Soak {
    /// Creates and deletes a cluster. Returns the duration of both.
    async fn round(&self) -> Result<(Duration, Duration)> {
        let start = Instant::now();
        let user = UserKubeconfig::at(&self.kubeconfig);
        let cluster = self.engine.create(self.spec.clone()).kubeconfig(user).await?;
        let created = start.elapsed();
        let leftovers = Leftovers::new(self.spec.name.as_str(), &self.kubeconfig);
        let start = Instant::now();
        cluster.delete().await?;
        let deleted = start.elapsed();
        let remaining = leftovers.remaining();
        anyhow::ensure!(remaining.is_empty(), "leftovers: {remaining:#?}");
        Ok((created, deleted))
    }
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let args = Args::parse();
    ensure_node_image();
    let files = UserFiles::create()?;
    let service = PodmanService::start()?;
    let soak = Soak {
        engine: Engine::builder().podman(service.url()).connect().await?,
        spec: ClusterSpec::builder(&args.name).workers(args.workers).build()?,
        kubeconfig: files.kubeconfig(),
    };
    let locks = PodmanLocks::count();
    let (mut failures, mut succeeded, mut rounds) = (Failures::new(), 0, 0);
    let (mut kipod, mut podman) = (Measured::default(), Measured::default());
    let start = Instant::now();
    while rounds < args.rounds {
        if args.minutes.is_some_and(|minutes| start.elapsed() >= Duration::from_secs(60 * minutes))
        {
            break;
        }
        rounds += 1;
        match soak.round().await {
            Ok((created, deleted)) => {
                succeeded += 1;
                let (created, deleted) = (created.as_secs_f64(), deleted.as_secs_f64());
                print!("{rounds:4}  created in {created:5.1} s, deleted in {deleted:4.1} s");
            }
            Err(error) => {
                print!("{rounds:4}  FAILED");
                failures.add(format!("round {rounds}: {error:#}"));
                // So that the next round is independent of this one.
                let _ = soak.engine.delete(&soak.spec.name).await;
            }
        }
        let own = Usage::of(std::process::id())?;
        let of_service = service.usage().context("Podman's service has ended")?;
        println!(
            "  kipod {} KiB, {} files  podman {} KiB, {} files",
            own.memory, own.files, of_service.memory, of_service.files
        );
        kipod.push(own);
        podman.push(of_service);
    }
    println!("{succeeded} of {rounds} succeeded in {:.0} s", start.elapsed().as_secs_f64());
    kipod.report("kipod", &mut failures);
    podman.report("podman", &mut failures);
    match locks.lost() {
        None => println!("podman: locks: not reported by this version"),
        Some(0) => println!("podman: locks: none lost"),
        Some(lost) => failures.add(format!("podman: {lost} locks lost")),
    }
    files.changes().into_iter().for_each(|change| failures.add(change));
    Ok(failures.finish())
}
