//! Which tests share a cluster, what is kept, and which clusters are not touched.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::env::Runner::{Cargo, Nextest};
use crate::env::TestEnv;

#[test]
fn processes_create_one_cluster() {
    if !Nextest.is_here() {
        return;
    }
    let env = TestEnv::new();
    let (passed, output) = env.run(Nextest, "race::", &[]);
    assert!(passed, "{output}");
    env.assert_no_process_or_lock();
    let state = env.server.state();
    assert_eq!(state.created, ["race"]);
    let mut processes: Vec<i32> = state.arrived.iter().map(|(_, pid, _)| *pid).collect();
    processes.sort_unstable();
    processes.dedup();
    assert_eq!(processes.len(), 32);
    let mut namespaces = state.namespaces.clone();
    namespaces.sort();
    namespaces.dedup();
    assert_eq!(namespaces.len(), 32, "one namespace per test");
    assert!(state.clusters.is_empty());
}

#[test]
fn threads_create_one_cluster() {
    let env = TestEnv::new();
    let (passed, output) = env.run(Cargo, "race::", &[]);
    assert!(passed, "{output}");
    env.assert_no_process_or_lock();
    let state = env.server.state();
    assert_eq!(state.created, ["race"]);
    assert_eq!(state.arrived.len(), 32);
    assert!(state.clusters.is_empty());
}

#[test]
fn cluster_remains_while_another_run_uses_it() {
    if !Nextest.is_here() {
        return;
    }
    let env = TestEnv::new();
    let long = env.start(Nextest, "hang", &[]);
    env.wait_for_body("hang");
    let (passed, output) = env.run(Cargo, "pass", &[]);
    assert!(passed, "{output}");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(env.server.state().clusters.len(), 1);
    env.server.state().go = true;
    let (passed, output) = long.end();
    assert!(passed, "{output}");
    env.assert_no_process_or_lock();
    let state = env.server.state();
    assert_eq!(state.created, ["kipod"]);
    assert!(state.clusters.is_empty());
}

#[test]
fn exclusive_cluster_is_deleted_with_its_test() {
    if !Nextest.is_here() {
        return;
    }
    for (failure, passes) in [("", true), ("panic", false), ("abort", false)] {
        let env = TestEnv::new();
        let variables = [("KIPOD_FAKE_FAILURE", failure)];
        let (passed, output) = env.run(Nextest, "exclusive", &variables);
        assert_eq!(passed, passes, "{output}");
        env.assert_no_process_or_lock();
        let state = env.server.state();
        assert_eq!(state.created.len(), 1);
        assert!(state.created[0].starts_with("test-"), "{:?}", state.created);
        assert!(state.clusters.is_empty(), "{failure}: {:?}", state.clusters);
    }
}

#[test]
fn kept_exclusive_cluster_is_deleted_by_the_next_run() {
    if !Nextest.is_here() {
        return;
    }
    let env = TestEnv::new();
    let variables = [("KIPOD_FAKE_FAILURE", "panic"), ("KIPOD_KEEP", "on-failure")];
    for _ in 0..2 {
        let (passed, output) = env.run(Nextest, "exclusive", &variables);
        assert!(!passed, "{output}");
        env.assert_no_process_or_lock();
        assert_eq!(env.server.state().clusters.len(), 1, "only the latest is kept");
    }
    let (passed, output) = env.run(Nextest, "exclusive", &[("KIPOD_KEEP", "on-failure")]);
    assert!(passed, "{output}");
    env.assert_no_process_or_lock();
    let state = env.server.state();
    assert_eq!(state.created.len(), 3);
    assert!(state.clusters.is_empty(), "{:?}", state.clusters);
}

#[test]
fn exclusive_cluster_without_namespace_is_kept() {
    if !Nextest.is_here() {
        return;
    }
    let env = TestEnv::new();
    let variables = [("KIPOD_FAKE_FAILURE", "panic")];
    let (passed, output) = env.run(Nextest, "exclusive_without_namespace", &variables);
    assert!(!passed, "{output}");
    env.assert_no_process_or_lock();
    let name = env.server.state().created[0].clone();
    assert!(
        output.contains(&format!("kipod: cluster `{name}` is kept; to inspect it: KUBECONFIG=")),
        "{output}"
    );
    assert!(env.server.state().clusters.contains_key(&name));

    let (passed, output) = env.run(Nextest, "exclusive_without_namespace", &[]);
    assert!(passed, "{output}");
    env.assert_no_process_or_file();
    assert!(env.server.state().clusters.is_empty());
}

