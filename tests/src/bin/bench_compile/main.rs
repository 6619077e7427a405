//! Measures the compile time that kipod adds to a package that already uses kube and tokio.
//!
//! Builds a temporary package with and without kipod in turn, each into an empty target directory, and
//! the macro crate separately. Reports wall and CPU time (user and system, of all compiler processes), the
//! number of crates, the size of the target directory, and the units that kipod adds with the most CPU time.
//! CPU time is the measure to compare: wall time depends on the number of cores.
//!
//! ```text
//! cargo run --release -p kipod-e2e --bin bench_compile -- [ROUNDS]
//! ```
//!
//! All crates must be in cargo's cache. A round takes several minutes.

mod units;

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use kipod_e2e::bench;

/// The number of units to report.
const UNITS: usize = 12;

fn main() -> Result<ExitCode> {
    if let Some(code) = units::run_as_wrapper() {
        return code;
    }
    let rounds = bench::rounds(1)?;
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("a workspace")?;
    let dir = tempfile::tempdir()?;
    let (with, without) = (dir.path().join("with"), dir.path().join("without"));
    let kipod = workspace.join("kipod-test");
    let dependency = format!("kipod = {{ package = \"kipod-test\", path = {kipod:?} }}\n");
    write(
        workspace,
        &with,
        &dependency,
        "#[kipod::test]\nasync fn works(_client: kube::Client) {}\n",
    )?;
    write(workspace, &without, "", "#[tokio::test]\nasync fn works() {}\n")?;
    let crates = (count_crates(&without)?, count_crates(&with)?);
    println!(
        "crates       without {:4}   with {:4}   {:+}",
        crates.0,
        crates.1,
        crates.1 - crates.0
    );
    for round in 1..=rounds.max(1) {
        let (plain, ours) = (clean_build(&without)?, clean_build(&with)?);
        print_pair(round, "wall time", "s", plain.time.wall, ours.time.wall);
        print_pair(round, "CPU time", "s", plain.time.cpu, ours.time.cpu);
        print_pair(round, "target", "MB", plain.megabytes, ours.megabytes);
        let (plain_again, ours_again) = (rebuild(&without)?, rebuild(&with)?);
        print_pair(round, "one line", "s", plain_again.wall, ours_again.wall);
        let macros = build_macros(workspace)?;
        println!("{round}  kipod-test-macros and its dependencies {:6.1} s", macros.cpu);
        println!("{round}  added units by CPU time:");
        for (seconds, name) in added(&plain.units, &ours.units).into_iter().take(UNITS) {
            println!("{round}  {seconds:8.1} s  {name}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print_pair(round: usize, what: &str, unit: &str, plain: f64, ours: f64) {
    println!(
        "{round}  {what:<10} without {plain:6.1} {unit}   with {ours:6.1} {unit}   ratio {:.2}   {:+.1} {unit}",
        ours / plain,
        ours - plain
    );
}

/// The time of a build in seconds.
struct Time {
    wall: f64,
    cpu: f64,
}

/// A build into an empty target directory.
struct CleanBuild {
    time: Time,
    megabytes: f64,
    units: BTreeMap<String, (usize, f64)>,
}

/// Returns the names of which `ours` has more units than `plain`, with the difference in CPU-seconds, the
/// costliest first.
fn added(
    plain: &BTreeMap<String, (usize, f64)>,
    ours: &BTreeMap<String, (usize, f64)>,
) -> Vec<(f64, String)> {
    let mut added: Vec<_> = ours
        .iter()
        .map(|(name, ours)| (name, ours, plain.get(name).copied().unwrap_or_default()))
        .filter(|(_, ours, plain)| ours.0 > plain.0)
        .map(|(name, ours, plain)| (ours.1 - plain.1, name.clone()))
        .collect();
    added.sort_by(|one, other| other.0.total_cmp(&one.0));
    added
}

/// Writes a package with one test. The lock file of the workspace pins the versions.
fn write(workspace: &Path, package: &Path, dependency: &str, test: &str) -> Result<()> {
    std::fs::create_dir_all(package.join("src"))?;
    std::fs::create_dir_all(package.join("tests"))?;
    let manifest = format!(
        "[package]\nname = \"bench\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n\
         [dependencies]\nkube = {{ version = \"5\", features = [\"runtime\"] }}\n\
         k8s-openapi = {{ version = \"0.29\", features = [\"latest\"] }}\n\
         tokio = {{ version = \"1\", features = [\"full\"] }}\n[dev-dependencies]\n{dependency}"
    );
    std::fs::write(package.join("Cargo.toml"), manifest)?;
    std::fs::write(package.join("src/lib.rs"), "pub use kube::Client;\n")?;
    std::fs::write(package.join("tests/it.rs"), test)?;
    std::fs::copy(workspace.join("Cargo.lock"), package.join("Cargo.lock"))?;
    Ok(())
}

/// Returns the number of crates in the dependency graph of the tests.
fn count_crates(package: &Path) -> Result<i64> {
    let args = ["tree", "--offline", "--prefix=none", "--edges=normal,build,dev", "--no-dedupe"];
    let output = cargo(package, &args).stderr(Stdio::inherit()).output()?;
    let text = String::from_utf8(output.stdout)?;
    let mut names: Vec<&str> = text
        .lines()
        .map(|line| line.trim_end_matches(" (*)").trim_end_matches(" (proc-macro)"))
        .filter(|line| !line.is_empty())
        .collect();
    names.sort_unstable();
    names.dedup();
    Ok(i64::try_from(names.len())?)
}

/// Builds the tests of a package into an empty target directory.
fn clean_build(package: &Path) -> Result<CleanBuild> {
    let dir = tempfile::tempdir()?;
    let (target, file) = (dir.path().join("target"), dir.path().join("units"));
    let mut command = cargo(package, &["build", "--tests"]);
    // Cargo compiles kipod incrementally here because its source is a path, and never from a registry.
    command.env("CARGO_INCREMENTAL", "0");
    units::record(command.env("CARGO_TARGET_DIR", &target), &file)?;
    let time = build(&mut command)?;
    Ok(CleanBuild { time, megabytes: size(&target)? as f64 / 1e6, units: units::read(&file)? })
}

/// Builds the macro crate into an empty target directory.
fn build_macros(workspace: &Path) -> Result<Time> {
    let target = tempfile::tempdir()?;
    let args = ["build", "-p", "kipod-test-macros"];
    build(cargo(workspace, &args).env("CARGO_TARGET_DIR", target.path()))
}

/// Builds once more after a change of the test.
fn rebuild(package: &Path) -> Result<Time> {
    let target = package.join("target");
    let args = ["build", "--tests"];
    build(cargo(package, &args).env("CARGO_TARGET_DIR", &target))?;
    let test = package.join("tests/it.rs");
    std::fs::write(&test, std::fs::read_to_string(&test)? + "// Another line.\n")?;
    build(cargo(package, &args).env("CARGO_TARGET_DIR", &target))
}

/// Runs a cargo command, and returns the time it took.
fn build(command: &mut Command) -> Result<Time> {
    let (start, cpu) = (Instant::now(), units::seconds_of_children()?);
    let output = command.args(["--offline", "--quiet"]).output()?;
    let time =
        Time { wall: start.elapsed().as_secs_f64(), cpu: units::seconds_of_children()? - cpu };
    if !output.status.success() {
        bail!("{command:?}:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(time)
}

/// Returns the bytes that a directory takes on disk.
fn size(dir: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        bytes += match entry.file_type()?.is_dir() {
            true => size(&entry.path())?,
            false => entry.metadata()?.blocks() * 512,
        };
    }
    Ok(bytes)
}

fn cargo(package: &Path, args: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(args).current_dir(package).env_remove("CARGO_TARGET_DIR");
    command
}
