//! Logs of failed nodes: complete in a file of the state directory, the relevant lines in the error.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::cluster::mask_passwords;
use crate::spec::ClusterName;
use crate::util::fs::write_private;
use crate::util::text::indent_list;

/// The maximum number of lines in an error.
const MAX_LINES: usize = 5;
/// The maximum number of characters of a line in an error. kubelet logs lines of several thousand.
const MAX_LINE_LENGTH: usize = 300;
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
    pub(super) name: &'static str,
    pub(super) text: String,
}

/// Writes the logs to a file, and returns the report for the error. The first log is that of the
/// failed component.
pub(super) fn report(state: &Path, cluster: &ClusterName, logs: &[Log]) -> FailureReport {
    let lines = relevant_lines(logs);
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

/// Returns the lines that explain a failure: errors of all logs in turn, since kubeadm often reports
/// only the consequence of an error of CRI-O or kubelet. Without errors, the last lines of the first log
/// with text.
fn relevant_lines(logs: &[Log]) -> Vec<String> {
    let mut errors: Vec<Vec<&str>> = logs.iter().map(|log| distinct_errors(&log.text)).collect();
    let mut excess = errors.iter().map(Vec::len).sum::<usize>().saturating_sub(MAX_LINES);
    // Shorten the longest list first; of equal ones the later.
    while excess > 0 {
        if let Some(longest) = errors.iter_mut().max_by_key(|errors| errors.len()) {
            longest.pop();
        }
        excess -= 1;
    }
    let lines: Vec<String> = errors.into_iter().flatten().map(shorten).collect();
    if !lines.is_empty() {
        return lines;
    }
    let log = logs.iter().find(|log| !log.text.is_empty());
    let lines: Vec<&str> = log.map_or("", |log| &log.text).lines().collect();
    lines[lines.len().saturating_sub(MAX_LINES)..].iter().map(|line| shorten(line)).collect()
}

/// Returns the first errors of a log that differ in more than their time.
fn distinct_errors(text: &str) -> Vec<&str> {
    let mut errors: Vec<&str> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| is_error(line)) {
        if errors.len() == MAX_LINES {
            break;
        }
        if !errors.iter().any(|other| message(other) == message(line)) {
            errors.push(line);
        }
    }
    errors
}

/// Returns whether a line is an error of kubeadm, CRI-O (logrus), kubelet (klog), crun or a Go panic.
fn is_error(line: &str) -> bool {
    const PREFIXES: [&str; 8] = [
        "[ERROR ",
        "error: ",
        "Error: ",
        "error execution phase ",
        "panic:",
        "fatal error:",
        "crun: ",
        "FATAL",
    ];
    PREFIXES.iter().any(|prefix| line.starts_with(prefix))
        || line.contains("level=error")
        || line.contains("level=fatal")
        || line.contains("unknown version specified")
        || is_klog_error(line)
}

/// Returns whether a line is of klog's level error or fatal, such as `E1128 15:51:22.000000 ...`.
fn is_klog_error(line: &str) -> bool {
    let rest = line.strip_prefix('E').or_else(|| line.strip_prefix('F')).unwrap_or_default();
    matches!(rest.as_bytes(), [a, b, c, d, b' ', ..] if [a, b, c, d].iter().all(|byte| byte.is_ascii_digit()))
}

/// Returns a line without the time at its start.
fn message(line: &str) -> &str {
    if is_klog_error(line) {
        return line.split_once("] ").map_or(line, |(_, message)| message);
    }
    match line.split_once(" level=") {
        Some((time, message)) if time.starts_with("time=") => message,
        _ => line,
    }
}

