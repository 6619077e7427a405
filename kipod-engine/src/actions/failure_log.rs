//! Logs of failed nodes: complete in a file of the state directory, the relevant lines in the error.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::log_lines;
use crate::cluster::mask_passwords;
use crate::spec::ClusterName;
use crate::util::fs::write_private;
use crate::util::text::indent_list;

/// The number of files that are kept.
const MAX_FILES: usize = 10;

/// The part of a node's logs that an error shows, and the file with all of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FailureReport {
    /// The relevant lines, at most five.
    pub lines: Vec<String>,
    /// The file with the complete logs; `None` where it could not be written.
    pub file: Option<PathBuf>,
}

impl fmt::Display for FailureReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((first, others)) = self.lines.split_first() {
            write!(f, ": {first}{}", indent_list(others))?;
        }
        match &self.file {
            Some(file) => write!(f, "\n  logs: {}", file.display()),
            None => Ok(()),
        }
    }
}

/// The log of one source, such as a systemd unit.
pub(super) struct Log {
    pub(super) name: String,
    pub(super) text: String,
}

/// Writes the logs to a file, and returns the report for the error. The first log is that of the
/// failed component.
pub(super) fn report(state: &Path, cluster: &ClusterName, logs: &[Log]) -> FailureReport {
    let texts: Vec<&str> = logs.iter().map(|log| log.text.as_str()).collect();
    write_report(state, cluster, logs, log_lines::relevant(&texts))
}

/// Writes the logs like [`report`]. The error shows why the component with the first log exited: its
/// `cause`, and other errors of that log.
pub(super) fn exit_report(
    state: &Path,
    cluster: &ClusterName,
    cause: &str,
    logs: &[Log],
) -> FailureReport {
    let text = logs.first().map_or("", |log| &log.text);
    write_report(state, cluster, logs, log_lines::with_cause(cause, text))
}

fn write_report(
    state: &Path,
    cluster: &ClusterName,
    logs: &[Log],
    lines: Vec<String>,
) -> FailureReport {
    if logs.iter().all(|log| log.text.is_empty()) {
        return FailureReport { lines, file: None };
    }
    let section = |log: &Log| format!("--- {} ---\n{}\n", log.name, log.text);
    let text: String = logs.iter().map(section).collect();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let file = dir(state).join(format!("{cluster}-{now}.log"));
    let written = write_private(&file, mask_passwords(&text).as_bytes());
    FailureReport { lines, file: written.is_ok().then_some(file) }
}

/// Removes all but the newest files.
pub(super) fn remove_old_files(state: &Path) {
    let entries = std::fs::read_dir(dir(state)).into_iter().flatten().flatten();
    let mut files: Vec<(u64, PathBuf)> = entries
        .filter_map(|entry| {
            let path = entry.path();
            let (_, time) = path.file_name()?.to_str()?.strip_suffix(".log")?.rsplit_once('-')?;
            Some((time.parse().ok()?, path))
        })
        .collect();
    files.sort();
    for (_, path) in files.iter().rev().skip(MAX_FILES) {
        // The next creation tries again.
        let _ = std::fs::remove_file(path);
    }
}

fn dir(state: &Path) -> PathBuf {
    state.join("logs")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn report_writes_a_private_file_without_passwords() {
        let state = tempfile::tempdir().unwrap();
        let cluster: ClusterName = "demo".parse().unwrap();
        let text = "error: proxy http://me:secret@proxy:3128 refused".to_owned();
        let report = report(state.path(), &cluster, &[Log { name: "kipod-node".to_owned(), text }]);
        let file = report.file.clone().unwrap();
        assert!(file.starts_with(state.path().join("logs")));
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(
            std::fs::read_to_string(&file).unwrap(),
            "--- kipod-node ---\nerror: proxy http://***@proxy:3128 refused\n"
        );
        assert!(report.to_string().ends_with(&format!("\n  logs: {}", file.display())));
    }

    #[test]
    fn remove_old_files_keeps_the_newest() {
        let state = tempfile::tempdir().unwrap();
        let dir = dir(state.path());
        std::fs::create_dir(&dir).unwrap();
        for time in 0..12 {
            std::fs::write(dir.join(format!("c-{}-{time}.log", time % 3)), "").unwrap();
        }
        std::fs::write(dir.join("notes.txt"), "").unwrap();
        remove_old_files(state.path());
        let exists = |name: &str| dir.join(name).exists();
        assert_eq!(std::fs::read_dir(&dir).unwrap().count(), MAX_FILES + 1);
        assert!(!exists("c-0-0.log") && !exists("c-1-1.log") && exists("c-2-2.log"));
        assert!(exists("notes.txt"));
    }
}
