//! Processes of this host.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::{Output, Running};

/// Returns the ids of the processes whose command line fulfils a condition. Arguments are separated by
/// spaces.
pub fn processes_with(condition: impl Fn(&str) -> bool) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter(|id: &u32| {
        let line = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        condition(&String::from_utf8_lossy(&line).replace('\0', " "))
    })
    .collect()
}

/// Sends SIGKILL to a process. Returns whether it existed.
pub fn kill(id: u32) -> bool {
    let pid = Pid::from_raw(id.cast_signed());
    pid.is_some_and(|pid| kill_process(pid, Signal::KILL).is_ok())
}

/// Waits until a command exits. Kills it and returns `None` if it does not within `timeout`.
pub fn wait_timeout(mut running: Running, timeout: Duration) -> Option<Output> {
    let start = Instant::now();
    while !running.has_exited() {
        if start.elapsed() >= timeout {
            return None;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Some(running.wait())
}
