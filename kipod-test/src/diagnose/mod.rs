//! Diagnostics of a failed test: a directory with everything that may explain the failure, and a
//! summary on standard error.

mod collect;
mod directory;
mod report;
mod summary;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use report::Report;

use crate::background::thread;
use crate::engine_api::quote;
use crate::lease::ClusterLease;
use crate::settings::{Settings, scaled};
use crate::site::TestSite;

/// Timeout for collecting. The report lists what is missing then.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Collects the diagnostics, and prints the summary. Replaces the directory of an earlier failure.
/// Errors are only reported: they must not hide why the test failed.
pub(crate) fn report(
    lease: &Arc<ClusterLease>,
    namespace: Option<&str>,
    started: SystemTime,
    site: &TestSite,
    settings: &Settings,
    keep: bool,
) {
    let dir = directory::of_test(site, settings.artifacts.as_deref());
    if let Err(error) = directory::create_empty(&dir) {
        eprintln!("kipod: no diagnostics: failed to create `{}`: {error}", dir.display());
        return;
    }
    let mut report = Report::new(dir.clone());
    let (work_lease, work_namespace) = (lease.clone(), namespace.map(str::to_owned));
    let summary = thread::run(async move {
        let timeout = scaled(TIMEOUT);
        let work = collect::all(&work_lease, work_namespace.as_deref(), started, &mut report);
        if tokio::time::timeout(timeout, work).await.is_err() {
            report.add_error("diagnostics", &format!("incomplete after {}s", timeout.as_secs()));
        }
        report.finish()
    });
    for line in summary.iter().flatten() {
        eprintln!("  {line}");
    }
    eprintln!("  diagnostics: {}", dir.display());
    if !keep {
        eprintln!("  the namespace is deleted now; set KIPOD_KEEP=on-failure to keep it");
    }
    eprintln!("  to inspect it: {}", kubectl(lease, namespace));
}

/// Returns the command line that shows the contents of a namespace.
pub(crate) fn kubectl(lease: &ClusterLease, namespace: Option<&str>) -> String {
    let access = &lease.access;
    let path = access.path.display().to_string();
    let mut line = format!("KUBECONFIG={} kubectl", quote(&path));
    if let Some(context) = &access.context {
        line.push_str(&format!(" --context {}", quote(context)));
    }
    if let Some(namespace) = namespace {
        line.push_str(&format!(" -n {namespace}"));
    }
    line.push_str(" get all,events");
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quote_escapes_shell_words() {
        assert_eq!(quote("/home/a/.kube/config"), "/home/a/.kube/config");
        assert_eq!(quote("a b"), "'a b'");
        assert_eq!(quote("it's"), r"'it'\''s'");
        assert_eq!(quote(""), "''");
    }
}
