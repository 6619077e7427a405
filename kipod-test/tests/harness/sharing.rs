//! Who shares a cluster with whom, what stays on purpose, and whose clusters are left alone.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::support::Runner::{Cargo, Nextest};
use crate::support::World;

#[test]
fn thirty_two_processes_make_one_cluster() {
    if !Nextest.is_here() {
        return;
    }
    let world = World::new();
    let (passed, output) = world.run(Nextest, "race::", &[]);
    assert!(passed, "{output}");
    world.no_process_and_no_lock();
    let content = world.table.content();
    assert_eq!(content.created, ["race"]);
    let mut processes: Vec<i32> = content.arrived.iter().map(|(_, pid, _)| *pid).collect();
    processes.sort_unstable();
    processes.dedup();
    assert_eq!(processes.len(), 32);
    let mut namespaces = content.namespaces.clone();
    namespaces.sort();
    namespaces.dedup();
    assert_eq!(namespaces.len(), 32, "each has a namespace of its own");
    assert!(content.clusters.is_empty());
}

#[test]
fn threads_of_one_process_make_one_cluster() {
    let world = World::new();
    let (passed, output) = world.run(Cargo, "race::", &[]);
    assert!(passed, "{output}");
    world.no_process_and_no_lock();
    let content = world.table.content();
    assert_eq!(content.created, ["race"]);
    assert_eq!(content.arrived.len(), 32);
    assert!(content.clusters.is_empty());
}

#[test]
fn a_cluster_stays_for_the_run_that_still_goes_on() {
    if !Nextest.is_here() {
        return;
    }
    let world = World::new();
    let long = world.start(Nextest, "hang", &[]);
    world.arrival("hang");
    let (passed, output) = world.run(Cargo, "pass", &[]);
    assert!(passed, "{output}");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(world.table.content().clusters.len(), 1);
    world.table.content().go = true;
    let (passed, output) = long.end();
    assert!(passed, "{output}");
    world.no_process_and_no_lock();
    let content = world.table.content();
    assert_eq!(content.created, ["kipod"]);
    assert!(content.clusters.is_empty());
}

#[test]
fn an_exclusive_cluster_goes_with_its_test() {
    if !Nextest.is_here() {
        return;
    }
    for (end, passes) in [("", true), ("panic", false), ("abort", false)] {
        let world = World::new();
        let variables = [("KIPOD_FAKE_END", end)];
        let (passed, output) = world.run(Nextest, "alone", &variables);
        assert_eq!(passed, passes, "{output}");
        world.no_process_and_no_lock();
        let content = world.table.content();
        assert_eq!(content.created.len(), 1);
        assert!(content.created[0].starts_with("test-"), "{:?}", content.created);
        assert!(content.clusters.is_empty(), "{end}: {:?}", content.clusters);
    }
}

#[test]
fn an_exclusive_cluster_that_stays_goes_with_the_next_run_of_its_test() {
    if !Nextest.is_here() {
        return;
    }
    let world = World::new();
    let variables = [("KIPOD_FAKE_END", "panic"), ("KIPOD_KEEP", "on-failure")];
    for _ in 0..2 {
        let (passed, output) = world.run(Nextest, "alone", &variables);
        assert!(!passed, "{output}");
        world.no_process_and_no_lock();
        assert_eq!(world.table.content().clusters.len(), 1, "the newest stays, and no other");
    }
    let (passed, output) = world.run(Nextest, "alone", &[("KIPOD_KEEP", "on-failure")]);
    assert!(passed, "{output}");
    world.no_process_and_no_lock();
    let content = world.table.content();
    assert_eq!(content.created.len(), 3);
    assert!(content.clusters.is_empty(), "{:?}", content.clusters);
}

#[test]
fn an_exclusive_cluster_without_a_namespace_stays_too() {
    if !Nextest.is_here() {
        return;
    }
    let world = World::new();
    let variables = [("KIPOD_FAKE_END", "panic")];
    let (passed, output) = world.run(Nextest, "alone_and_bare", &variables);
    assert!(!passed, "{output}");
    world.no_process_and_no_lock();
    let name = world.table.content().created[0].clone();
    assert!(output.contains(&format!("kipod: cluster `{name}` stays; KUBECONFIG=")), "{output}");
    assert!(world.table.content().clusters.contains_key(&name));

    let (passed, output) = world.run(Nextest, "alone_and_bare", &[]);
    assert!(passed, "{output}");
    world.no_process_and_no_file();
    assert!(world.table.content().clusters.is_empty());
}