/// Waits until two runs have their reapers, and the second run has reported that it waits. Then
/// unblocks the server.
fn let_second_run_wait(env: &TestEnv) {
    env.wait("two reapers", |_| {
        let entries = std::fs::read_dir(env.dir().join("kipod/test")).unwrap().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter(|name| name.contains(".reaper-")).count() == 2
    });
    std::thread::sleep(Duration::from_secs(2));
    env.server.state().stalled = None;
}

#[test]
fn waiting_run_reports_the_creator_once() {
    let env = TestEnv::new();
    env.server.state().stalled = Some("POST");
    let first = env.start(Cargo, "pass", &[]);
    env.wait("a creation", |state| !state.created.is_empty());
    let second = env.start(Cargo, "pass", &[]);
    let_second_run_wait(&env);
    let (passed, output) = second.end();
    assert!(passed, "{output}");
    let line = "kipod: waiting for cluster `kipod`: process ";
    assert_eq!(output.matches(line).count(), 1, "{output}");
    assert!(output.contains(" is creating it (calling the fake server)\n"), "{output}");
    let (passed, output) = first.end();
    assert!(passed && !output.contains("waiting for cluster"), "{output}");
    assert!(output.contains("kipod: creating cluster `kipod`\n"), "{output}");
    assert!(output.contains("kipod: created cluster `kipod` in "), "{output}");
    env.assert_no_process_or_file();
    assert_eq!(env.server.state().created, ["kipod"]);
}

#[test]
fn run_waits_for_the_cleanup_of_the_previous_run() {
    let env = TestEnv::new();
    env.server.state().stalled = Some("DELETE");
    let (passed, output) = env.run(Cargo, "pass", &[]);
    assert!(passed, "{output}");
    let note = env.dir().join("kipod/test/kipod.gate");
    let noted = || std::fs::read_to_string(&note).is_ok_and(|text| text.contains("deleting"));
    env.wait("a deletion", |_| noted());
    let second = env.start(Cargo, "pass", &[]);
    let_second_run_wait(&env);
    let (passed, output) = second.end();
    assert!(passed, "{output}");
    let line = "kipod: waiting for cluster `kipod`: process ";
    assert_eq!(output.matches(line).count(), 1, "{output}");
    assert!(output.contains(" is deleting it\n"), "{output}");
    env.assert_no_process_or_file();
    let state = env.server.state();
    assert_eq!(state.created, ["kipod", "kipod"]);
    assert!(state.clusters.is_empty());
}

#[test]
fn one_of_two_simultaneous_runs_cleans_up() {
    if !Nextest.is_here() {
        return;
    }
    for _ in 0..5 {
        let env = TestEnv::new();
        let runs = [Cargo, Nextest].map(|runner| env.start(runner, "hang", &[]));
        env.wait("both", |state| state.arrived.len() == 2);
        env.server.state().go = true;
        for run in runs {
            let (passed, output) = run.end();
            assert!(passed, "{output}");
        }
        env.assert_no_process_or_file();
        let state = env.server.state();
        assert_eq!(state.created, ["kipod"]);
        assert!(state.clusters.is_empty());
    }
}

#[test]
fn kept_cluster_is_reused() {
    if !Nextest.is_here() {
        return;
    }
    let env = TestEnv::new();
    for run in 1..=2 {
        let (passed, output) = env.run(Nextest, "pass", &[("KIPOD_KEEP", "always")]);
        assert!(passed, "{output}");
        env.assert_no_process_or_lock();
        let state = env.server.state();
        assert_eq!(state.created, ["kipod"]);
        assert_eq!(state.namespaces.len(), run);
    }
}

#[test]
fn unready_kept_cluster_is_recreated() {
    let env = TestEnv::new();
    let variables = [("KIPOD_KEEP", "always"), ("KIPOD_TIMEOUT_FACTOR", "0.1")];
    let (passed, output) = env.run(Cargo, "pass", &variables);
    assert!(passed, "{output}");
    env.assert_no_process_or_lock();
    env.server.state().unready.insert("kipod".into());
    let (passed, output) = env.run(Cargo, "pass", &variables);
    assert!(passed, "{output}");
    let expected = "kipod: recreating unused cluster `kipod`: its API server did not become ready within \
                 6.0s: ";
    assert!(output.contains(expected), "{output}");
    assert!(output.contains("; 1 kept namespace is deleted with it"), "{output}");
    assert_eq!(env.server.state().created, ["kipod", "kipod"]);

    let env = TestEnv::new();
    env.server.state().clusters.insert("kipod".into(), BTreeMap::new());
    env.server.state().unready.insert("kipod".into());
    let (passed, output) = env.run(Cargo, "pass", &variables);
    assert!(!passed, "{output}");
    assert!(output.contains("(not recreated: no test created it)"), "{output}");
    assert!(
        output.contains("hint: inspect the cluster, or delete it: `kipod delete cluster kipod`")
    );
    assert!(env.server.state().clusters.contains_key("kipod"));
}

