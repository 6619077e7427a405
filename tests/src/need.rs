//! What a machine lacks.

use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Ends a test, or a part of one, that this machine cannot run, and says so on standard error by
/// name and with a count: never silently. For what no test here can do without, there is
/// `#[ignore]`.
///
/// ```
/// fn a_test() {
///     kipod_e2e::need!(std::path::Path::new("/nowhere").exists(), "a folder `/nowhere`");
///     unreachable!("there is none");
/// }
/// a_test();
/// ```
#[macro_export]
macro_rules! need {
    ($condition:expr, $what:expr) => {
        if !$condition {
            let thread = std::thread::current();
            $crate::report_missing(thread.name().unwrap_or("a test"), $what);
            return;
        }
    };
}

/// Says that `test` did not run, and what for; answers how many did not so far. Past the test
/// runner, which keeps to itself what a test that passes prints in the usual way.
pub fn report_missing(test: &str, what: &str) -> usize {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed) + 1;
    let line = format!("NOT RUN ({count}): {test}: this machine lacks {what}\n");
    // A standard error that is closed leaves nobody to tell.
    let _ = std::io::stderr().write_all(line.as_bytes());
    count
}
