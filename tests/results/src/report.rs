//! Tests that cannot run on this host.

use std::io::Write;

use crate::{Outcome, ResultsFile, TestResult};

/// Returns from a test if the host does not meet a requirement, and reports the test as not run.
///
/// For requirements of every test in a file, use `#[ignore]`.
///
/// ```no_run
/// fn reads_a_directory() {
///     kipod_results::require!(std::path::Path::new("/missing").exists(), "the directory `/missing`");
///     unreachable!();
/// }
/// reads_a_directory();
/// ```
#[macro_export]
macro_rules! require {
    ($condition:expr, $what:expr) => {
        if !$condition {
            let thread = ::std::thread::current();
            let test = thread.name().unwrap_or("a test");
            $crate::report_not_run(env!("CARGO_CRATE_NAME"), test, &format!("needs {}", $what));
            return;
        }
    };
}

/// Reports that test `name` of `suite` did not run: to standard error and to the results file.
///
/// # Panics
///
/// If the results file cannot be written.
pub fn report_not_run(suite: &str, name: &str, reason: &str) {
    let result = TestResult::new(Outcome::NotRun, suite, name, reason);
    // Not `eprintln!`, which libtest captures.
    let line = format!("not run: {suite}: {name}: {reason}\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
    if let Some(file) = ResultsFile::from_env() {
        let path = file.path().display().to_string();
        file.append(&result).unwrap_or_else(|error| panic!("failed to write `{path}`: {error}"));
    }
}