#[test]
fn unused_cluster_of_another_version_is_recreated() {
    let env = TestEnv::new();
    let variables = [("KIPOD_KEEP", "always")];
    let (passed, output) = env.run(Cargo, "versions::v1_35", &variables);
    assert!(passed, "{output}");
    env.assert_no_process_or_lock();
    let (passed, output) = env.run(Cargo, "versions::v1_36", &variables);
    assert!(passed, "{output}");
    let expected = "kipod: recreating unused cluster `versioned`: it runs Kubernetes v1.35, but the test \
                 requires 1.36.2";
    assert!(output.contains(expected), "{output}");
    assert_eq!(env.server.state().created, ["versioned", "versioned"]);
}

#[test]
fn used_cluster_of_another_version_is_refused() {
    // With one process, and with two.
    for runner in [Cargo, Nextest].into_iter().filter(|runner| runner.is_here()) {
        let env = TestEnv::new();
        let (passed, output) = env.run(runner, "versions::", &[("RUST_TEST_THREADS", "1")]);
        assert!(!passed, "{output}");
        let expected = "(not recreated: other tests are using it)";
        assert_eq!(output.matches(expected).count(), 1, "{output}");
        env.assert_no_process_or_file();
        let state = env.server.state();
        assert_eq!((state.created.len(), state.arrived.len()), (1, 1));
    }
    let env = TestEnv::new();
    env.server.state().clusters.insert("versioned".into(), BTreeMap::new());
    let (passed, output) = env.run(Cargo, "versions::v1_35", &[]);
    assert!(!passed, "{output}");
    assert!(output.contains("(not recreated: no test created it)"), "{output}");
}

#[test]
fn failed_test_is_kept_until_it_passes() {
    if !Nextest.is_here() {
        return;
    }
    let env = TestEnv::new();
    let (passed, output) = env.run(Nextest, "flaky", &[("KIPOD_FAKE_FAILURE", "panic")]);
    assert!(!passed, "{output}");
    assert!(output.contains("is kept; to inspect it: KUBECONFIG="), "{output}");
    env.assert_no_process_or_lock();
    let first = env.server.state().namespaces[0].clone();
    assert!(env.server.state().clusters["kipod"].contains_key(&first));

    // Another test uses the cluster, and does not delete it.
    let (passed, output) = env.run(Cargo, "pass", &[]);
    assert!(passed, "{output}");
    env.assert_no_process_or_lock();
    assert!(env.server.state().clusters["kipod"].contains_key(&first));

    let (passed, output) = env.run(Cargo, "flaky", &[]);
    assert!(passed, "{output}");
    env.assert_no_process_or_lock();
    let state = env.server.state();
    assert!(state.deleted.contains(&first));
    assert_eq!(state.created, ["kipod"]);
    assert!(state.clusters.is_empty(), "{:?}", state.clusters);
}

#[test]
fn environment_overrides_keep() {
    let env = TestEnv::new();
    let (passed, output) = env.run(Cargo, "pass", &[("KIPOD_KEEP", "always")]);
    assert!(passed, "{output}");
    env.assert_no_process_or_lock();
    assert_eq!(env.server.state().clusters["kipod"].len(), 1);

    let env = TestEnv::new();
    let variables = [("KIPOD_FAKE_FAILURE", "panic"), ("KIPOD_KEEP", "never")];
    let (passed, output) = env.run(Cargo, "flaky", &variables);
    assert!(!passed, "{output}");
    env.assert_no_process_or_lock();
    assert!(env.server.state().clusters.is_empty());
}

#[test]
fn cluster_of_the_user_is_not_deleted() {
    if !Nextest.is_here() {
        return;
    }
    let env = TestEnv::new();
    env.server.state().clusters.insert("kipod".into(), BTreeMap::new());
    let (passed, output) = env.run(Nextest, "abort", &[]);
    assert!(!passed, "{output}");
    env.assert_no_process_or_lock();
    let state = env.server.state();
    assert_eq!(state.created, Vec::<String>::new());
    assert_eq!(state.namespaces.len(), 1);
    // By the reaper, because the test aborted.
    assert_eq!(state.deleted, state.namespaces);
    assert!(state.clusters["kipod"].is_empty());
}

