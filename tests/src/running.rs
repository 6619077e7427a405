//! A `kipod` process that has been started.

use std::process::Child;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tempfile::NamedTempFile;

use crate::Output;

const NOT_WAITED: &str = "the process has not been waited for";

/// A running command. Dropping it kills the process.
#[derive(Debug)]
pub struct Running {
    line: String,
    child: Option<Child>,
    /// Standard output and standard error.
    files: [NamedTempFile; 2],
    start: Instant,
}

impl Running {
    pub(crate) fn new(line: String, child: Child, files: [NamedTempFile; 2]) -> Self {
        Self { line, child: Some(child), files, start: Instant::now() }
    }

    /// Returns the process id.
    pub fn id(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    /// Sends a signal to the process.
    pub fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().expect(NOT_WAITED);
        kill_process(Pid::from_child(child), signal).expect("a signal to a child");
    }

    /// Sends SIGINT to the process group, as a terminal does for Ctrl-C.
    pub fn ctrl_c(&self) {
        let child = self.child.as_ref().expect(NOT_WAITED);
        kill_process_group(Pid::from_child(child), Signal::INT).expect("a signal to a group");
    }

    /// Returns whether the process has exited.
    pub fn has_exited(&mut self) -> bool {
        let child = self.child.as_mut().expect(NOT_WAITED);
        child.try_wait().expect("the status of a child").is_some()
    }

    /// Returns standard error up to now.
    pub fn stderr(&self) -> String {
        read(&self.files[1])
    }

    /// Waits until standard error contains `text`.
    #[track_caller]
    pub fn wait_stderr(&mut self, text: &str) {
        while !self.stderr().contains(text) {
            if self.has_exited() {
                // Read again: the process may have printed the text just before it exited.
                assert!(
                    self.stderr().contains(text),
                    "`{}` exited without printing {text:?}:\n{}",
                    self.line,
                    self.stderr()
                );
                return;
            }
            assert!(
                self.start.elapsed() < Duration::from_secs(300),
                "`{}` does not print {text:?}:\n{}",
                self.line,
                self.stderr()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until a child process runs a command line that starts with `command`.
    #[track_caller]
    pub fn wait_child(&mut self, command: &str) {
        let child = self.id();
        wait_until(&format!("`{}` runs `{command}`", self.line), Duration::from_secs(60), || {
            children(child).iter().any(|(_, line)| line.starts_with(command))
        });
    }

    /// Returns the id and command line of each descendant process.
    pub fn descendants(&self) -> Vec<(u32, String)> {
        descendants(self.id())
    }

    /// Waits until the process exits.
    #[track_caller]
    pub fn wait(mut self) -> Output {
        let mut child = self.child.take().expect(NOT_WAITED);
        let status = child.wait().expect("the status of a child");
        Output {
            line: std::mem::take(&mut self.line),
            status,
            stdout: read(&self.files[0]),
            stderr: read(&self.files[1]),
            elapsed: self.start.elapsed(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Waits until `condition` is true.
#[track_caller]
pub fn wait_until(what: &str, timeout: Duration, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        let seconds = timeout.as_secs();
        assert!(start.elapsed() < timeout, "timed out after {seconds}s waiting for: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Returns the id and command line of each descendant of a process.
pub(crate) fn descendants(id: u32) -> Vec<(u32, String)> {
    let mut found = Vec::new();
    let mut parents = vec![id];
    while let Some(parent) = parents.pop() {
        for child in children(parent) {
            parents.push(child.0);
            found.push(child);
        }
    }
    found
}

/// Returns the id and command line of each child process.
fn children(parent: u32) -> Vec<(u32, String)> {
    let threads = std::fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten();
    let lists = threads.map(|thread| std::fs::read_to_string(thread.path().join("children")));
    let lists: Vec<String> = lists.flatten().collect();
    let ids = lists.iter().flat_map(|list| list.split_whitespace());
    ids.filter_map(|id| {
        let line = std::fs::read(format!("/proc/{id}/cmdline")).ok()?;
        Some((id.parse().ok()?, String::from_utf8_lossy(&line).replace('\0', " ")))
    })
    .collect()
}

fn read(file: &NamedTempFile) -> String {
    let bytes = std::fs::read(file.path()).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}
