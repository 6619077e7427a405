//! What a test is given, what it may say of itself, and what it says when it cannot begin.

use crate::support::Runner::{Cargo, Nextest};
use crate::support::World;

#[test]
fn a_panic_that_is_asked_for_is_a_success() {
    let world = World::new();
    let (passed, output) = world.run(Cargo, "panic_is_right", &[]);
    assert!(passed, "{output}");
    assert!(!output.contains("to look at it"), "{output}");
    assert_eq!(world.table.content().deleted.len(), 1);
}

#[test]
fn a_missing_cluster_is_not_the_panic_that_is_asked_for() {
    let world = World::new();
    let (passed, output) = world.run(Cargo, "no_cluster_is_no_panic", &[]);
    assert!(!passed, "{output}");
    let words = "kipod: cluster `broken`: clusters of that name are broken\n  hint: ask the table";
    assert!(output.contains(words), "{output}");
    world.no_process_and_no_lock();
}

#[test]
fn a_test_is_skipped_only_when_that_is_allowed_and_says_so() {
    let world = World::new();
    let variables = [("KIPOD_SKIP_IF_UNAVAILABLE", "1"), ("KIPOD_CLUSTER", "broken")];
    let (passed, output) = world.run(Cargo, "pass", &variables);
    assert!(passed, "{output}");
    let words = "kipod: skipped: cluster `broken`: clusters of that name are broken";
    assert!(output.contains(words), "{output}");
    assert!(world.table.content().arrived.is_empty());

    let (passed, output) = world.run(Cargo, "pass", &[("KIPOD_CLUSTER", "broken")]);
    assert!(!passed, "{output}");
}

#[test]
fn the_environment_has_all_its_faults_told_at_once() {
    let world = World::new();
    let variables = [("KIPOD_KEEP", "maybe"), ("KIPOD_TIMEOUT", "5")];
    let (passed, output) = world.run(Cargo, "pass", &variables);
    assert!(!passed, "{output}");
    assert!(output.contains("`KIPOD_KEEP` is `maybe`"), "{output}");
    assert!(output.contains("`KIPOD_TIMEOUT` is wrong: `5` has no unit"), "{output}");
    assert!(world.table.content().created.is_empty());
}

#[test]
fn an_argument_that_cannot_be_made_is_named() {
    let world = World::new();
    let (passed, output) = world.run(Cargo, "no_namespace", &[]);
    assert!(!passed, "{output}");
    let words = "kipod: cannot make argument `namespace: Namespace`: the test has no namespace: \
                 its attribute says `namespace = false`";
    assert!(output.contains(words), "{output}");
    assert!(world.table.content().namespaces.is_empty());
}

#[test]
fn runtimes_are_what_the_attribute_says() {
    let world = World::new();
    for test in ["paused", "paused_wait", "threads"] {
        let (passed, output) = world.run(Cargo, test, &[]);
        assert!(passed, "{output}");
    }
}

#[test]
fn manifests_are_applied_once_and_fixtures_for_each_test() {
    if !Nextest.is_here() {
        return;
    }
    let world = World::new();
    for test in ["applied_a", "applied_b", "applied_b"] {
        let (passed, output) = world.run(Cargo, test, &[("KIPOD_KEEP", "always")]);
        assert!(passed, "{output}");
        world.no_process_and_no_lock();
    }
    let content = world.table.content();
    let shared = content.applied.iter().filter(|name| *name == "default/shared").count();
    assert_eq!(shared, 3, "once for each run: {:?}", content.applied);
    for namespace in &content.namespaces[1..] {
        assert!(content.applied.contains(&format!("{namespace}/own")), "{:?}", content.applied);
        assert!(content.applied.contains(&format!("{namespace}/second")));
    }
    drop(content);

    let world = World::new();
    let (passed, output) = world.run(Nextest, "applied_", &[]);
    assert!(passed, "{output}");
    let content = world.table.content();
    let shared = content.applied.iter().filter(|name| *name == "default/shared").count();
    assert_eq!(shared, 1, "two processes of one run: {:?}", content.applied);
}

#[test]
fn a_fixture_that_belongs_elsewhere_is_refused() {
    let world = World::new();
    let (passed, output) = world.run(Cargo, "fixture_of_elsewhere", &[]);
    assert!(!passed, "{output}");
    let words = "says `namespace: default`, but fixtures go into the test's: leave it out";
    assert!(output.contains(words), "{output}");
    world.no_process_and_no_lock();
    let content = world.table.content();
    assert!(content.applied.is_empty());
    assert_eq!(content.deleted, content.namespaces);
}

#[test]
fn images_are_looked_for_before_the_test() {
    let world = World::new();
    let (passed, output) = world.run(Cargo, "image_present", &[]);
    assert!(passed, "{output}");
    let (passed, output) = world.run(Cargo, "image_missing", &[]);
    assert!(!passed, "{output}");
    let words = "kipod: the test needs images that are not there:\n  `localhost/other:dev` on node";
    assert!(output.contains(words) && output.contains("hint: build them"), "{output}");
}

#[test]
fn waits_say_what_they_waited_for() {
    let world = World::new();
    let (passed, output) = world.run(Cargo, "waits_no_longer", &[]);
    assert!(passed, "{output}");
    let (passed, output) = world.run(Cargo, "waits_too_long", &[]);
    assert!(!passed, "{output}");
    let words = "kipod: the test's time is up after 1s; it was still waiting for:\n  \
                 configmap missing: exists (there is none)";
    assert!(output.contains(words), "{output}");
    let variables = [("KIPOD_TIMEOUT_FACTOR", "0.1")];
    let (passed, output) = world.run(Cargo, "waits_as_long_as_the_machine_needs", &variables);
    assert!(passed, "{output}");
}

#[test]
fn cases_of_rstest_are_tests_of_their_own() {
    for runner in [Cargo, Nextest].into_iter().filter(|runner| runner.is_here()) {
        let world = World::new();
        let (passed, output) = world.run(runner, "cases::", &[]);
        assert!(passed, "{output}");
        world.no_process_and_no_lock();
        let content = world.table.content();
        let mut cases: Vec<&str> = content.arrived.iter().map(|(name, ..)| name.as_str()).collect();
        cases.sort_unstable();
        assert_eq!(cases, ["1", "2"]);
        assert_eq!(content.namespaces.len(), 2);
        assert!(content.namespaces.iter().any(|name| name.contains("case-2-two")));
        assert!(content.clusters.is_empty());
    }
}