#[test]
fn external_cluster_gets_only_namespaces() {
    if !Nextest.is_here() {
        return;
    }
    let env = TestEnv::new();
    env.server.state().clusters.insert("external".into(), BTreeMap::new());
    let server = format!("http://{}/cluster/external", env.server.address);
    let path = env.dir().join("config");
    let config = format!(
        r#"{{"apiVersion": "v1", "kind": "Config", "current-context": "production",
            "clusters": [{{"name": "a", "cluster": {{"server": "{server}"}}}},
                         {{"name": "b", "cluster": {{"server": "http://127.0.0.1:1"}}}}],
            "users": [{{"name": "u", "user": {{}}}}],
            "contexts": [{{"name": "ci", "context": {{"cluster": "a", "user": "u"}}}},
                         {{"name": "production", "context": {{"cluster": "b", "user": "u"}}}}]}}"#
    );
    std::fs::write(&path, config).unwrap();
    let path = path.to_str().unwrap();

    let (passed, output) = env.run(Cargo, "pass", &[("KIPOD_KUBECONFIG", path)]);
    assert!(!passed && output.contains("`KIPOD_KUBECONFIG` requires `KIPOD_CONTEXT`"), "{output}");
    assert!(env.server.state().namespaces.is_empty());

    let variables = [("KIPOD_KUBECONFIG", path), ("KIPOD_CONTEXT", "ci")];
    for (test, passes) in [("pass", true), ("abort", false)] {
        let (passed, output) = env.run(Nextest, test, &variables);
        assert_eq!(passed, passes, "{output}");
        env.assert_no_process_or_lock();
    }
    {
        let state = env.server.state();
        assert_eq!(state.namespaces.len(), 2);
        assert_eq!(state.deleted, state.namespaces);
        assert!(state.created.is_empty());
        assert!(state.clusters["external"].is_empty());
    }
    let (passed, output) = env.run(Cargo, "versions::v1_35", &variables);
    assert!(!passed, "{output}");
    assert!(output.contains("it runs Kubernetes v1.36.2, but the test requires 1.35"), "{output}");
    // Exclusive tests are not limited to namespaces.
    let (passed, output) = env.run(Cargo, "exclusive", &variables);
    assert!(!passed, "{output}");
    assert!(
        output.contains("kipod: an `exclusive` test cannot use the cluster of `KIPOD_KUBECONFIG`"),
        "{output}"
    );
    let skip = ("KIPOD_SKIP_IF_UNAVAILABLE", "1");
    let (passed, output) = env.run(Cargo, "exclusive", &[variables[0], variables[1], skip]);
    assert!(passed && output.contains("kipod: skipped: an `exclusive` test"), "{output}");
    assert_eq!(env.server.state().arrived.len(), 2);
}

#[test]
fn orphaned_cluster_is_deleted_by_the_next_run() {
    if !Nextest.is_here() {
        return;
    }
    let env = TestEnv::new();
    let dir = env.dir().join("kipod/test");
    std::fs::create_dir_all(&dir).unwrap();
    // A cluster that a test created, and one that the user has recreated.
    for (name, identity) in [("test-lost", "1-7"), ("test-found", "another")] {
        env.server.state().clusters.insert(name.into(), BTreeMap::new());
        env.server.state().identities.insert(name.into(), "1-7 v1.36.2".into());
        let state = format!(r#"{{"phase": "ready", "identity": "{identity}"}}"#);
        std::fs::write(dir.join(format!("{name}.json")), state).unwrap();
    }
    let (passed, output) = env.run(Nextest, "pass", &[]);
    assert!(passed, "{output}");
    env.assert_no_process_or_lock();
    let state = env.server.state();
    let left: Vec<&str> = state.clusters.keys().map(String::as_str).collect();
    assert_eq!(left, ["test-found"]);
}

#[test]
fn recreated_cluster_is_not_deleted_by_a_retry() {
    let env = TestEnv::new();
    env.server.state().failed_deletes = Some(0);
    let (passed, output) = env.run(Cargo, "pass", &[]);
    assert!(passed, "{output}");
    env.wait("an attempt to delete", |state| state.failed_deletes > Some(0));
    {
        let mut state = env.server.state();
        state.identities.insert("kipod".into(), "user v1.36.2".into());
        state.failed_deletes = None;
    }
    env.assert_no_process_or_file();
    assert_eq!(env.server.state().clusters.len(), 1);
}
