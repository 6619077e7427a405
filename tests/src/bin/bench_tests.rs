//! Measures the overhead of `#[kipod::test]`, compared with plain kube code. Both run in turn on one
//! cluster.
//!
//! * The time from the start of the process to the first line of the test's body, which has a client
//!   and a namespace. The plain code creates a client and sends one request.
//! * The time for each of many empty tests with their own namespaces, under `cargo test` and nextest.
//!   The plain code sends two requests. The time for each test must not grow with their number.
//!
//! ```text
//! cargo run --release -p kipod-e2e --bin bench_tests -- [ROUNDS]
//! ```
//!
//! The tests are in `kipod-test/tests/real.rs`, built with the `test` profile. Results are medians.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use k8s_openapi::api::core::v1::Namespace;
use kipod_e2e::bench::{self, median_f64};
use kipod_engine::kubeconfig::client;
use kube::Api;
use kube::api::ListParams;

const CLUSTER: &str = "bench-tests";
/// The number of concurrent tests.
const THREADS: &str = "8";

fn main() -> Result<()> {
    let rounds = bench::rounds(20)?;
    let kipod = bench::kipod_binary()?;
    let binary = build()?;
    let dir = tempfile::tempdir()?;
    let kubeconfig = dir.path().join("kubeconfig");
    let args = ["create", "cluster", CLUSTER, "--quiet", "--kubeconfig"];
    run(Command::new(&kipod).args(args).arg(&kubeconfig))?;
    let bench = Bench { binary, kubeconfig };
    let measured = bench.measure_start(rounds).and_then(|()| bench.measure_many());
    run(Command::new(&kipod).args(["delete", "cluster", CLUSTER, "--quiet"]))?;
    measured
}

/// Builds the tests, and returns the path of the test binary.
fn build() -> Result<PathBuf> {
    let args = ["test", "--no-run", "--message-format=json", "-p", "kipod-test", "--test", "real"];
    let built = Command::new("cargo").args(args).stderr(Stdio::inherit()).output()?;
    let text = String::from_utf8(built.stdout)?;
    let messages = text.lines().filter_map(|line| serde_json::from_str(line).ok());
    let executable = |message: serde_json::Value| match message["target"]["name"].as_str() {
        Some("real") => message["executable"].as_str().map(PathBuf::from),
        _ => None,
    };
    messages.filter_map(executable).next_back().context("cargo built no test binary")
}

struct Bench {
    binary: PathBuf,
    kubeconfig: PathBuf,
}

impl Bench {
    /// Measures the time from the start of the process to the first line of the test's body.
    fn measure_start(&self, rounds: usize) -> Result<()> {
        let (mut ours, mut plain) = (Vec::new(), Vec::new());
        // The first test of a run also starts the reaper. Here, each test is a run.
        for _ in 0..rounds.max(1) {
            plain.push(self.first_line("start::by_hand")?);
            ours.push(self.first_line("start::with_kipod")?);
        }
        let (ours, plain) = (median_f64(ours), median_f64(plain));
        println!("to the first line, {rounds} rounds");
        println!("  plain    {plain:7.1} ms");
        println!("  kipod    {ours:7.1} ms");
        println!("  ratio    {:7.2}     difference {:.1} ms", ours / plain, ours - plain);
        Ok(())
    }

    fn first_line(&self, test: &str) -> Result<f64> {
        let mut command = self.command(&self.binary);
        command.args([test, "--exact", "--ignored", "--nocapture"]);
        let start = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos();
        let output = command.output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let at = text.lines().find_map(|line| line.strip_prefix("first line at "));
        let at: u128 = match at {
            Some(at) if output.status.success() => at.parse()?,
            _ => bail!("`{test}` failed:\n{text}{}", String::from_utf8_lossy(&output.stderr)),
        };
        Ok((at - start) as f64 / 1e6)
    }

    /// Measures many empty tests.
    fn measure_many(&self) -> Result<()> {
        println!("many tests, {THREADS} concurrent, milliseconds for each");
        for (runner, name) in
            [(Self::cargo as fn(&Self, &str) -> _, "cargo"), (Self::nextest, "nextest")]
        {
            if name == "nextest" && !has_nextest() {
                println!("  not run: nextest: needs cargo-nextest");
                continue;
            }
            for (decades, tests) in [("d[01]", 40), ("d.", 200)] {
                let time = |side: &str| -> Result<f64> {
                    self.wait_namespaces_deleted()?;
                    let seconds = runner(self, &format!("many::{side}::{decades}::"))?;
                    Ok(seconds * 1000.0 / f64::from(tests))
                };
                let (mut plain, mut ours) = (Vec::new(), Vec::new());
                for _ in 0..3 {
                    plain.push(time("by_hand")?);
                    ours.push(time("with_kipod")?);
                }
                let (plain, ours) = (median_f64(plain), median_f64(ours));
                println!(
                    "  {name:7} {tests:3} tests   plain {plain:6.1}   kipod {ours:6.1}   ratio {:.2}",
                    ours / plain
                );
            }
        }
        Ok(())
    }

    /// Waits until the namespaces of earlier tests have been deleted: their deletion slows the next
    /// measurement down.
    fn wait_namespaces_deleted(&self) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let kubeconfig = std::fs::read_to_string(&self.kubeconfig)?;
        runtime.block_on(async {
            let namespaces: Api<Namespace> = Api::all(client::connect(&kubeconfig).await?);
            loop {
                let list = namespaces.list(&ListParams::default()).await?;
                if list.items.iter().all(|one| one.metadata.deletion_timestamp.is_none()) {
                    return Ok(());
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        })
    }

    /// Runs tests under libtest, whose filters are not expressions: each decade is a filter.
    fn cargo(&self, tests: &str) -> Result<f64> {
        let mut command = self.command(&self.binary);
        let filters = match tests.split_once("d[01]::") {
            Some((start, _)) => vec![format!("{start}d0::"), format!("{start}d1::")],
            None => vec![tests.trim_end_matches("d.::").to_owned()],
        };
        command.args(filters).args(["--ignored", "--test-threads", THREADS]);
        let start = Instant::now();
        run(&mut command)?;
        Ok(start.elapsed().as_secs_f64())
    }

    /// Runs tests under nextest.
    fn nextest(&self, tests: &str) -> Result<f64> {
        let mut command = self.command(Path::new("cargo"));
        let filter = format!("test(/^{tests}/)");
        command.args(["nextest", "run", "-p", "kipod-test", "--test", "real", "--test-threads"]);
        command.args([THREADS, "--run-ignored", "only", "--no-fail-fast", "-E", &filter]);
        let start = Instant::now();
        run(&mut command)?;
        Ok(start.elapsed().as_secs_f64())
    }

    /// Returns a command that runs in the cluster of the benchmark only.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("KIPOD_") {
                command.env_remove(name);
            }
        }
        command.env("KUBECONFIG", &self.kubeconfig).env("KIPOD_CLUSTER", CLUSTER);
        command
    }
}

fn has_nextest() -> bool {
    let version = Command::new("cargo").args(["nextest", "--version"]).output();
    version.is_ok_and(|output| output.status.success())
}

/// Runs a command. The error contains the last lines of its output.
fn run(command: &mut Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output()?;
    if !output.status.success() {
        let [out, err] = [output.stdout, output.stderr].map(|bytes| {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let lines: Vec<&str> = text.lines().collect();
            lines[lines.len().saturating_sub(40)..].join("\n")
        });
        bail!("{command:?}: {}\n{out}\n{err}", output.status);
    }
    Ok(())
}
