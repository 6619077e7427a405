//! Measures the compile time that kipod adds to a package that already uses kube and tokio.
//!
//! Builds a temporary package with and without kipod in turn, each into an empty target directory, and
//! the macro crate separately.
//!
//! ```text
//! cargo run --release -p kipod-e2e --bin bench_compile -- [ROUNDS]
//! ```
//!
//! All crates must be in cargo's cache. A round takes several minutes.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use kipod_e2e::bench;

fn main() -> Result<()> {
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
        let args = ["build", "--tests"];
        let (plain, ours) = (time_clean(&without, &args)?, time_clean(&with, &args)?);
        println!(
            "{round}  clean      without {plain:6.1} s   with {ours:6.1} s   ratio {:.2}   {:+.1} s",
            ours / plain,
            ours - plain
        );
        let (plain, ours) = (time_rebuild(&without)?, time_rebuild(&with)?);
        println!("{round}  one line   without {plain:6.1} s   with {ours:6.1} s");
        let seconds = time_clean(workspace, &["build", "-p", "kipod-test-macros"])?;
        println!("{round}  kipod-test-macros and its dependencies {seconds:6.1} s");
    }
    Ok(())
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

/// Returns the seconds for a build into an empty target directory.
fn time_clean(package: &Path, args: &[&str]) -> Result<f64> {
    let target = tempfile::tempdir()?;
    build(cargo(package, args).env("CARGO_TARGET_DIR", target.path()))
}

/// Returns the seconds for another build after a change of the test.
fn time_rebuild(package: &Path) -> Result<f64> {
    let target = package.join("target");
    let args = ["build", "--tests"];
    build(cargo(package, &args).env("CARGO_TARGET_DIR", &target))?;
    let test = package.join("tests/it.rs");
    std::fs::write(&test, std::fs::read_to_string(&test)? + "// Another line.\n")?;
    build(cargo(package, &args).env("CARGO_TARGET_DIR", &target))
}

/// Runs a cargo command, and returns the seconds it took.
fn build(command: &mut Command) -> Result<f64> {
    let start = Instant::now();
    let output = command.args(["--offline", "--quiet"]).output()?;
    let seconds = start.elapsed().as_secs_f64();
    if !output.status.success() {
        bail!("{command:?}:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(seconds)
}

fn cargo(package: &Path, args: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(args).current_dir(package).env_remove("CARGO_TARGET_DIR");
    command
}
