//! Runs upstream's end-to-end tests of Kubernetes against a kipod cluster, in parts and in parallel, and
//! writes a table of the results.
//!
//! ```text
//! cargo build -p kipod-engine && cargo run -p kipod-e2e --bin conformance -- --output docs/conformance.md
//! ```
//!
//! It needs upstream's `e2e.test` of the cluster's version: `e2e/e2e.test` in a component bundle, or
//! `--e2e-test`. Nodes pull the images of the tests. Without a registry, load them from archives:
//! `e2e/images/*.tar` in a bundle, or `--images`. The default is a new cluster with two nodes, as some tests
//! require; `--kubeconfig` selects an existing cluster.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Parser;
use kipod_e2e::conformance::{About, Outcome, Parts, Suite, TestResult, table};
use kipod_e2e::{ClusterClient, Kipod, TestCluster, ensure_node_image, local_bundle};
use kipod_engine::host;
use kipod_engine::node::CgroupMode;
use kipod_engine::plan::Machine;

/// Runs upstream's end-to-end tests.
#[derive(Debug, Parser)]
struct Args {
    /// Upstream's e2e.test [default: e2e/e2e.test of the component bundle]
    #[arg(long, value_name = "FILE")]
    e2e_test: Option<PathBuf>,
    /// Directory of image archives to load [default: e2e/images of the component bundle]
    #[arg(long, value_name = "DIR")]
    images: Option<PathBuf>,
    /// Kubeconfig of an existing cluster [default: a new cluster]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Number of workers of a new cluster
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// Regular expression of tests to run
    #[arg(long, default_value = r"\[Conformance\]")]
    focus: String,
    /// Regular expression of tests not to run
    #[arg(long, default_value = "")]
    skip: String,
    /// Number of tests that run at the same time
    #[arg(long, default_value_t = 4)]
    processes: usize,
    /// Only print the names of the tests
    #[arg(long)]
    list: bool,
    /// File for the table [default: standard output]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Directory for outputs and reports [default: a temporary directory]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Args {
    fn program(&self) -> Result<PathBuf> {
        let in_bundle = || Some(local_bundle()?.join("e2e/e2e.test"));
        let program = self.e2e_test.clone().or_else(in_bundle).filter(|path| path.exists());
        program.context("no `e2e.test` of upstream: add it to a component bundle as `e2e/e2e.test`, or use `--e2e-test`")
    }

    fn archives(&self) -> Vec<PathBuf> {
        let in_bundle = || Some(local_bundle()?.join("e2e/images"));
        let Some(dir) = self.images.clone().or_else(in_bundle) else { return Vec::new() };
        let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
        let paths = entries.map(|entry| entry.path());
        let mut all: Vec<_> =
            paths.filter(|path| path.extension().is_some_and(|name| name == "tar")).collect();
        all.sort();
        all
    }
}

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    let program = args.program()?;
    let temporary = tempfile::tempdir()?;
    let dir = args.dir.clone().unwrap_or_else(|| temporary.path().to_owned());
    std::fs::create_dir_all(&dir)?;
    if args.list {
        let suite = Suite::new(&program, Path::new("/dev/null"), &dir);
        suite.list(&args.focus, &args.skip)?.iter().for_each(|test| println!("{test}"));
        return Ok(ExitCode::SUCCESS);
    }
    let cluster = args.kubeconfig.is_none().then(|| create(&args));
    let kubeconfig = match (&args.kubeconfig, &cluster) {
        (Some(path), _) => path.clone(),
        (None, Some(cluster)) => cluster.kubeconfig(),
        (None, None) => unreachable!("a cluster is created without `--kubeconfig`"),
    };
    let suite = Suite::new(&program, &kubeconfig, &dir);
    let tests = suite.list(&args.focus, &args.skip)?;
    println!("{} tests", tests.len());
    let start = Instant::now();
    let results = run(&suite, &tests, args.processes)?;
    let client = ClusterClient::connect(&kubeconfig);
    let about = About {
        kubernetes: client.version(),
        kipod: Kipod::new(["version"]).run().success().stdout.trim().to_owned(),
        cluster: description(&client)?,
        focus: args.focus.clone(),
        processes: args.processes,
        duration: start.elapsed(),
    };
    let text = table(&about, &results);
    match &args.output {
        Some(path) => std::fs::write(path, text).with_context(|| path.display().to_string())?,
        None => print!("{text}"),
    }
    let failed =
        results.iter().filter(|result| matches!(result.outcome, Outcome::Failed(_))).count();
    println!("{failed} of {} failed", results.len());
    if failed > 0 && args.dir.is_none() {
        println!("outputs: `{}`", temporary.keep().display());
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Creates a cluster and loads the images of the tests.
fn create(args: &Args) -> TestCluster {
    ensure_node_image();
    let workers = args.workers.to_string();
    let cluster = TestCluster::create_with("conformance", &["--workers", &workers]);
    for archive in args.archives() {
        let file = archive.to_str().expect("a path in UTF-8");
        println!("loading `{file}`");
        cluster.kipod(&["load", "image-archive", file, "--name", &cluster.name]).run().success();
    }
    cluster
}

/// Runs all tests. A test that fails runs a second time alone, because others may have taken its resources.
fn run(suite: &Suite, tests: &[String], processes: usize) -> Result<Vec<TestResult>> {
    let parts = Parts::new(tests, processes);
    let mut results = Vec::new();
    let named =
        parts.parallel.iter().enumerate().map(|(index, part)| (format!("part-{index}"), part));
    let named: Vec<_> = named.collect();
    for batch in named.chunks(processes.max(1)) {
        let started = batch.iter().map(|(name, part)| suite.start(name, part));
        let started = started.collect::<Result<Vec<_>>>()?;
        for (mut child, (name, part)) in started.into_iter().zip(batch) {
            // The report contains the failures.
            child.wait()?;
            results.extend(suite.results(name, part));
            println!("{} of {} done", results.len(), tests.len());
        }
    }
    for (index, part) in parts.serial.iter().enumerate() {
        let name = format!("serial-{index}");
        suite.start(&name, part)?.wait()?;
        results.extend(suite.results(&name, part));
        println!("{} of {} done", results.len(), tests.len());
    }
    for (index, result) in results.iter_mut().enumerate() {
        let Outcome::Failed(first) = &result.outcome else { continue };
        let (name, test) = (format!("alone-{index}"), [result.name.clone()]);
        suite.start(&name, &test)?.wait()?;
        let mut alone = suite.results(&name, &test).remove(0);
        if alone.outcome == Outcome::Passed {
            alone.outcome = Outcome::PassedAlone(first.clone());
        }
        println!("alone: `{}`: {:?}", alone.name, alone.outcome);
        *result = alone;
    }
    Ok(results)
}

/// Describes the cluster.
fn description(client: &ClusterClient) -> Result<String> {
    let count = client.nodes().map_or(0, |nodes| nodes.len());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let facts = runtime.block_on(host::check(None)).facts;
    let controllers = match Machine::from_facts(&facts).cgroups {
        CgroupMode::Unlimited => "without",
        _ => "with",
    };
    Ok(format!("{count} nodes, on a host {controllers} delegated cgroup controllers"))
}
