//! CPU time of processes and of single compilation units.
//!
//! Cargo runs this program in place of rustc. It runs rustc and appends the crate's name and CPU time to a
//! file.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

/// The file that rustc's wrapper appends to.
const FILE: &str = "KIPOD_BENCH_UNITS";

/// Lets cargo run this program as rustc's wrapper, which appends to `file`.
pub(crate) fn record(cargo: &mut Command, file: &Path) -> Result<()> {
    cargo.env("RUSTC_WRAPPER", std::env::current_exe()?).env(FILE, file);
    Ok(())
}

/// Runs rustc if cargo runs this program as its wrapper.
pub(crate) fn run_as_wrapper() -> Option<Result<ExitCode>> {
    let file = std::env::var_os(FILE)?;
    Some(run_rustc(PathBuf::from(file)))
}

fn run_rustc(file: PathBuf) -> Result<ExitCode> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let rustc = args.first().context("no rustc in the arguments")?;
    let status = Command::new(rustc).args(&args[1..]).env_remove(FILE).status()?;
    let name = args.iter().skip_while(|arg| *arg != "--crate-name").nth(1);
    if let Some(name) = name {
        let line = format!("{name} {}\n", seconds_of_children()?);
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(file)?;
        file.write_all(line.as_bytes())?;
    }
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Returns the CPU-seconds, user and system, of all ended children of this process and of theirs.
pub(crate) fn seconds_of_children() -> Result<f64> {
    let text = std::fs::read_to_string("/proc/self/stat")?;
    // The name in parentheses may contain spaces. `cutime` and `cstime` are fields 16 and 17, and the
    // state after the name is field 3: proc_pid_stat(5).
    let (_, fields) = text.rsplit_once(") ").context("no name in /proc/self/stat")?;
    let times = fields.split(' ').skip(13).take(2).map(str::parse::<u64>);
    let ticks = times.sum::<Result<u64, _>>()?;
    Ok(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// Reads the CPU-seconds of the units with a name, and their number.
pub(crate) fn read(file: &Path) -> Result<BTreeMap<String, (usize, f64)>> {
    let mut units = BTreeMap::new();
    for line in std::fs::read_to_string(file)?.lines() {
        let (name, seconds) = line.split_once(' ').context("a unit without a time")?;
        let unit: &mut (usize, f64) = units.entry(name.to_owned()).or_default();
        *unit = (unit.0 + 1, unit.1 + seconds.parse::<f64>()?);
    }
    Ok(units)
}
