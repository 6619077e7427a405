//! Failures of single steps: they are reported, and nothing is left.

use super::*;
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn create_reports_and_rolls_back_podman_errors() {
    for step in ["create_network", "create_volume", "create_container", "upload", "start_container"]
    {
        let world = World::new();
        world.podman.fail(step, refusal);
        let error = world.create(request()).await.unwrap_err();
        assert_eq!(
            error_chain(&error),
            "node `demo-control-plane-0`: do that: no space left",
            "after {step}"
        );
        world.assert_nothing_left();
        assert_eq!(world.warnings(), [""; 0], "after {step}");
        // The name and its lock are free again.
        let again = world.create_until_kubeadm_fails(request()).await;
        assert!(matches!(again, CreateError::NodeFailed { .. }), "after {step}: {again}");
    }
}

#[tokio::test]
async fn failed_rollback_does_not_hide_the_cause() {
    let world = World::new();
    world.podman.fail("start_container", refusal);
    // The rollback retries once.
    for _ in 0..2 {
        world.podman.fail("remove_volume", || PodmanError::Operation {
            action: "remove volume".to_owned(),
            message: "it is busy".to_owned(),
        });
    }
    let error = world.create(request()).await.unwrap_err();
    assert!(error_chain(&error).ends_with("no space left"), "{error}");
    assert_eq!(
        world.warnings(),
        [
            "failed to delete cluster `demo` completely:\n  volume `demo-control-plane-0`: remove volume: it is busy"
        ]
    );
    // Everything else is removed, and the record shows that something is left.
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
async fn kubeadm_failure_reports_step_errors_and_log_file() {
    let world = World::new();
    for (units, text) in [
        ("-u kipod-prepare -u kipod-node", "error: cannot do it\n"),
        ("-u kubelet", "kubelet's last words\n"),
        ("-u crio", "crio's last words\n"),
    ] {
        let line = format!("{NODE} journalctl --no-pager --output=cat -n 5000 {units}");
        world.podman.set_exec_output(&line, 0, text);
    }
    let error = world.create_until_kubeadm_fails(request()).await;
    let file = error.log_file().unwrap();
    assert_eq!(
        error.to_string(),
        format!(
            "node `demo-control-plane-0`: kubeadm init failed: error: cannot do it\n  logs: {}",
            file.display()
        )
    );
    assert_eq!(
        std::fs::read_to_string(file).unwrap(),
        "--- kipod-node ---\n\
         error: cannot do it\n\
         --- crio ---\n\
         crio's last words\n\
         --- kubelet ---\n\
         kubelet's last words\n"
    );
    assert!(error.hint().unwrap().contains("--retain"));
    world.assert_nothing_left();
}

/// Reports exits of a component of a node as soon as it is running, with its log.
async fn create_until_exits(world: &World, exits: &str, component: &str, log: &str) -> CreateError {
    let script = crate::actions::node_failure::CONTAINER_LOGS;
    world.podman.set_exec_output(&format!("{NODE} sh -c {script} {component}"), 0, log);
    let report = async {
        world.until("start_container").await;
        std::fs::write(world.status_dir().join("exits"), exits).unwrap();
    };
    tokio::join!(world.create(request()), report).0.unwrap_err()
}

#[tokio::test]
async fn repeated_exits_of_a_static_pod_end_the_creation() {
    let world = World::new();
    let log = |number, line| {
        format!(
            "==> /var/log/pods/kube-system_a_1/kube-apiserver/{number}.log\nT stderr F {line}\n"
        )
    };
    let text = log(0, "Error: unknown flag: --x") + &log(1, "Error: unknown flag: --x");
    let error = create_until_exits(&world, "kube-apiserver 2\n", "kube-apiserver", &text).await;
    assert_eq!(
        error.to_string(),
        format!(
            "node `demo-control-plane-0`: kube-apiserver exited 2 times: Error: unknown flag: --x\n  logs: {}",
            error.log_file().unwrap().display()
        )
    );
    assert!(error.hint().is_some());
    world.assert_nothing_left();
}

#[tokio::test]
async fn exits_for_want_of_another_component_do_not_end_the_creation() {
    let world = World::new();
    let line =
        "E1128 19:10:49.1 1 run.go:72] \"command failed\" err=\"dial tcp: connection refused\"";
    let log =
        format!("==> /var/log/pods/kube-system_a_1/kube-scheduler/1.log\nT stderr F {line}\n");
    let script = crate::actions::node_failure::CONTAINER_LOGS;
    world.podman.set_exec_output(&format!("{NODE} sh -c {script} kube-scheduler"), 0, &log);
    let report = async {
        world.until("start_container").await;
        std::fs::write(world.status_dir().join("exits"), "kube-scheduler 2\n").unwrap();
        world.until("exec").await;
        std::fs::write(world.status_dir().join("failed"), "kubeadm init\n").unwrap();
    };
    let error = tokio::join!(world.create(request()), report).0.unwrap_err();
    assert!(matches!(error, CreateError::NodeFailed { .. }), "{error}");
}

#[tokio::test]
async fn unreadable_journals_do_not_hide_the_failure() {
    let world = World::new();
    world.podman.fail("exec", refusal);
    let error = world.create_until_kubeadm_fails(request()).await.to_string();
    assert!(error.starts_with("node `demo-control-plane-0`: kubeadm init failed:"), "{error}");
    assert!(error.contains("cannot read the journal: do that: no space left"), "{error}");
    world.assert_nothing_left();
}

#[tokio::test]
async fn retain_keeps_a_failed_cluster() {
    let world = World::new();
    let error = world.create_until_kubeadm_fails(retaining()).await;
    assert!(matches!(error, CreateError::NodeFailed { .. }), "{error}");
    assert_eq!(world.count("remove_"), 0);
    assert!(world.record().is_some_and(|record| !record.complete));
}

#[tokio::test]
async fn create_fails_when_a_node_exits() {
    let world = World::new();
    let stop = async {
        world.until("start_container").await;
        world.podman.stop_container(NODE).await.unwrap();
    };
    let (made, ()) = tokio::join!(world.create(request()), stop);
    let error = made.unwrap_err();
    assert_eq!(
        error.to_string(),
        "node `demo-control-plane-0` exited while waiting for the API server"
    );
    world.assert_nothing_left();
}

#[tokio::test]
async fn create_fails_when_a_node_restarted_early() {
    let world = World::new();
    world.podman.restart(NODE);
    let made = world.create(request()).await;
    assert!(matches!(made, Err(CreateError::NodeExited { .. })), "{made:?}");
    world.assert_nothing_left();
}

#[tokio::test]
async fn create_reports_an_unavailable_podman() {
    let world = World::new();
    world.podman.fail("inspect_container", || PodmanError::ServiceUnavailable {
        socket: "/run/podman.sock".to_owned(),
        message: "connection refused".to_owned(),
    });
    let error = world.create(request()).await.unwrap_err();
    assert!(error_chain(&error).contains("does not respond"), "{error}");
    assert!(error.hint().is_some());
    world.assert_nothing_left();
}

#[tokio::test]
async fn cancellation_removes_even_retained_clusters() {
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
async fn early_cancellation_creates_nothing() {
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
async fn create_warns_about_unenforced_limits() {
    let world = World::new();
    let mut request = request();
    request.machine.cgroups = CgroupMode::Unlimited;
    world.create_until_kubeadm_fails(request).await;
    let warnings = world.warnings();
    assert!(warnings[0].contains("resource limits of pods are not enforced"), "{warnings:?}");
}

#[tokio::test]
async fn create_refuses_unavailable_metrics() {
    let world = World::new();
    let mut request = request();
    request.spec.metrics = true;
    let error = world.create(request.clone()).await.unwrap_err();
    assert!(matches!(error, CreateError::NoMetrics { .. }), "{error}");
    request.machine.cgroups = CgroupMode::Unlimited;
    let error = world.create(request).await.unwrap_err();
    assert!(matches!(error, CreateError::MetricsUnavailable), "{error}");
    assert_eq!(world.changes(), [""; 0]);
    world.assert_nothing_left();
}

#[tokio::test]
async fn unusable_kubeconfig_ends_the_creation_first() {
    let world = World::new();
    let directory = tempfile::tempdir().unwrap();
    let kubeconfig = Some(crate::kubeconfig::UserKubeconfig::at(directory.path()));
    let error = world.create(Request { kubeconfig, ..request() }).await.unwrap_err();
    assert_eq!(
        error_chain(&error),
        format!(
            "the cluster cannot be added to your kubeconfig: cannot read kubeconfig `{}`: it is a directory",
            directory.path().display()
        )
    );
    assert!(error.hint().unwrap().contains("--kubeconfig"), "{:?}", error.hint());
    assert_eq!(world.changes(), [""; 0]);
    world.assert_nothing_left();
}

#[tokio::test]
async fn limits_of_nodes_need_delegated_controllers() {
    let world = World::new();
    let mut request = request();
    request.spec.nodes[0].resources.memory = Some(2 << 30);
    request.machine.cgroups = CgroupMode::Unlimited;
    request.machine.limits_remedy = Some("delegate memory to user@1000.service".to_owned());
    let error = world.create(request).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "node `demo-control-plane-0`: `resources` require the cgroup controllers cpu, memory and pids, which are not all delegated to you"
    );
    assert_eq!(error.hint().as_deref(), Some("delegate memory to user@1000.service"));
    world.assert_nothing_left();
}

#[tokio::test]
async fn unusable_devices_are_refused() {
    let world = World::new();
    let mut request = request();
    request.spec.nodes[0].devices = vec!["/dev/null".to_owned(), "/dev/none".to_owned()];
    let error = world.create(request).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "host resources unavailable:\n  node `demo-control-plane-0`: device `/dev/none` cannot be used: this host does not have it"
    );
    world.assert_nothing_left();
}