/// Waits until two runs have their reapers, and the second has waited long enough to say so.
fn let_the_second_wait(world: &World) {
    world.wait("two reapers", |_| {
        let entries = std::fs::read_dir(world.folder().join("kipod/test")).unwrap().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter(|name| name.contains(".reaper-")).count() == 2
    });
    std::thread::sleep(Duration::from_secs(2));
    world.table.content().stalled = None;
}

#[test]
fn who_waits_says_so_once_and_for_whom() {
    let world = World::new();
    world.table.content().stalled = Some("POST");
    let first = world.start(Cargo, "pass", &[]);
    world.wait("a creation", |content| !content.created.is_empty());
    let second = world.start(Cargo, "pass", &[]);
    let_the_second_wait(&world);
    let (passed, output) = second.end();
    assert!(passed, "{output}");
    let line = "kipod: waiting for cluster `kipod`: process ";
    assert_eq!(output.matches(line).count(), 1, "{output}");
    assert!(output.contains(" is creating it (asking the table)\n"), "{output}");
    let (passed, output) = first.end();
    assert!(passed && !output.contains("waiting for cluster"), "{output}");
    assert!(output.contains("kipod: creating cluster `kipod`\n"), "{output}");
    assert!(output.contains("kipod: cluster `kipod` is there after "), "{output}");
    world.no_process_and_no_file();
    assert_eq!(world.table.content().created, ["kipod"]);
}

#[test]
fn a_run_that_comes_while_the_last_is_cleaned_up_waits_and_says_so() {
    let world = World::new();
    world.table.content().stalled = Some("DELETE");
    let (passed, output) = world.run(Cargo, "pass", &[]);
    assert!(passed, "{output}");
    let note = world.folder().join("kipod/test/kipod.gate");
    let noted = || std::fs::read_to_string(&note).is_ok_and(|text| text.contains("deleting"));
    world.wait("a deletion", |_| noted());
    let second = world.start(Cargo, "pass", &[]);
    let_the_second_wait(&world);
    let (passed, output) = second.end();
    assert!(passed, "{output}");
    let line = "kipod: waiting for cluster `kipod`: process ";
    assert_eq!(output.matches(line).count(), 1, "{output}");
    assert!(output.contains(" is deleting it\n"), "{output}");
    world.no_process_and_no_file();
    let content = world.table.content();
    assert_eq!(content.created, ["kipod", "kipod"]);
    assert!(content.clusters.is_empty());
}

#[test]
fn of_two_runs_that_end_together_one_cleans_up() {
    if !Nextest.is_here() {
        return;
    }
    for _ in 0..5 {
        let world = World::new();
        let runs = [Cargo, Nextest].map(|runner| world.start(runner, "hang", &[]));
        world.wait("both", |content| content.arrived.len() == 2);
        world.table.content().go = true;
        for run in runs {
            let (passed, output) = run.end();
            assert!(passed, "{output}");
        }
        world.no_process_and_no_file();
        let content = world.table.content();
        assert_eq!(content.created, ["kipod"]);
        assert!(content.clusters.is_empty());
    }
}

#[test]
fn a_kept_cluster_is_found_again_and_not_made_anew() {
    if !Nextest.is_here() {
        return;
    }
    let world = World::new();
    for run in 1..=2 {
        let (passed, output) = world.run(Nextest, "pass", &[("KIPOD_KEEP", "always")]);
        assert!(passed, "{output}");
        world.no_process_and_no_lock();
        let content = world.table.content();
        assert_eq!(content.created, ["kipod"]);
        assert_eq!(content.namespaces.len(), run);
    }
}

