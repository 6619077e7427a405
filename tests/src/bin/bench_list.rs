//! How long `kipod get clusters` takes, against `podman ps --all`, which a list that asked Podman
//! would have to wait for. In turn, in one run.
//!
//! ```text
//! cargo run --release -p kipod-e2e --bin bench_list -- [ROUNDS]
//! ```
//!
//! Figures are milliseconds: the median and the worst.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use kipod_e2e::figures::{line, middle};

fn main() -> Result<()> {
    let rounds: usize = std::env::args().nth(1).map_or(Ok(20), |text| text.parse())?;
    let kipod = std::env::current_exe()?.with_file_name("kipod");
    if !kipod.exists() {
        bail!(
            "`{}` is missing: run `cargo build --release -p kipod-engine --features cli`",
            kipod.display()
        );
    }
    let empty = tempfile::tempdir()?;
    let (mut none, mut own, mut podman) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds.max(1) {
        let mut list = Command::new(&kipod);
        list.args(["get", "clusters"]);
        own.push(time(&mut list)?);
        none.push(time(list.env("XDG_STATE_HOME", empty.path()))?);
        podman.push(time(Command::new("podman").args(["ps", "--all"]))?);
    }
    println!("kipod get clusters, no clusters     {}", line(&mut none));
    println!("kipod get clusters, yours           {}", line(&mut own));
    println!("podman ps --all                     {}", line(&mut podman));
    let ratio = middle(&mut own).as_secs_f64() / middle(&mut podman).as_secs_f64();
    println!("kipod / podman                      {ratio:.2}");
    Ok(())
}

/// How long a command takes that goes well.
fn time(command: &mut Command) -> Result<Duration> {
    let start = Instant::now();
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    let status = status.with_context(|| format!("cannot run {command:?}"))?;
    if !status.success() {
        bail!("{command:?}: {status}");
    }
    Ok(start.elapsed())
}
