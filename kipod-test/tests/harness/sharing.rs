//! Who shares a cluster with whom, what stays on purpose, and whose clusters are left alone.

use std::collections::BTreeMap;

use crate::support::Runner::{Cargo, Nextest};
use crate::support::World;

#[test]
fn thirty_two_processes_make_one_cluster() {
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
    let world = World::new();
    let long = world.start(Nextest, "hang", &[]);
    world.arrival("hang");
    let (passed, output) = world.run(Cargo, "pass", &[]);
    assert!(passed, "{output}");
    std::thread::sleep(std::time::Duration::from_millis(300));
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
fn what_failed_stays_until_it_passes() {
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
    let content = world.table.content();
    assert_eq!(content.namespaces.len(), 2);
    assert_eq!(content.deleted, content.namespaces);
    assert!(content.created.is_empty());
    assert!(content.clusters["theirs"].is_empty());
}

#[test]
fn what_went_down_with_the_machine_is_swept_by_the_next_run() {
    let world = World::new();
    let folder = world.folder().join("kipod/test");
    std::fs::create_dir_all(&folder).unwrap();
    // One that a test made, and one of the same kind that somebody made anew by hand.
    for (name, identity) in [("test-lost", "test-lost-0"), ("test-found", "another")] {
        world.table.content().clusters.insert(name.into(), BTreeMap::new());
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
