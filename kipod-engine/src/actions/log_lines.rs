//! Lines of logs that explain a failure.

use crate::cluster::mask_passwords;

/// The maximum number of lines in an error.
const MAX_LINES: usize = 5;
/// The maximum number of characters of a line in an error. kubelet logs lines of several thousand.
const MAX_LINE_LENGTH: usize = 300;

/// Returns the lines that explain a failure: errors of all logs in turn, since kubeadm often reports
/// only the consequence of an error of CRI-O or kubelet. Without errors, the last lines of the first log
/// with text.
pub(super) fn relevant(logs: &[&str]) -> Vec<String> {
    let mut errors: Vec<Vec<&str>> = logs.iter().map(|log| distinct_errors(log)).collect();
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
    let log = logs.iter().find(|log| !log.is_empty());
    let lines: Vec<&str> = log.map_or("", |log| log).lines().collect();
    lines[lines.len().saturating_sub(MAX_LINES)..].iter().map(|line| shorten(line)).collect()
}

/// Returns the cause of an exit, then other errors of the same log.
pub(super) fn with_cause(cause: &str, log: &str) -> Vec<String> {
    let others = distinct_errors(log).into_iter().filter(|line| !is_same(line, cause));
    std::iter::once(cause).chain(others).take(MAX_LINES).map(shorten).collect()
}

/// Returns the line with which a program explains its exit: the first of a fatal error, else its last
/// line if that is an error. Components log errors of less importance while they run.
pub(super) fn exit_cause(log: &str) -> Option<&str> {
    let mut lines = log.lines().map(str::trim).filter(|line| !line.is_empty());
    let last = lines.clone().next_back().filter(|line| is_error(line));
    lines.find(|line| is_fatal(line)).or(last)
}

/// Returns the last error of a log, or its last line.
pub(super) fn last_error(log: &str) -> Option<&str> {
    let lines = || log.lines().map(str::trim).filter(|line| !line.is_empty()).rev();
    lines().find(|line| is_error(line)).or_else(|| lines().next())
}

/// Returns whether two lines have the same message. Numbers do not count: ports, process ids, addresses.
pub(super) fn is_same(a: &str, b: &str) -> bool {
    let letters = |line| message(line).chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
    letters(a) == letters(b)
}

/// Returns whether an error can disappear without a change of the configuration: another component is
/// not ready yet.
pub(super) fn is_transient(line: &str) -> bool {
    const TEXTS: [&str; 11] = [
        "connection refused",
        "connection reset",
        "deadline exceeded",
        "timed out",
        "timeout",
        "no route to host",
        "network is unreachable",
        "forbidden",
        "Unauthorized",
        "leaderelection lost",
        "EOF",
    ];
    TEXTS.iter().any(|text| line.contains(text))
}

/// Returns the first errors of a log with distinct messages: those that are not transient, if any.
fn distinct_errors(log: &str) -> Vec<&str> {
    let lines = || log.lines().map(str::trim).filter(|line| is_error(line));
    let permanent = lines().any(|line| !is_transient(line));
    let mut errors: Vec<&str> = Vec::new();
    for line in lines().filter(|line| !(permanent && is_transient(line))) {
        if errors.len() == MAX_LINES {
            break;
        }
        if !errors.iter().any(|other| message(other) == message(line)) {
            errors.push(line);
        }
    }
    errors
}

/// Returns whether a program exits after a line like this one.
fn is_fatal(line: &str) -> bool {
    const PREFIXES: [&str; 5] =
        ["Error: ", "error verifying flags", "panic:", "fatal error:", "FATAL"];
    PREFIXES.iter().any(|prefix| line.starts_with(prefix))
        || line.contains("level=fatal")
        || line.contains("\"level\":\"fatal\"")
        || line.contains("\"level\":\"panic\"")
        || (is_klog_error(line) && (line.starts_with('F') || line.contains("] \"command failed\"")))
}

/// Returns whether a line is an error of kubeadm, CRI-O (logrus), Kubernetes (klog), etcd (JSON), crun or a
/// Go panic.
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
        || is_fatal(line)
        || line.contains("level=error")
        || line.contains("\"level\":\"error\"")
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

/// Cuts a long line, and masks passwords.
pub(super) fn shorten(line: &str) -> String {
    match line.char_indices().nth(MAX_LINE_LENGTH) {
        Some((end, _)) => format!("{} ...", mask_passwords(&line[..end])),
        None => mask_passwords(line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(logs: &[&str]) -> Vec<String> {
        relevant(logs)
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

    const API_SERVER: &str = "\
W1128 19:10:45.1 1 flags.go:61] warning
Error: unknown flag: --no-such-flag";

    /// kube-controller-manager without an API server. The first error is harmless.
    const CONTROLLER_MANAGER: &str = "\
E1128 19:10:39.122835       1 options.go:205] The manifest file is empty, ignoring.
I1128 19:10:39.125325       1 controllermanager.go:211] \"Starting\" version=\"v1.36.2\"
E1128 19:10:49.130443       1 run.go:72] \"command failed\" err=\"failed to wait for apiserver being healthy: timed out waiting for the condition\"";

    #[test]
    fn exit_cause_is_the_fatal_line() {
        assert_eq!(exit_cause(API_SERVER), Some("Error: unknown flag: --no-such-flag"));
        assert!(exit_cause(CONTROLLER_MANAGER).unwrap().contains("command failed"));
        let panic = "panic: assertion failed\n\ngoroutine 1 [running]:\nmain.main()";
        assert_eq!(exit_cause(panic), Some("panic: assertion failed"));
        let etcd =
            r#"{"level":"fatal","ts":"2026-11-28T19:10:06Z","msg":"failed to open database"}"#;
        assert_eq!(exit_cause(&format!("{{\"level\":\"info\"}}\n{etcd}\n")), Some(etcd));
        // Terminated: an error in between is not the cause.
        let terminated =
            "E1128 19:10:39.1 1 options.go:205] empty\nI1128 19:10:49.1 1 a.go:1] stopped";
        assert_eq!(exit_cause(terminated), None);
    }

    #[test]
    fn waiting_for_another_component_is_transient() {
        assert!(is_transient(exit_cause(CONTROLLER_MANAGER).unwrap()));
        assert!(!is_transient(exit_cause(API_SERVER).unwrap()));
    }

    #[test]
    fn is_same_ignores_times_and_numbers() {
        let line = |time, port| {
            format!("E1128 {time} 1 run.go:72] \"command failed\" err=\"port {port}\"")
        };
        assert!(is_same(&line("19:10:49.1", 1), &line("19:10:59.2", 33)));
        assert!(!is_same("Error: unknown flag: --a", "Error: unknown flag: --b"));
    }

    #[test]
    fn transient_errors_give_way_to_others() {
        let join = "error: connection refused\nerror: invalid token\nerror: connection refused";
        assert_eq!(lines(&[join]), ["error: invalid token"]);
    }
}
