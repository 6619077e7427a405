//! Whose run this is: the process whose end is the end of all its tests.
//!
//! Under `cargo test` the parent of each test binary is cargo; under nextest, which gives each test
//! a process of its own, it is cargo-nextest. A wrapper script may stand in between. Where neither
//! is found (an IDE, a debugger, a binary started by hand) the process is its own run.

use std::sync::{Once, OnceLock};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Signal, getpid, kill_process, pidfd_open};
use serde::{Deserialize, Serialize};

use crate::harness::say;
use crate::name::hash;

/// How many processes may stand between a test and its owner.
const ANCESTORS: usize = 8;
/// How often a process is looked at where the kernel cannot wait for it.
const POLL: Duration = Duration::from_millis(200);

/// A process that is not mistaken for a later one with the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Process {
    pid: i32,
    /// When it started, in the kernel's ticks since boot.
    started: u64,
}

/// One run of tests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Run {
    /// Eight hexadecimal digits that no run at the same time has.
    pub(crate) id: String,
    /// The process whose end is the end of the run.
    pub(crate) owner: Process,
}

impl Run {
    /// The run this process belongs to. It is the same for the life of the process: an orphan does not
    /// begin a run of its own.
    pub(crate) fn current() -> Self {
        static CURRENT: OnceLock<Run> = OnceLock::new();
        let find = || {
            let this = Process::this();
            let owner = this.ancestor_named(&["cargo", "cargo-nextest"]).unwrap_or(this);
            Self::of(owner, std::env::var("NEXTEST_RUN_ID").ok().as_deref())
        };
        CURRENT.get_or_init(find).clone()
    }

    /// Ends this process, and with it its use of clusters, when the run's owner has been gone for
    /// `limit`: nobody is left who would hear how its tests end, and one that hangs would keep its
    /// clusters for ever. Where the process is its own run there is nothing to watch.
    pub(crate) fn leave_no_orphan(limit: Duration) {
        static ONCE: Once = Once::new();
        let owner = Self::current().owner;
        if owner == Process::this() {
            return;
        }
        ONCE.call_once(|| {
            let watch = move || {
                owner.wait();
                std::thread::sleep(limit);
                say(&format!(
                    "the process that ran the tests has been gone for {limit:?}: this one ends, too"
                ));
                // Not `exit`, which runs what may hang just as the test does.
                let _ = kill_process(getpid(), Signal::KILL);
            };
            // Without it there is only no limit.
            let _ = std::thread::Builder::new().name("kipod-owner".to_owned()).spawn(watch);
        });
    }

    /// The run of one test alone.
    pub(crate) fn of_this_process() -> Self {
        Self::of(Process::this(), None)
    }

    fn of(owner: Process, nextest: Option<&str>) -> Self {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let (pid, started) = (owner.pid.to_string(), owner.started.to_string());
        let id = match nextest {
            Some(id) => hash([id]),
            None => hash([boot.as_str(), &pid, &started]),
        };
        Self { id: format!("{:08x}", id >> 32), owner }
    }
}

impl Process {
    /// This process.
    pub(crate) fn this() -> Self {
        let pid = std::process::id().cast_signed();
        Self { pid, started: Stat::of(pid).map_or(0, |stat| stat.started) }
    }

    fn ancestor_named(self, names: &[&str]) -> Option<Self> {
        let mut pid = Stat::of(self.pid)?.parent;
        for _ in 0..ANCESTORS {
            let stat = Stat::of(pid)?;
            if names.contains(&stat.name.as_str()) {
                return Some(Self { pid, started: stat.started });
            }
            pid = stat.parent;
        }
        None
    }

    /// Whether it still runs.
    pub(crate) fn is_alive(self) -> bool {
        Stat::of(self.pid).is_some_and(|stat| stat.started == self.started && !stat.dead)
    }

    /// Blocks until it has ended.
    pub(crate) fn wait(self) {
        let handle = Pid::from_raw(self.pid).map(|pid| pidfd_open(pid, PidfdFlags::empty()));
        // Asked after the handle is there, so that the handle is known to be of this process and
        // not of a later one with its number.
        while self.is_alive() {
            match &handle {
                Some(Ok(handle)) => {
                    let _ = poll(&mut [PollFd::new(handle, PollFlags::IN)], None);
                    // The handle is readable as soon as the process has ended, when its parent has
                    // not yet heard of it.
                    if poll(&mut [PollFd::new(handle, PollFlags::IN)], Some(&ZERO)) == Ok(1) {
                        return;
                    }
                }
                _ => std::thread::sleep(POLL),
            }
        }
    }
}

const ZERO: rustix::event::Timespec = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };

/// The part of `/proc/PID/stat` that matters here (proc_pid_stat(5)).
struct Stat {
    name: String,
    parent: i32,
    started: u64,
    dead: bool,
}

impl Stat {
    fn of(pid: i32) -> Option<Self> {
        Self::parse(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// The name stands in parentheses and may hold any character, parentheses included.
    fn parse(text: &str) -> Option<Self> {
        let (_, rest) = text.split_once('(')?;
        let (name, rest) = rest.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        Some(Self {
            name: name.to_owned(),
            dead: matches!(*fields.first()?, "Z" | "X"),
            parent: fields.get(1)?.parse().ok()?,
            // Field 22, of which the first after the name is number 3.
            started: fields.get(19)?.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_with_parentheses() {
        let fields = (4..=52).map(|n| n.to_string()).collect::<Vec<_>>().join(" ");
        let stat = Stat::parse(&format!("7 (a) (b c) R {fields}")).unwrap();
        assert_eq!((stat.name.as_str(), stat.parent, stat.started), ("a) (b c", 4, 22));
        assert!(!stat.dead);
        assert!(Stat::parse("7 (a) Z").is_none());
    }

    #[test]
    fn a_run_is_known_by_its_owner_or_by_what_nextest_says() {
        let owner = Process { pid: 7, started: 1 };
        assert_eq!(Run::of(owner, None).id, Run::of(owner, None).id);
        assert_ne!(Run::of(owner, None).id, Run::of(Process { started: 2, ..owner }, None).id);
        let other = Process { pid: 8, ..owner };
        assert_eq!(Run::of(owner, Some("id")).id, Run::of(other, Some("id")).id);
        assert_eq!(Run::of(owner, None).id.len(), 8);
    }

    #[test]
    fn waits_for_the_end_of_a_process_and_of_no_later_one() {
        let mut child = std::process::Command::new("sleep").arg("0.2").spawn().unwrap();
        let pid = child.id().cast_signed();
        let process = Process { pid, started: Stat::of(pid).unwrap().started };
        assert!(process.is_alive());
        let later = Process { started: process.started + 1, ..process };
        later.wait();
        // Nobody has reaped the child yet: a zombie counts as ended.
        process.wait();
        assert!(!process.is_alive());
        child.wait().unwrap();
        process.wait();
    }
}
