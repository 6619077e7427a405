//! No cluster, namespace, process or lock remains, however a test or its run ends.

use std::time::{Duration, Instant};

use kipod_engine::lease::{ClusterFiles, Lock};
use rustix::process::Signal;

use crate::env::Runner::{Cargo, Nextest};
use crate::env::{Runner, TestEnv, signal};
use crate::runner::{TIMEOUT, processes};

/// Runs a test that ends by itself. `deletes` is `true` if the test process deletes its namespace.
fn ends(runner: Runner, test: &str, passes: bool, deletes: bool) {
    if !runner.is_here() {
        return;
    }
    let env = TestEnv::new();
    let (passed, output) = env.run(runner, test, &[]);
    assert_eq!(passed, passes, "{output}");
    env.wait_for_body(test);
    env.assert_no_process_or_file();
    let state = env.server.state();
    assert!(state.clusters.is_empty(), "remaining clusters: {:?}", state.clusters);
    assert_eq!(state.created, ["kipod"]);
    assert_eq!(state.namespaces.len(), 1);
    assert_eq!(state.deleted == state.namespaces, deletes, "{:?}", state.deleted);
    if deletes {
        // The report names the diagnostics, and they exist.
        assert_eq!(output.contains("to inspect it: KUBECONFIG="), !passes, "{output}");
        let summary = env.dir().join(format!("artifacts/fixture.{test}/summary.txt"));
        assert_eq!(summary.is_file(), !passes);
    }
}

/// Sends a signal to a hanging test, or to its runner.
fn receives_signal(runner: Runner, to_runner: bool, number: Signal) {
    if !runner.is_here() {
        return;
    }
    let env = TestEnv::new();
    let run = env.start(runner, "hang", &[]);
    let (test, parent) = env.wait_for_body("hang");
    signal(if to_runner { parent } else { test }, number);
    if to_runner && (runner == Cargo || number == Signal::KILL) {
        // The test is orphaned now, and still uses its cluster.
        std::thread::sleep(std::time::Duration::from_millis(300));
        assert_eq!(env.server.state().clusters.len(), 1);
        env.server.state().go = true;
    }
    let (passed, output) = run.end();
    assert!(!passed, "{output}");
    assert_nothing_remains(&env);
}

/// Sends Ctrl-C as a terminal does: to the runner and, under cargo, to the test.
fn receives_ctrl_c(runner: Runner) {
    if !runner.is_here() {
        return;
    }
    let env = TestEnv::new();
    let run = env.start(runner, "hang", &[]);
    env.wait_for_body("hang");
    run.ctrl_c();
    let (passed, output) = run.end();
    assert!(!passed, "{output}");
    assert_nothing_remains(&env);
}

/// Kills the runner of a test that would run forever.
fn is_killed_when_orphaned(runner: Runner) {
    if !runner.is_here() {
        return;
    }
    let env = TestEnv::new();
    let run = env.start(runner, "hang", &[("KIPOD_ORPHAN_TIMEOUT", "500ms")]);
    let (_, parent) = env.wait_for_body("hang");
    signal(parent, Signal::KILL);
    let (passed, output) = run.end();
    assert!(!passed, "{output}");
    assert_nothing_remains(&env);
}

/// Aborts after the cluster is created, before that is recorded.
fn aborts_after_create(runner: Runner) {
    if !runner.is_here() {
        return;
    }
    let env = TestEnv::new();
    let (passed, output) = env.run(runner, "pass", &[("KIPOD_FAKE_FAILURE", "abort-after-create")]);
    assert!(!passed, "{output}");
    assert_nothing_remains(&env);
}

/// Kills the runner before its test has a cluster, so that the reaper has nothing to wait for.
fn loses_its_runner_before_create(runner: Runner) {
    if !runner.is_here() {
        return;
    }
    let env = TestEnv::new();
    let files = ClusterFiles::new(&env.dir().join("kipod"), "kipod");
    let gate = Lock::exclusive(&files.gate(), || {}).unwrap();
    let run = env.start(runner, "pass", &[]);
    let is_test = |pid: &i32| {
        let program = std::fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
        program.file_name().is_some_and(|name| name.to_string_lossy().starts_with("fixture-"))
    };
    let started = Instant::now();
    while !processes(env.dir()).iter().any(is_test) {
        assert!(started.elapsed() < TIMEOUT, "no test started");
        std::thread::sleep(Duration::from_millis(10));
    }
    // Until the test has determined its run.
    std::thread::sleep(Duration::from_millis(500));
    run.kill();
    std::thread::sleep(Duration::from_millis(300));
    drop(gate);
    let (passed, output) = run.end();
    assert!(!passed, "{output}");
    env.wait_for_body("pass");
    assert_nothing_remains(&env);
}

#[track_caller]
fn assert_nothing_remains(env: &TestEnv) {
    env.assert_no_process_or_file();
    let state = env.server.state();
    assert!(state.clusters.is_empty(), "remaining clusters: {:?}", state.clusters);
    assert_eq!(state.created, ["kipod"]);
}

macro_rules! matrix {
    ($($runner:ident $module:ident)*) => { $(
        mod $module {
            use super::*;
            #[test] fn passes() { ends($runner, "pass", true, true) }
            #[test] fn panics() { ends($runner, "panic", false, true) }
            #[test] fn returns_an_error() { ends($runner, "error", false, true) }
            #[test] fn times_out() { ends($runner, "timeout", false, true) }
            #[test] fn exits() { ends($runner, "exit", false, false) }
            #[test] fn aborts() { ends($runner, "abort", false, false) }
            #[test] fn is_interrupted() { receives_signal($runner, false, Signal::INT) }
            #[test] fn is_terminated() { receives_signal($runner, false, Signal::TERM) }
            #[test] fn is_killed() { receives_signal($runner, false, Signal::KILL) }
            #[test] fn runner_is_interrupted() { receives_signal($runner, true, Signal::INT) }
            #[test] fn runner_is_terminated() { receives_signal($runner, true, Signal::TERM) }
            #[test] fn runner_is_killed() { receives_signal($runner, true, Signal::KILL) }
            #[test] fn ctrl_c_in_the_terminal() { receives_ctrl_c($runner) }
            #[test] fn runner_is_killed_while_the_test_hangs() { is_killed_when_orphaned($runner) }
            #[test] fn runner_is_killed_before_create() { loses_its_runner_before_create($runner) }
            #[test] fn creator_aborts_after_create() { aborts_after_create($runner) }
        }
    )* };
}

matrix! { Cargo under_cargo  Nextest under_nextest }
