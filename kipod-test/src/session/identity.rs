//! Identifiers of tests and of their executions.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::name::hash;
use crate::site::TestSite;
use crate::test_run::TestRun;

/// Returns the label of a test, the same in every run.
pub(super) fn test_label(site: &TestSite) -> String {
    format!("{:016x}", hash([site.manifest_dir, site.path]))
}

/// Returns an identifier that is unique for each execution of a test.
pub(super) fn unique_suffix(site: &TestSite) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed).to_string();
    let attempt = std::env::var("NEXTEST_ATTEMPT").unwrap_or_default();
    let process = std::process::id().to_string();
    let run = TestRun::current().id;
    let parts = [run.as_str(), site.manifest_dir, site.path, &attempt, &process, &count];
    format!("{:016x}", hash(parts))
}
