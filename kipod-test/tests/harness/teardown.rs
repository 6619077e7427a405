//! However a test ends, and however its run ends: no cluster, no namespace, no process and no lock
//! stay.

use std::time::{Duration, Instant};

use kipod_engine::lease::{ClusterFiles, Lock};
use rustix::process::Signal;

use crate::runner::{LIMIT, processes};
use crate::support::Runner::{Cargo, Nextest};
use crate::support::{Runner, World, signal};

/// A test that ends by itself: whether it passes, and whether it gets to take its namespace away.
fn ends(runner: Runner, test: &str, passes: bool, takes_away: bool) {
    if !runner.is_here() {
        return;
    }
    let world = World::new();
    let (passed, output) = world.run(runner, test, &[]);
    assert_eq!(passed, passes, "{output}");
    world.arrival(test);
    world.no_process_and_no_file();
    let content = world.table.content();
    assert!(content.clusters.is_empty(), "clusters are left: {:?}", content.clusters);
    assert_eq!(content.created, ["kipod"]);
    assert_eq!(content.namespaces.len(), 1);
    assert_eq!(content.deleted == content.namespaces, takes_away, "{:?}", content.deleted);
    if takes_away {
        // The one who was told where to look finds something there.
        assert_eq!(output.contains("to look at it: KUBECONFIG="), !passes, "{output}");
        let summary = world.folder().join(format!("artifacts/fixture.{test}/summary.txt"));
        assert_eq!(summary.is_file(), !passes);
    }
}

/// A test that hangs until a signal meets it or its runner.
fn is_met_by(runner: Runner, the_runner: bool, by: Signal) {
    if !runner.is_here() {
        return;
    }
    let world = World::new();
    let run = world.start(runner, "hang", &[]);
    let (test, parent) = world.arrival("hang");
    signal(if the_runner { parent } else { test }, by);
    if the_runner && (runner == Cargo || by == Signal::KILL) {
        // The test is an orphan now, and its cluster is not taken from under it.
        std::thread::sleep(std::time::Duration::from_millis(300));
        assert_eq!(world.table.content().clusters.len(), 1);
        world.table.content().go = true;
    }
    let (passed, output) = run.end();
    assert!(!passed, "{output}");
    nothing_is_left(&world);
}

/// Ctrl-C in a terminal meets the runner and, under cargo, the test.
fn is_met_by_ctrl_c(runner: Runner) {
    if !runner.is_here() {
        return;
    }
    let world = World::new();
    let run = world.start(runner, "hang", &[]);
    world.arrival("hang");
    run.ctrl_c();
    let (passed, output) = run.end();
    assert!(!passed, "{output}");
    nothing_is_left(&world);
}

/// The runner is gone, and its test would go on for ever.
fn does_not_outlive_its_runner(runner: Runner) {
    if !runner.is_here() {
        return;
    }
    let world = World::new();
    let run = world.start(runner, "hang", &[("KIPOD_ORPHAN_TIMEOUT", "500ms")]);
    let (_, parent) = world.arrival("hang");
    signal(parent, Signal::KILL);
    let (passed, output) = run.end();
    assert!(!passed, "{output}");
    nothing_is_left(&world);
}

/// A cluster that is whole, and nobody came to write that down.
fn dies_when_its_cluster_is_there(runner: Runner) {
    if !runner.is_here() {
        return;
    }
    let world = World::new();
    let (passed, output) = world.run(runner, "pass", &[("KIPOD_FAKE_END", "created")]);
    assert!(!passed, "{output}");
    nothing_is_left(&world);
}

/// The runner is gone before its test had a cluster, and the reaper had nothing to wait for.
fn is_killed_before_the_cluster(runner: Runner) {
    if !runner.is_here() {
        return;
    }
    let world = World::new();
    let files = ClusterFiles::new(&world.folder().join("kipod"), "kipod");
    let gate = Lock::exclusive(&files.gate(), || {}).unwrap();
    let run = world.start(runner, "pass", &[]);
    let waits = |pid: &i32| {
        let program = std::fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
        program.file_name().is_some_and(|name| name.to_string_lossy().starts_with("fixture-"))
    };
    let began = Instant::now();
    while !processes(world.folder()).iter().any(waits) {
        assert!(began.elapsed() < LIMIT, "no test began");
        std::thread::sleep(Duration::from_millis(10));
    }
    // It has found whose run it is.
    std::thread::sleep(Duration::from_millis(500));
    run.kill();
    std::thread::sleep(Duration::from_millis(300));
    drop(gate);
    let (passed, output) = run.end();
    assert!(!passed, "{output}");
    world.arrival("pass");
    nothing_is_left(&world);
}

#[track_caller]
fn nothing_is_left(world: &World) {
    world.no_process_and_no_file();
    let content = world.table.content();
    assert!(content.clusters.is_empty(), "clusters are left: {:?}", content.clusters);
    assert_eq!(content.created, ["kipod"]);
}

macro_rules! matrix {
    ($($runner:ident $module:ident)*) => { $(
        mod $module {
            use super::*;
            #[test] fn passes() { ends($runner, "pass", true, true) }
            #[test] fn panics() { ends($runner, "panic", false, true) }
            #[test] fn returns_an_error() { ends($runner, "error", false, true) }
            #[test] fn runs_out_of_time() { ends($runner, "timeout", false, true) }
            #[test] fn exits() { ends($runner, "exit", false, false) }
            #[test] fn aborts() { ends($runner, "abort", false, false) }
            #[test] fn is_interrupted() { is_met_by($runner, false, Signal::INT) }
            #[test] fn is_terminated() { is_met_by($runner, false, Signal::TERM) }
            #[test] fn is_killed() { is_met_by($runner, false, Signal::KILL) }
            #[test] fn runner_is_interrupted() { is_met_by($runner, true, Signal::INT) }
            #[test] fn runner_is_terminated() { is_met_by($runner, true, Signal::TERM) }
            #[test] fn runner_is_killed() { is_met_by($runner, true, Signal::KILL) }
            #[test] fn terminal_is_interrupted() { is_met_by_ctrl_c($runner) }
            #[test] fn runner_is_killed_and_the_test_hangs() { does_not_outlive_its_runner($runner) }
            #[test] fn runner_is_killed_before_the_cluster() { is_killed_before_the_cluster($runner) }
            #[test] fn creator_is_killed_at_the_end() { dies_when_its_cluster_is_there($runner) }
        }
    )* };
}

matrix! { Cargo under_cargo  Nextest under_nextest }
