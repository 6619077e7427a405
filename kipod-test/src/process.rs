//! Processes, identified by PID and start time.

use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde::{Deserialize, Serialize};

/// Number of ancestors that are searched for a name.
const MAX_ANCESTORS: usize = 8;
/// Poll interval on kernels without pidfd.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
const NO_WAIT: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// A process. The start time distinguishes it from a later process with the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Process {
    /// Process number.
    pub(crate) pid: i32,
    /// Start time in clock ticks since boot.
    pub(crate) started: u64,
}

impl Process {
    /// Returns the current process.
    pub(crate) fn current() -> Self {
        let pid = std::process::id().cast_signed();
        Self { pid, started: Stat::read(pid).map_or(0, |stat| stat.started) }
    }

    /// Returns the closest ancestor with one of the names.
    pub(crate) fn ancestor_named(self, names: &[&str]) -> Option<Self> {
        let mut pid = Stat::read(self.pid)?.parent;
        for _ in 0..MAX_ANCESTORS {
            let stat = Stat::read(pid)?;
            if names.contains(&stat.name.as_str()) {
                return Some(Self { pid, started: stat.started });
            }
            pid = stat.parent;
        }
        None
    }

    /// Returns whether the process is still running. A zombie is not.
    pub(crate) fn is_alive(self) -> bool {
        Stat::read(self.pid).is_some_and(|stat| stat.started == self.started && !stat.exited)
    }

    /// Blocks until the process has exited.
    pub(crate) fn wait(self) {
        let pidfd = Pid::from_raw(self.pid).map(|pid| pidfd_open(pid, PidfdFlags::empty()));
        // Checked after the pidfd is open: it then refers to this process, and not to a later one
        // with the same number.
        while self.is_alive() {
            match &pidfd {
                Some(Ok(pidfd)) => {
                    let _ = poll(&mut [PollFd::new(pidfd, PollFlags::IN)], None);
                    // The pidfd is readable as soon as the process has exited, before its parent has
                    // reaped it.
                    if poll(&mut [PollFd::new(pidfd, PollFlags::IN)], Some(&NO_WAIT)) == Ok(1) {
                        return;
                    }
                }
                _ => std::thread::sleep(POLL_INTERVAL),
            }
        }
    }
}

/// Fields of `/proc/PID/stat`, see proc_pid_stat(5).
struct Stat {
    name: String,
    parent: i32,
    started: u64,
    exited: bool,
}

impl Stat {
    fn read(pid: i32) -> Option<Self> {
        Self::parse(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// Parses a line. The name is in parentheses and may contain any character, including
    /// parentheses.
    fn parse(text: &str) -> Option<Self> {
        let (_, rest) = text.split_once('(')?;
        let (name, rest) = rest.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        Some(Self {
            name: name.to_owned(),
            exited: matches!(*fields.first()?, "Z" | "X"),
            parent: fields.get(1)?.parse().ok()?,
            // Field 22; the first field after the name is field 3.
            started: fields.get(19)?.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_accepts_names_with_parentheses() {
        let fields = (4..=52).map(|n| n.to_string()).collect::<Vec<_>>().join(" ");
        let stat = Stat::parse(&format!("7 (a) (b c) R {fields}")).unwrap();
        assert_eq!((stat.name.as_str(), stat.parent, stat.started), ("a) (b c", 4, 22));
        assert!(!stat.exited);
        assert!(Stat::parse("7 (a) Z").is_none());
    }

    #[test]
    fn wait_returns_when_the_process_exits() {
        let mut child = std::process::Command::new("sleep").arg("0.2").spawn().unwrap();
        let pid = child.id().cast_signed();
        let process = Process { pid, started: Stat::read(pid).unwrap().started };
        assert!(process.is_alive());
        let later = Process { started: process.started + 1, ..process };
        later.wait();
        // The child is a zombie now, which counts as exited.
        process.wait();
        assert!(!process.is_alive());
        child.wait().unwrap();
        process.wait();
    }
}
