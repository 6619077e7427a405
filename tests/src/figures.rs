//! Figures of benchmarks.

use std::time::Duration;

/// The median and the worst, in milliseconds, in columns.
pub fn line(times: &mut [Duration]) -> String {
    let median = middle(times).as_secs_f64() * 1000.0;
    let worst = times.iter().max().map_or(0.0, Duration::as_secs_f64) * 1000.0;
    format!("{median:7.1}  worst {worst:7.1}")
}

/// The median; of an even number, the upper one.
pub fn middle(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
