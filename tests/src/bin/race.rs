//! Runs many commands at once: creations of one name, creations of different names, and deletions in
//! between.
//!
//! ```text
//! cargo build -p kipod-engine && cargo run -p kipod-e2e --bin race -- [--processes 32] [--clusters 16]
//! ```
//!
//! By default, creations are interrupted as soon as their nodes have been created: names, ports, subnets
//! and addresses are chosen by then, and one machine can run all of them. `--complete` waits until the
//! clusters are ready, at most `--parallel` at a time.
//!
//! It fails if a command fails for another reason than a name in use, or if anything of a cluster remains.
//! With `--complete`, also if not exactly one of the creations of one name succeeds, or if two clusters have
//! the same port, subnet or address.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Parser;
use kipod_e2e::endurance::{Failures, PodmanLocks, UserFiles, wait_timeout};
use kipod_e2e::{Kipod, Leftovers, Output, Running, ensure_node_image, podman};
use serde_json::Value;

/// Timeout for every command.
const TIMEOUT: Duration = Duration::from_secs(900);

/// Runs many commands at once.
#[derive(Debug, Parser)]
struct Args {
    /// Number of processes that create one cluster, and then delete it
    #[arg(long, default_value_t = 32)]
    processes: usize,
    /// Number of clusters with different names
    #[arg(long, default_value_t = 16)]
    clusters: usize,
    /// Number of clusters that are created at the same time
    #[arg(long, default_value_t = 4)]
    parallel: usize,
    /// Wait until the clusters are ready
    #[arg(long)]
    complete: bool,
    /// Prefix of cluster names
    #[arg(long, default_value = "race")]
    name: String,
}

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    ensure_node_image();
    let race = Race { files: UserFiles::create()?, complete: args.complete };
    let locks = PodmanLocks::count();
    let mut failures = Failures::new();
    failures.attempt("creations of one name", || race.one_name(&args.name, args.processes));
    let names: Vec<_> = (0..args.clusters).map(|index| format!("{}-{index}", args.name)).collect();
    failures.attempt("creations of different names", || race.many_names(&names, args.parallel));
    if let Some(lost) = locks.lost().filter(|lost| *lost > 0) {
        failures.add(format!("podman: {lost} locks lost"));
    }
    race.files.changes().into_iter().for_each(|change| failures.add(change));
    Ok(failures.finish())
}

struct Race {
    files: UserFiles,
    complete: bool,
}

impl Race {
    /// Creates one cluster by `count` processes at once, and then deletes it by `count` processes.
    fn one_name(&self, name: &str, count: usize) {
        let start = Instant::now();
        let leftovers = self.leftovers(name);
        let creations: Vec<_> = (0..count).map(|_| self.creation(name)).collect();
        let outputs: Vec<_> = creations.into_iter().map(|one| self.finish(one)).collect();
        let is_busy = |output: &Output| {
            output.code() == Some(1)
                && ["is in use by another process", "already exists"]
                    .iter()
                    .any(|text| output.stderr.contains(text))
        };
        let (refused, others): (Vec<_>, Vec<_>) = outputs.iter().partition(|one| is_busy(one));
        println!(
            "one name: {} of {count} creations had the name, {} were refused, in {:.1} s",
            others.len(),
            refused.len(),
            start.elapsed().as_secs_f64()
        );
        // An interrupted creation releases the name, which later processes may take.
        match self.complete {
            true => assert_eq!(others.len(), 1),
            false => assert!(!others.is_empty()),
        }
        others.iter().for_each(|output| self.assert_created(output));
        let start = Instant::now();
        let deletions: Vec<_> = (0..count).map(|_| self.deletion(name).spawn()).collect();
        for output in deletions.into_iter().map(wait) {
            assert!(output.code() == Some(0) || is_busy(&output), "{output}");
        }
        println!("one name: {count} deletions in {:.1} s", start.elapsed().as_secs_f64());
        assert_none(&leftovers);
    }

