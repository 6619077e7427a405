//! Arguments and statistics of benchmarks.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};

/// Returns the number of rounds: the first argument, or `default`.
pub fn rounds(default: usize) -> Result<usize> {
    Ok(std::env::args().nth(1).map_or(Ok(default), |text| text.parse())?)
}

/// Returns the path of the release build of `kipod`, which is next to the benchmark.
pub fn kipod_binary() -> Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name("kipod");
    if !path.exists() {
        let build = "cargo build --release -p kipod-engine";
        bail!("`{}` not found: run `{build}`", path.display());
    }
    Ok(path)
}

/// Formats the median and the maximum in milliseconds, in columns.
pub fn median_and_worst(times: &mut [Duration]) -> String {
    let median = median(times).as_secs_f64() * 1000.0;
    let worst = times.iter().max().map_or(0.0, Duration::as_secs_f64) * 1000.0;
    format!("{median:7.1}  worst {worst:7.1}")
}

/// Returns the median; the upper one for an even number of values.
pub fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Returns the median of numbers; the upper one for an even number of values.
pub fn median_f64(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
