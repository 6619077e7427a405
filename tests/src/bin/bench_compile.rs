//! What kipod adds to the compile time of somebody who has kube and tokio already: a throw-away package
//! with and without it, built in turn, each into an empty folder; and the macro crate alone.
//!
//! ```text
//! cargo run --release -p kipod-e2e --bin bench_compile -- [ROUNDS]
//! ```
//!
//! It needs the sources of all crates in cargo's own cache, and takes some minutes a round.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

fn main() -> Result<()> {
    let rounds: usize = std::env::args().nth(1).map_or(Ok(1), |text| text.parse())?;
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("a workspace")?;
    let folder = tempfile::tempdir()?;
    let (with, without) = (folder.path().join("with"), folder.path().join("without"));
    let kipod = workspace.join("kipod-test");
    let line = format!("kipod = {{ package = \"kipod-test\", path = {kipod:?} }}\n");
    write(workspace, &with, &line, "#[kipod::test]\nasync fn works(_client: kube::Client) {}\n")?;
    write(workspace, &without, "", "#[tokio::test]\nasync fn works() {}\n")?;
    let crates = (crates(&without)?, crates(&with)?);
    println!(
        "crates       without {:4}   with {:4}   {:+}",
        crates.0,
        crates.1,
        crates.1 - crates.0
    );
    for round in 1..=rounds.max(1) {
        let build = ["build", "--tests"];
        let (plain, ours) = (time(&without, &build)?, time(&with, &build)?);
        println!(
            "{round}  clean      without {plain:6.1} s   with {ours:6.1} s   ratio {:.2}   {:+.1} s",
            ours / plain,
            ours - plain
        );
        let (plain, ours) = (again(&without)?, again(&with)?);
        println!("{round}  one line   without {plain:6.1} s   with {ours:6.1} s");
        let seconds = time(workspace, &["build", "-p", "kipod-test-macros"])?;
        println!("{round}  kipod-test-macros alone, with what it needs {seconds:6.1} s");
    }
    Ok(())
}

/// A package of one test. The workspace's lock file keeps the versions the same.
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

/// How many crates are built for its tests.
fn crates(package: &Path) -> Result<i64> {
    let words = ["tree", "--offline", "--prefix=none", "--edges=normal,build,dev", "--no-dedupe"];
    let output = cargo(package, &words).stderr(Stdio::inherit()).output()?;
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

/// Seconds for a build into an empty folder.
fn time(package: &Path, words: &[&str]) -> Result<f64> {
    let target = tempfile::tempdir()?;
    build(cargo(package, words).env("CARGO_TARGET_DIR", target.path()))
}

/// Seconds for another build of it after a change of the test.
fn again(package: &Path) -> Result<f64> {
    let target = package.join("target");
    let words = ["build", "--tests"];
    build(cargo(package, &words).env("CARGO_TARGET_DIR", &target))?;
    let test = package.join("tests/it.rs");
    std::fs::write(&test, std::fs::read_to_string(&test)? + "// Another line.\n")?;
    build(cargo(package, &words).env("CARGO_TARGET_DIR", &target))
}

fn build(command: &mut Command) -> Result<f64> {
    let start = Instant::now();
    let output = command.args(["--offline", "--quiet"]).output()?;
    let seconds = start.elapsed().as_secs_f64();
    if !output.status.success() {
        bail!("{command:?}:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(seconds)
}

fn cargo(package: &Path, words: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(words).current_dir(package).env_remove("CARGO_TARGET_DIR");
    command
}