    /// Creates clusters with different names, at most `parallel` at a time. Each is deleted while the
    /// next ones are created.
    fn many_names(&self, names: &[String], parallel: usize) {
        let start = Instant::now();
        let mut deletions: Vec<(Running, Leftovers)> = Vec::new();
        for chunk in names.chunks(parallel.max(1)) {
            let creations: Vec<_> = chunk.iter().map(|name| self.creation(name)).collect();
            let outputs: Vec<_> = creations.into_iter().map(|one| self.finish(one)).collect();
            outputs.iter().for_each(|output| self.assert_created(output));
            if self.complete {
                self.assert_distinct(chunk);
            }
            finish_deletions(&mut deletions);
            for name in chunk {
                deletions.push((self.deletion(name).spawn(), self.leftovers(name)));
            }
        }
        finish_deletions(&mut deletions);
        println!("{} names in {:.1} s", names.len(), start.elapsed().as_secs_f64());
    }

    fn creation(&self, name: &str) -> Running {
        self.kipod(&["-v", "create", "cluster", name]).spawn()
    }

    /// Waits for a creation, and interrupts it after its nodes have been created unless clusters are
    /// completed.
    fn finish(&self, mut creation: Running) -> Output {
        let start = Instant::now();
        while !self.complete && !creation.has_exited() && start.elapsed() < TIMEOUT {
            if creation.stderr().contains("✓ creating nodes") {
                creation.ctrl_c();
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        wait(creation)
    }

    #[track_caller]
    fn assert_created(&self, output: &Output) {
        // A creation may be complete before its turn to be interrupted.
        let interrupted = !self.complete && output.code() == Some(130);
        assert!(interrupted || output.code() == Some(0), "{output}");
    }

    /// Fails unless all existing clusters have a port, a subnet and an address of their own.
    fn assert_distinct(&self, names: &[String]) {
        let list = self.kipod(&["get", "clusters", "--output=json"]).run().success().json();
        let all = list.as_array().cloned().unwrap_or_default();
        for key in ["/api_port", "/service_address"] {
            let mut seen: BTreeMap<String, String> = BTreeMap::new();
            for one in &all {
                let name = one["name"].as_str().unwrap_or_default().to_owned();
                let value = one.pointer(key).filter(|value| !value.is_null()).map(Value::to_string);
                if let Some(other) = value.and_then(|value| seen.insert(value, name.clone())) {
                    panic!("clusters `{name}` and `{other}` have the same {key}: {list}");
                }
            }
        }
        let networks: Vec<_> = names.iter().map(|name| format!("kipod-{name}")).collect();
        let mut subnets: Vec<_> = networks.iter().map(|network| subnet(network)).collect();
        subnets.sort();
        subnets.dedup();
        assert_eq!(subnets.len(), names.len(), "{subnets:?}");
    }

    fn deletion(&self, name: &str) -> Kipod {
        self.kipod(&["delete", "cluster", name])
    }

    fn kipod(&self, args: &[&str]) -> Kipod {
        Kipod::new(args).env("KUBECONFIG", self.kubeconfig())
    }

    fn kubeconfig(&self) -> PathBuf {
        self.files.kubeconfig()
    }

    fn leftovers(&self, name: &str) -> Leftovers {
        Leftovers::new(name, Path::new(&self.kubeconfig()))
    }
}

/// Returns the subnet of a Podman network.
fn subnet(network: &str) -> String {
    let text = podman(&["network", "inspect", network]);
    let value: Value = serde_json::from_str(&text).expect("JSON of podman");
    value.pointer("/0/subnets/0/subnet").map(Value::to_string).unwrap_or_default()
}

#[track_caller]
fn wait(running: Running) -> Output {
    wait_timeout(running, TIMEOUT).expect("the command exits")
}

#[track_caller]
fn finish_deletions(deletions: &mut Vec<(Running, Leftovers)>) {
    for (deletion, leftovers) in deletions.drain(..) {
        drop(wait(deletion).success());
        assert_none(&leftovers);
    }
}

#[track_caller]
fn assert_none(leftovers: &Leftovers) {
    let remaining = leftovers.remaining();
    assert!(remaining.is_empty(), "leftovers: {remaining:#?}");
}
