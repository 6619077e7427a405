//! A step fails: the cause is told, and nothing is left.

use super::*;
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn whatever_podman_refuses_is_told_and_undone() {
    for step in ["create_network", "create_volume", "create_container", "upload", "start_container"]
    {
        let world = World::new();
        world.podman.fail(step, refusal);
        let error = world.create(request()).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "node `demo-control-plane-0`: do that: no space left",
            "after {step}"
        );
        world.assert_nothing_left();
        assert_eq!(world.warnings(), [""; 0], "after {step}");
        // The name is free again, and its lock too.
        let again = world.create_until_kubeadm_fails(request()).await;
        assert!(matches!(again, CreateError::NodeFailed { .. }), "after {step}: {again}");
    }
}

#[tokio::test]
async fn a_fault_of_the_clean_up_does_not_hide_the_cause() {
    let world = World::new();
    world.podman.fail("start_container", refusal);
    // The clean-up is tried once more.
    for _ in 0..2 {
        world.podman.fail("remove_volume", || PodmanError::Operation {
            action: "remove volume".to_owned(),
            message: "it is busy".to_owned(),
        });
    }
    let error = world.create(request()).await.unwrap_err();
    assert!(error.to_string().ends_with("no space left"), "{error}");
    assert_eq!(
        world.warnings(),
        [
            "clean-up: cluster `demo` is not all gone:\n  volume `demo-control-plane-0`: remove volume: it is busy"
        ]
    );
    // All that could go has gone, and the record says that something has not.
    assert_eq!(world.count("remove_container demo"), 1);
    assert_eq!(world.count("remove_network"), 1);
    assert!(world.podman.containers("").await.unwrap().is_empty());
    assert!(world.podman.networks("").await.unwrap().is_empty());
    assert!(world.record().is_some_and(|record| !record.complete));

    // The next creation removes it first.
    let again = world.create_until_kubeadm_fails(request()).await;
    assert!(matches!(again, CreateError::NodeFailed { .. }), "{again}");
    world.assert_nothing_left();
}

#[tokio::test]
async fn kubeadms_failure_shows_step_and_journals() {
    let world = World::new();
    for (unit, text) in [
        ("kipod-node", "error: cannot do it\n"),
        ("kubelet", "kubelet's last words\n"),
        ("crio", "crio's last words\n"),
    ] {
        let line = format!("{NODE} journalctl --no-pager --output=cat -n 20 -u {unit}");
        world.podman.set_exec_output(&line, 0, text);
    }
    let error = world.create_until_kubeadm_fails(request()).await;
    assert_eq!(
        error.to_string(),
        "node `demo-control-plane-0`: kubeadm init failed:\n\
         \x20 --- journal of kipod-node ---\n\
         \x20 error: cannot do it\n\
         \x20 --- journal of kubelet ---\n\
         \x20 kubelet's last words\n\
         \x20 --- journal of crio ---\n\
         \x20 crio's last words"
    );
    assert!(error.hint().unwrap().contains("--retain"));
    world.assert_nothing_left();
}

#[tokio::test]
async fn journals_that_cannot_be_read_do_not_hide_the_failure() {
    let world = World::new();
    world.podman.fail("exec", refusal);
    let error = world.create_until_kubeadm_fails(request()).await.to_string();
    assert!(error.starts_with("node `demo-control-plane-0`: kubeadm init failed:"), "{error}");
    assert!(error.contains("journal of kipod-node ---\n  do that: no space left"), "{error}");
    world.assert_nothing_left();
}

#[tokio::test]
async fn retaining_keeps_what_failed() {
    let world = World::new();
    let error = world.create_until_kubeadm_fails(retaining()).await;
    assert!(matches!(error, CreateError::NodeFailed { .. }), "{error}");
    assert_eq!(world.count("remove_"), 0);
    assert!(world.record().is_some_and(|record| !record.complete));
}

#[tokio::test]
async fn a_node_that_ends_is_not_waited_for() {
    let world = World::new();
    let stop = async {
        world.until("start_container").await;
        world.podman.stop_container(NODE).await.unwrap();
    };
    let (made, ()) = tokio::join!(world.create(request()), stop);
    let error = made.unwrap_err();
    assert_eq!(
        error.to_string(),
        "node `demo-control-plane-0` ended while waiting for the API server"
    );
    world.assert_nothing_left();
}

#[tokio::test]
async fn a_node_that_ended_before_anybody_looked_is_not_waited_for() {
    let world = World::new();
    world.podman.restart(NODE);
    let made = world.create(request()).await;
    assert!(matches!(made, Err(CreateError::NodeEnded { .. })), "{made:?}");
    world.assert_nothing_left();
}

#[tokio::test]
async fn podman_that_goes_away_is_the_cause() {
    let world = World::new();
    world.podman.fail("inspect_container", || PodmanError::ServiceUnavailable {
        socket: "/run/podman.sock".to_owned(),
        message: "connection refused".to_owned(),
    });
    let error = world.create(request()).await.unwrap_err();
    assert!(error.to_string().contains("does not respond"), "{error}");
    assert!(error.hint().is_some());
    world.assert_nothing_left();
}

#[tokio::test]
async fn asked_to_stop_it_undoes_everything_even_what_should_be_retained() {
    let world = World::new();
    let cancel = CancellationToken::new();
    let canceller = cancel.clone();
    let stop = async {
        world.until("start_container").await;
        canceller.cancel();
    };
    let (made, ()) = tokio::join!(world.create(Request { cancel, ..retaining() }), stop);
    let error = made.unwrap_err();
    assert_eq!(error.to_string(), "creation of cluster `demo` was interrupted");
    world.assert_nothing_left();
}

#[tokio::test]
async fn asked_to_stop_before_it_began_it_makes_nothing() {
    let world = World::new();
    let cancel = CancellationToken::new();
    let canceller = cancel.clone();
    canceller.cancel();
    let error = world.create(Request { cancel, ..request() }).await.unwrap_err();
    assert!(matches!(error, CreateError::Cancelled { .. }), "{error}");
    assert_eq!(world.changes(), [""; 0]);
    world.assert_nothing_left();
}

#[tokio::test]
async fn limits_that_will_not_hold_are_said() {
    let world = World::new();
    let mut request = request();
    request.machine.cgroups = CgroupMode::Unlimited;
    world.create_until_kubeadm_fails(request).await;
    let warnings = world.warnings();
    assert!(warnings[0].contains("resource limits of pods are not enforced"), "{warnings:?}");
}

#[tokio::test]
async fn metrics_that_cannot_be_had_are_refused_before_anything_starts() {
    let world = World::new();
    let mut request = request();
    request.spec.metrics = true;
    let error = world.create(request.clone()).await.unwrap_err();
    assert!(matches!(error, CreateError::NoMetrics { .. }), "{error}");
    request.machine.cgroups = CgroupMode::Unlimited;
    let error = world.create(request).await.unwrap_err();
    assert!(matches!(error, CreateError::NothingToMeasure), "{error}");
    assert_eq!(world.changes(), [""; 0]);
    world.assert_nothing_left();
}