fn shorten(line: &str) -> String {
    match line.char_indices().nth(MAX_LINE_LENGTH) {
        Some((end, _)) => format!("{} ...", mask_passwords(&line[..end])),
        None => mask_passwords(line),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn lines(logs: &[&str]) -> Vec<String> {
        let logs: Vec<Log> =
            logs.iter().map(|text| Log { name: "unit", text: (*text).to_owned() }).collect();
        relevant_lines(&logs)
    }

    const PREFLIGHT: &str = "\
[init] Using Kubernetes version: v1.36.2
[preflight] Running pre-flight checks
[preflight] Some fatal errors occurred:
\t[ERROR Port-6443]: Port 6443 is in use
\t[ERROR NumCPU]: the number of available CPUs 1 is less than the required 2
[preflight] If you know what you are doing, you can make a check non-fatal with `--ignore-preflight-errors=...`
error: error execution phase preflight: preflight checks failed
To see the stack trace of this error execute with --v=5 or higher";

    const WAIT: &str = "\
[kubelet-check] Waiting for a healthy kubelet at http://127.0.0.1:10248/healthz. This can take up to 4m0s
[control-plane-check] kube-apiserver is not healthy after 4m0.000280931s
A control plane component may have crashed or exited when started by the container runtime.
error: error execution phase wait-control-plane: failed while waiting for the control plane to start
To see the stack trace of this error execute with --v=5 or higher";

    const CRIO: &str = r#"time="2026-11-28T15:51:22.1Z" level=info msg="Creating container: kube-system/etcd"
time="2026-11-28T15:51:22.3Z" level=error msg="Container creation error: unknown version specified\n"
time="2026-11-28T15:51:37.9Z" level=error msg="Container creation error: unknown version specified\n""#;

    const KUBELET: &str = "\
I1128 15:51:20.000001     301 server.go:525] \"Kubelet version\" kubeletVersion=\"v1.36.2\"
E1128 15:51:22.400001     301 log.go:32] \"RunPodSandbox from runtime service failed\" err=\"unknown version specified\"
E1128 15:51:37.900001     301 log.go:32] \"RunPodSandbox from runtime service failed\" err=\"unknown version specified\"
W1128 15:51:38.000001     301 reflector.go:561] failed to list *v1.Node";

    #[test]
    fn kubeadms_preflight_errors_are_relevant() {
        assert_eq!(
            lines(&[PREFLIGHT, "", "I1128 15:51:20.000001 301 server.go:525] started"]),
            [
                "[ERROR Port-6443]: Port 6443 is in use",
                "[ERROR NumCPU]: the number of available CPUs 1 is less than the required 2",
                "error: error execution phase preflight: preflight checks failed",
            ]
        );
    }

    #[test]
    fn errors_of_crio_and_kubelet_follow_kubeadms() {
        let found = lines(&[WAIT, CRIO, KUBELET]);
        assert_eq!(found.len(), 3, "{found:#?}");
        assert!(found[0].starts_with("error: error execution phase wait-control-plane"));
        assert!(found[1].contains("Container creation error: unknown version specified"));
        assert!(found[2].starts_with("E1128 15:51:22.400001"), "repeated errors count once");
    }

    #[test]
    fn each_log_keeps_errors_when_there_are_too_many() {
        let many: String =
            (0..40).map(|n| format!("E1128 15:51:22.4 301 a.go:{n}] \"error {n}\"\n")).collect();
        let found = lines(&[WAIT, "crun: unknown version specified", &many]);
        assert_eq!(found.len(), MAX_LINES);
        assert!(found[0].starts_with("error: error execution phase"));
        assert_eq!(found[1], "crun: unknown version specified");
        assert!(found[2].ends_with("\"error 0\""), "{found:#?}");
    }

    #[test]
    fn panics_are_relevant() {
        let text = "starting\npanic: runtime error: index out of range\n\ngoroutine 1 [running]:\nmain.main()";
        assert_eq!(lines(&[text]), ["panic: runtime error: index out of range"]);
    }

    #[test]
    fn last_lines_stand_in_for_missing_errors() {
        assert_eq!(lines(&["", "1\n2\n3\n4\n5\n6\n7\n"]), ["3", "4", "5", "6", "7"]);
        assert_eq!(lines(&["", ""]), [""; 0]);
    }

    #[test]
    fn long_lines_are_cut() {
        let [line] = lines(&[&format!("error: {}", "ä".repeat(1000))]).try_into().unwrap();
        assert_eq!(line.chars().count(), MAX_LINE_LENGTH + 4);
    }

    #[test]
    fn report_writes_a_private_file_without_passwords() {
        let state = tempfile::tempdir().unwrap();
        let cluster: ClusterName = "demo".parse().unwrap();
        let text = "error: proxy http://me:secret@proxy:3128 refused".to_owned();
        let report = report(state.path(), &cluster, &[Log { name: "kipod-node", text }]);
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
