//! Measures `kipod get clusters`, compared with `podman ps --all`: a list that queried Podman would take
//! at least that long. Both run in turn.
//!
//! ```text
//! cargo run --release -p kipod-e2e --bin bench_list -- [ROUNDS]
//! ```
//!
//! Results are the median and the maximum in milliseconds.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use kipod_e2e::bench::{self, median, median_and_worst};

fn main() -> Result<()> {
    let rounds = bench::rounds(20)?;
    let kipod = bench::kipod_binary()?;
    let empty = tempfile::tempdir()?;
    let (mut none, mut existing, mut podman) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds.max(1) {
        let mut list = Command::new(&kipod);
        list.args(["get", "clusters"]);
        existing.push(time(&mut list)?);
        none.push(time(list.env("XDG_STATE_HOME", empty.path()))?);
        podman.push(time(Command::new("podman").args(["ps", "--all"]))?);
    }
    println!("kipod get clusters, no clusters     {}", median_and_worst(&mut none));
    println!("kipod get clusters, existing ones   {}", median_and_worst(&mut existing));
    println!("podman ps --all                     {}", median_and_worst(&mut podman));
    let ratio = median(&mut existing).as_secs_f64() / median(&mut podman).as_secs_f64();
    println!("kipod / podman                      {ratio:.2}");
    Ok(())
}

/// Returns the time that a successful command takes.
fn time(command: &mut Command) -> Result<Duration> {
    let start = Instant::now();
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    let status = status.with_context(|| format!("cannot run {command:?}"))?;
    if !status.success() {
        bail!("{command:?}: {status}");
    }
    Ok(start.elapsed())
}
