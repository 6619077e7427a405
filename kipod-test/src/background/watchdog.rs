//! Termination of orphaned test processes.

use std::sync::Once;
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};

use crate::output::notice;
use crate::process::Process;
use crate::test_run::TestRun;

/// Kills this process `timeout` after the owner of its run has exited. Nothing reports the result of
/// such a test any more, and a test that hangs would keep its cluster forever. Does nothing if the
/// process owns its run.
pub(crate) fn exit_when_orphaned(timeout: Duration) {
    static ONCE: Once = Once::new();
    let owner = TestRun::current().owner;
    if owner == Process::current() {
        return;
    }
    ONCE.call_once(|| {
        let watch = move || {
            owner.wait();
            std::thread::sleep(timeout);
            notice(&format!("the test runner exited {timeout:?} ago: killing this process"));
            // Not `exit`, which runs exit handlers: they may hang, too.
            let _ = kill_process(getpid(), Signal::KILL);
        };
        // If this fails, only the timeout is lost.
        let _ = std::thread::Builder::new().name("kipod-watchdog".to_owned()).spawn(watch);
    });
}
