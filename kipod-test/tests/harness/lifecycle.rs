//! Arguments and options of a test, and errors before it begins.

use crate::env::Runner::{Cargo, Nextest};
use crate::env::TestEnv;

#[test]
fn expected_panic_passes() {
    let env = TestEnv::new();
    let (passed, output) = env.run(Cargo, "expected_panic", &[]);
    assert!(passed, "{output}");
    assert!(!output.contains("to inspect it"), "{output}");
    assert_eq!(env.server.state().deleted.len(), 1);
}

#[test]
fn missing_cluster_does_not_count_as_a_panic() {
    let env = TestEnv::new();
    let (passed, output) = env.run(Cargo, "no_cluster_should_panic", &[]);
    assert!(!passed, "{output}");
    let expected = "kipod: failed to acquire cluster `broken`: clusters of that name are broken\n  \
                 hint: inspect the fake server";
    assert!(output.contains(expected), "{output}");
    env.assert_no_process_or_lock();
}

#[test]
fn unavailable_cluster_skips_only_if_allowed() {
    let env = TestEnv::new();
    let variables = [("KIPOD_SKIP_IF_UNAVAILABLE", "1"), ("KIPOD_CLUSTER", "broken")];
    let (passed, output) = env.run(Cargo, "pass", &variables);
    assert!(passed, "{output}");
    let expected =
        "kipod: skipped: failed to acquire cluster `broken`: clusters of that name are broken";
    assert!(output.contains(expected), "{output}");
    assert!(env.server.state().arrived.is_empty());

    let (passed, output) = env.run(Cargo, "pass", &[("KIPOD_CLUSTER", "broken")]);
    assert!(!passed, "{output}");
}

#[test]
fn invalid_environment_reports_all_errors() {
    let env = TestEnv::new();
    let variables = [("KIPOD_KEEP", "maybe"), ("KIPOD_TIMEOUT", "5")];
    let (passed, output) = env.run(Cargo, "pass", &variables);
    assert!(!passed, "{output}");
    assert!(output.contains("invalid `KIPOD_KEEP`: `maybe` is not one of"), "{output}");
    assert!(output.contains("invalid `KIPOD_TIMEOUT`: `5` has no unit"), "{output}");
    assert!(env.server.state().created.is_empty());
}

#[test]
fn failed_argument_is_named() {
    let env = TestEnv::new();
    let (passed, output) = env.run(Cargo, "no_namespace", &[]);
    assert!(!passed, "{output}");
    let expected = "kipod: failed to create argument `namespace: Namespace`: the test has no namespace \
                 (`namespace = false`)";
    assert!(output.contains(expected), "{output}");
    assert!(env.server.state().namespaces.is_empty());
}

#[test]
fn attribute_configures_the_runtime() {
    let env = TestEnv::new();
    for test in ["paused", "paused_wait", "threads"] {
        let (passed, output) = env.run(Cargo, test, &[]);
        assert!(passed, "{output}");
    }
}

#[test]
fn manifests_are_applied_once_per_run() {
    if !Nextest.is_here() {
        return;
    }
    let env = TestEnv::new();
    for test in ["applied_a", "applied_b", "applied_b"] {
        let (passed, output) = env.run(Cargo, test, &[("KIPOD_KEEP", "always")]);
        assert!(passed, "{output}");
        env.assert_no_process_or_lock();
    }
    let state = env.server.state();
    let shared = state.applied.iter().filter(|name| *name == "default/shared").count();
    assert_eq!(shared, 3, "once per run: {:?}", state.applied);
    for namespace in &state.namespaces[1..] {
        assert!(state.applied.contains(&format!("{namespace}/own")), "{:?}", state.applied);
        assert!(state.applied.contains(&format!("{namespace}/second")));
    }
    drop(state);

    let env = TestEnv::new();
    let (passed, output) = env.run(Nextest, "applied_", &[]);
    assert!(passed, "{output}");
    let state = env.server.state();
    let shared = state.applied.iter().filter(|name| *name == "default/shared").count();
    assert_eq!(shared, 1, "two processes of one run: {:?}", state.applied);
}

#[test]
fn fixture_in_other_namespace_is_refused() {
    let env = TestEnv::new();
    let (passed, output) = env.run(Cargo, "fixture_in_other_namespace", &[]);
    assert!(!passed, "{output}");
    let expected = " sets `namespace: default`, but fixtures are applied to the test's namespace: \
                 remove the field";
    assert!(output.contains(expected), "{output}");
    env.assert_no_process_or_lock();
    let state = env.server.state();
    assert!(state.applied.is_empty());
    assert_eq!(state.deleted, state.namespaces);
}

#[test]
fn missing_images_are_reported_before_the_test() {
    let env = TestEnv::new();
    let (passed, output) = env.run(Cargo, "image_present", &[]);
    assert!(passed, "{output}");
    let (passed, output) = env.run(Cargo, "image_missing", &[]);
    assert!(!passed, "{output}");
    let expected = "kipod: missing images:\n  `localhost/other:dev` on node";
    assert!(output.contains(expected) && output.contains("hint: build them"), "{output}");
}

#[test]
fn timeout_reports_pending_waits() {
    let env = TestEnv::new();
    let (passed, output) = env.run(Cargo, "wait_with_timeout", &[]);
    assert!(passed, "{output}");
    let (passed, output) = env.run(Cargo, "wait_exceeds_test_timeout", &[]);
    assert!(!passed, "{output}");
    let expected = "kipod: test timed out after 1s while waiting for:\n  \
                 configmap/missing: exists (not found)";
    assert!(output.contains(expected), "{output}");
    let variables = [("KIPOD_TIMEOUT_FACTOR", "0.1")];
    let (passed, output) = env.run(Cargo, "wait_with_default_timeout", &variables);
    assert!(passed, "{output}");
}

#[test]
fn rstest_cases_are_separate_tests() {
    for runner in [Cargo, Nextest].into_iter().filter(|runner| runner.is_here()) {
        let env = TestEnv::new();
        let (passed, output) = env.run(runner, "cases::", &[]);
        assert!(passed, "{output}");
        env.assert_no_process_or_lock();
        let state = env.server.state();
        let mut cases: Vec<&str> = state.arrived.iter().map(|(name, ..)| name.as_str()).collect();
        cases.sort_unstable();
        assert_eq!(cases, ["1", "2"]);
        assert_eq!(state.namespaces.len(), 2);
        assert!(state.namespaces.iter().any(|name| name.contains("case-2-two")));
        assert!(state.clusters.is_empty());
    }
}