#[test]
fn a_kept_cluster_that_does_not_answer_is_made_anew() {
    let world = World::new();
    let variables = [("KIPOD_KEEP", "always"), ("KIPOD_TIMEOUT_FACTOR", "0.1")];
    let (passed, output) = world.run(Cargo, "pass", &variables);
    assert!(passed, "{output}");
    world.no_process_and_no_lock();
    world.table.content().silent.insert("kipod".into());
    let (passed, output) = world.run(Cargo, "pass", &variables);
    assert!(passed, "{output}");
    let words = "kipod: making cluster `kipod` anew: cluster `kipod` does not answer after 6.0 s (";
    assert!(output.contains(words), "{output}");
    assert!(output.contains("nobody uses it; what 1 tests kept in it goes"), "{output}");
    assert_eq!(world.table.content().created, ["kipod", "kipod"]);

    let world = World::new();
    world.table.content().clusters.insert("kipod".into(), BTreeMap::new());
    world.table.content().silent.insert("kipod".into());
    let (passed, output) = world.run(Cargo, "pass", &variables);
    assert!(!passed, "{output}");
    assert!(output.contains("it was not made by a test, so no test replaces it"), "{output}");
    assert!(output.contains("hint: look at it, or delete it: `kipod delete cluster kipod`"));
    assert!(world.table.content().clusters.contains_key("kipod"));
}

#[test]
fn another_version_is_made_anew_when_nobody_uses_the_old_one() {
    let world = World::new();
    let variables = [("KIPOD_KEEP", "always")];
    let (passed, output) = world.run(Cargo, "versions::v1_35", &variables);
    assert!(passed, "{output}");
    world.no_process_and_no_lock();
    let (passed, output) = world.run(Cargo, "versions::v1_36", &variables);
    assert!(passed, "{output}");
    let words = "kipod: making cluster `versioned` anew: cluster `versioned` runs Kubernetes v1.35, \
                 the test wants 1.36.2, and nobody uses it";
    assert!(output.contains(words), "{output}");
    assert_eq!(world.table.content().created, ["versioned", "versioned"]);
}

#[test]
fn another_version_is_refused_while_others_use_the_old_one() {
    // In one process, and in two.
    for runner in [Cargo, Nextest].into_iter().filter(|runner| runner.is_here()) {
        let world = World::new();
        let (passed, output) = world.run(runner, "versions::", &[("RUST_TEST_THREADS", "1")]);
        assert!(!passed, "{output}");
        let words = ", and other tests are using it";
        assert_eq!(output.matches(words).count(), 1, "{output}");
        world.no_process_and_no_file();
        let content = world.table.content();
        assert_eq!((content.created.len(), content.arrived.len()), (1, 1));
    }
    let world = World::new();
    world.table.content().clusters.insert("versioned".into(), BTreeMap::new());
    let (passed, output) = world.run(Cargo, "versions::v1_35", &[]);
    assert!(!passed, "{output}");
    assert!(output.contains("it was not made by a test, so no test replaces it"), "{output}");
}

#[test]
fn what_failed_stays_until_it_passes() {
    if !Nextest.is_here() {
        return;
    }
    let world = World::new();
    let (passed, output) = world.run(Nextest, "flaky", &[("KIPOD_FAKE_END", "panic")]);
    assert!(!passed, "{output}");
    assert!(output.contains("stays; KUBECONFIG="), "{output}");
    world.no_process_and_no_lock();
    let first = world.table.content().namespaces[0].clone();
    assert!(world.table.content().clusters["kipod"].contains_key(&first));

    // Another test finds the cluster, and leaves it.
    let (passed, output) = world.run(Cargo, "pass", &[]);
    assert!(passed, "{output}");
    world.no_process_and_no_lock();
    assert!(world.table.content().clusters["kipod"].contains_key(&first));

    let (passed, output) = world.run(Cargo, "flaky", &[]);
    assert!(passed, "{output}");
    world.no_process_and_no_lock();
    let content = world.table.content();
    assert!(content.deleted.contains(&first));
    assert_eq!(content.created, ["kipod"]);
    assert!(content.clusters.is_empty(), "{:?}", content.clusters);
}

#[test]
fn the_environment_keeps_everything_or_nothing() {
    let world = World::new();
    let (passed, output) = world.run(Cargo, "pass", &[("KIPOD_KEEP", "always")]);
    assert!(passed, "{output}");
    world.no_process_and_no_lock();
    assert_eq!(world.table.content().clusters["kipod"].len(), 1);

    let world = World::new();
    let variables = [("KIPOD_FAKE_END", "panic"), ("KIPOD_KEEP", "never")];
    let (passed, output) = world.run(Cargo, "flaky", &variables);
    assert!(!passed, "{output}");
    world.no_process_and_no_lock();
    assert!(world.table.content().clusters.is_empty());
}

