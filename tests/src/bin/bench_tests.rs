//! What `#[kipod::test]` adds to a test, against kube by hand, in turn, in one run on one cluster.
//!
//! * From the start of the process to the first line of the test's body, in which it has a client and
//!   a namespace; by hand that is one client and one request.
//! * Many tests that do nothing, each with a namespace of its own that is deleted after it, under
//!   `cargo test` and under nextest; by hand that is two requests. The time for each test must not grow
//!   with their number.
//!
//! ```text
//! cargo run --release -p kipod-e2e --bin bench_tests -- [ROUNDS]
//! ```
//!
//! The tests are those of `kipod-test/tests/real.rs`, built as `cargo test` builds tests. Figures are
//! medians.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use k8s_openapi::api::core::v1::Namespace;
use kipod_engine::kubeconfig::client;
use kube::Api;
use kube::api::ListParams;

const CLUSTER: &str = "bench-tests";
/// How many tests run at once, whoever runs them.
const THREADS: &str = "8";

fn main() -> Result<()> {
    let rounds: usize = std::env::args().nth(1).map_or(Ok(20), |text| text.parse())?;
    let kipod = std::env::current_exe()?.with_file_name("kipod");
    if !kipod.exists() {
        bail!(
            "`{}` is missing: run `cargo build --release -p kipod-engine --features cli`",
            kipod.display()
        );
    }
    let binary = build()?;
    let folder = tempfile::tempdir()?;
    let kubeconfig = folder.path().join("kubeconfig");
    let words = ["create", "cluster", CLUSTER, "--quiet", "--kubeconfig"];
    run(Command::new(&kipod).args(words).arg(&kubeconfig))?;
    let bench = Bench { binary, kubeconfig };
    let measured = bench.start(rounds).and_then(|()| bench.many());
    run(Command::new(&kipod).args(["delete", "cluster", CLUSTER, "--quiet"]))?;
    measured
}

/// Builds the tests, and answers where they are.
fn build() -> Result<PathBuf> {
    let words = ["test", "--no-run", "--message-format=json", "-p", "kipod-test", "--test", "real"];
    let built = Command::new("cargo").args(words).stderr(Stdio::inherit()).output()?;
    let text = String::from_utf8(built.stdout)?;
    let messages = text.lines().filter_map(|line| serde_json::from_str(line).ok());
    let of = |message: serde_json::Value| match message["target"]["name"].as_str() {
        Some("real") => message["executable"].as_str().map(PathBuf::from),
        _ => None,
    };
    messages.filter_map(of).next_back().context("cargo built no tests")
}

struct Bench {
    binary: PathBuf,
    kubeconfig: PathBuf,
}

impl Bench {
    /// From the start of a process to the first line of a body.
    fn start(&self, rounds: usize) -> Result<()> {
        let (mut ours, mut by_hand) = (Vec::new(), Vec::new());
        // The first of a run also starts the process that cleans up; here each test is a run.
        for _ in 0..rounds.max(1) {
            by_hand.push(self.first_line("start::by_hand")?);
            ours.push(self.first_line("start::with_kipod")?);
        }
        let (ours, by_hand) = (middle(ours), middle(by_hand));
        println!("to the first line, {rounds} rounds, each a run of its own");
        println!("  by hand  {by_hand:7.1} ms");
        println!("  kipod    {ours:7.1} ms");
        println!("  ratio    {:7.2}     difference {:.1} ms", ours / by_hand, ours - by_hand);
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

    /// Many tests that do nothing.
    fn many(&self) -> Result<()> {
        println!("many tests, {THREADS} at a time, milliseconds for each");
        for (runner, name) in
            [(Self::cargo as fn(&Self, &str) -> _, "cargo"), (Self::nextest, "nextest")]
        {
            if name == "nextest" && !has_nextest() {
                println!("  NOT RUN: nextest: this machine lacks cargo-nextest");
                continue;
            }
            for (decades, tests) in [("d[01]", 40), ("d.", 200)] {
                let time = |side: &str| -> Result<f64> {
                    self.settle()?;
                    let seconds = runner(self, &format!("many::{side}::{decades}::"))?;
                    Ok(seconds * 1000.0 / f64::from(tests))
                };
                let (mut by_hand, mut ours) = (Vec::new(), Vec::new());
                for _ in 0..3 {
                    by_hand.push(time("by_hand")?);
                    ours.push(time("with_kipod")?);
                }
                let (by_hand, ours) = (middle(by_hand), middle(ours));
                println!(
                    "  {name:7} {tests:3} tests   by hand {by_hand:6.1}   kipod {ours:6.1}   ratio {:.2}",
                    ours / by_hand
                );
            }
        }
        Ok(())
    }

    /// Waits until the namespaces of the tests before are gone: a cluster that still deletes them has
    /// less time for the next.
    fn settle(&self) -> Result<()> {
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

    /// libtest's filter is no expression, so the two decades are two filters.
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

    fn nextest(&self, tests: &str) -> Result<f64> {
        let mut command = self.command(Path::new("cargo"));
        let filter = format!("test(/^{tests}/)");
        command.args(["nextest", "run", "-p", "kipod-test", "--test", "real", "--test-threads"]);
        command.args([THREADS, "--run-ignored", "only", "--no-fail-fast", "-E", &filter]);
        let start = Instant::now();
        run(&mut command)?;
        Ok(start.elapsed().as_secs_f64())
    }

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

fn run(command: &mut Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output()?;
    if !output.status.success() {
        let [out, err] = [output.stdout, output.stderr].map(|bytes| {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            text.lines()
                .rev()
                .take(40)
                .collect::<Vec<_>>()
                .into_iter()
                .rev()
                .collect::<Vec<_>>()
                .join("\n")
        });
        bail!("{command:?}: {}\n{out}\n{err}", output.status);
    }
    Ok(())
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
