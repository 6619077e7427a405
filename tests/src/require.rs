//! Requirements that the host does not meet.

use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Returns from a test if the host does not meet a requirement, and reports the test as not run.
///
/// For requirements of every test in a file, use `#[ignore]`.
///
/// ```
/// fn reads_a_directory() {
///     kipod_e2e::require!(std::path::Path::new("/missing").exists(), "the directory `/missing`");
///     unreachable!();
/// }
/// reads_a_directory();
/// ```
#[macro_export]
macro_rules! require {
    ($condition:expr, $what:expr) => {
        if !$condition {
            let thread = std::thread::current();
            $crate::report_not_run(thread.name().unwrap_or("a test"), $what);
            return;
        }
    };
}

/// Reports that `test` did not run because `what` is missing. Returns the number of reports so far.
///
/// Writes to standard error directly: libtest captures `eprintln!` of tests that pass.
pub fn report_not_run(test: &str, what: &str) -> usize {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed) + 1;
    // `.ci/run` parses this line.
    let line = format!("NOT RUN ({count}): {test}: this machine lacks {what}\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
    count
}