#[test]
fn a_cluster_that_was_there_before_stays() {
    if !Nextest.is_here() {
        return;
    }
    let world = World::new();
    world.table.content().clusters.insert("kipod".into(), BTreeMap::new());
    let (passed, output) = world.run(Nextest, "abort", &[]);
    assert!(!passed, "{output}");
    world.no_process_and_no_lock();
    let content = world.table.content();
    assert_eq!(content.created, Vec::<String>::new());
    assert_eq!(content.namespaces.len(), 1);
    // The test could not; its run's reaper did.
    assert_eq!(content.deleted, content.namespaces);
    assert!(content.clusters["kipod"].is_empty());
}

#[test]
fn other_peoples_clusters_get_namespaces_only() {
    if !Nextest.is_here() {
        return;
    }
    let world = World::new();
    world.table.content().clusters.insert("theirs".into(), BTreeMap::new());
    let server = format!("http://{}/cluster/theirs", world.table.address);
    let path = world.folder().join("config");
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

    let (passed, output) = world.run(Cargo, "pass", &[("KIPOD_KUBECONFIG", path)]);
    assert!(!passed && output.contains("`KIPOD_CONTEXT` has to name a context"), "{output}");
    assert!(world.table.content().namespaces.is_empty());

    let variables = [("KIPOD_KUBECONFIG", path), ("KIPOD_CONTEXT", "ci")];
    for (test, passes) in [("pass", true), ("abort", false)] {
        let (passed, output) = world.run(Nextest, test, &variables);
        assert_eq!(passed, passes, "{output}");
        world.no_process_and_no_lock();
    }
    {
        let content = world.table.content();
        assert_eq!(content.namespaces.len(), 2);
        assert_eq!(content.deleted, content.namespaces);
        assert!(content.created.is_empty());
        assert!(content.clusters["theirs"].is_empty());
    }
    let (passed, output) = world.run(Cargo, "versions::v1_35", &variables);
    assert!(!passed, "{output}");
    assert!(output.contains(" runs Kubernetes v1.36.2, the test wants 1.35, and"), "{output}");
    // No mess in somebody else's cluster.
    let (passed, output) = world.run(Cargo, "alone", &variables);
    assert!(!passed, "{output}");
    assert!(
        output.contains("kipod: the test wants a cluster of its own (`exclusive`)"),
        "{output}"
    );
    let skip = ("KIPOD_SKIP_IF_UNAVAILABLE", "1");
    let (passed, output) = world.run(Cargo, "alone", &[variables[0], variables[1], skip]);
    assert!(passed && output.contains("kipod: skipped: the test wants"), "{output}");
    assert_eq!(world.table.content().arrived.len(), 2);
}

#[test]
fn what_went_down_with_the_machine_is_swept_by_the_next_run() {
    if !Nextest.is_here() {
        return;
    }
    let world = World::new();
    let folder = world.folder().join("kipod/test");
    std::fs::create_dir_all(&folder).unwrap();
    // One that a test made, and one of the same kind that somebody made anew by hand.
    for (name, identity) in [("test-lost", "1-7"), ("test-found", "another")] {
        world.table.content().clusters.insert(name.into(), BTreeMap::new());
        world.table.content().identities.insert(name.into(), "1-7 v1.36.2".into());
        let state = format!(r#"{{"phase": "ready", "identity": "{identity}"}}"#);
        std::fs::write(folder.join(format!("{name}.json")), state).unwrap();
    }
    let (passed, output) = world.run(Nextest, "pass", &[]);
    assert!(passed, "{output}");
    world.no_process_and_no_lock();
    let content = world.table.content();
    let left: Vec<&str> = content.clusters.keys().map(String::as_str).collect();
    assert_eq!(left, ["test-found"]);
}

#[test]
fn a_cluster_that_was_made_anew_between_two_attempts_to_delete_stays() {
    let world = World::new();
    world.table.content().undeletable = Some(0);
    let (passed, output) = world.run(Cargo, "pass", &[]);
    assert!(passed, "{output}");
    world.wait("an attempt to delete", |content| content.undeletable > Some(0));
    {
        let mut content = world.table.content();
        content.identities.insert("kipod".into(), "somebodys v1.36.2".into());
        content.undeletable = None;
    }
    world.no_process_and_no_file();
    assert_eq!(world.table.content().clusters.len(), 1);
}
