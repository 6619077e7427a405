//! Operations on existing clusters and their nodes.

use super::*;
use crate::actions::port_conflicts::port_warnings;
use crate::actions::{
    AddRequest, ChangeError, NodeAction, StartRequest, add_node, node, remove_node, start, stop,
};
use crate::kubernetes::Role;
use crate::plan::{NodeIdentity, label};
use crate::podman::ContainerOptions;
use crate::testing::identity;

pub(super) const WORKER: &str = "demo-worker-0";

impl World {
    /// Creates a complete cluster of one control plane and one worker.
    pub(super) async fn with_cluster() -> Self {
        let world = Self::new();
        let nodes = vec![identity(NODE, Role::ControlPlane, 0), identity(WORKER, Role::Worker, 1)];
        for identity in &nodes {
            world.container(&identity.name, identity.role).await;
        }
        record(nodes, None).write(&world.dirs.state).unwrap();
        crate::cluster::write_private(
            &crate::cluster::kubeconfig_path(&world.dirs.state, &name()),
            b"",
        )
        .unwrap();
        world
    }

    async fn container(&self, name: &str, role: Role) {
        let mut labels = crate::plan::labels(&super::name());
        labels.insert(label::ROLE.to_owned(), role.to_string());
        let options = ContainerOptions::plain(name, labels);
        self.podman.create_container(&options).await.unwrap();
        self.podman.start_container(name).await.unwrap();
    }

    pub(super) fn context<'a>(&'a self, events: &'a dyn crate::Events) -> Context<'a> {
        Context { podman: &self.podman, dirs: &self.dirs, events }
    }

    fn names(&self) -> Vec<String> {
        self.record().unwrap().nodes.into_iter().map(|identity| identity.name).collect()
    }
}

fn record(nodes: Vec<NodeIdentity>, changing: Option<NodeIdentity>) -> Record {
    Record { image: DEFAULT_IMAGE.to_owned(), nodes, changing, ..crate::testing::record("demo") }
}

fn add_request(role: Role) -> AddRequest {
    AddRequest {
        cluster: name(),
        role,
        image: None,
        machine: request().machine,
        wait: std::time::Duration::from_secs(1),
        now: NOW,
        cancel: CancellationToken::new(),
    }
}

fn start_request() -> StartRequest {
    StartRequest {
        name: name(),
        wait: std::time::Duration::ZERO,
        timeouts: Default::default(),
        cancel: CancellationToken::new(),
    }
}

fn quiet(_: Event) {}

#[tokio::test]
async fn stop_and_start_affect_all_nodes() {
    let world = World::with_cluster().await;
    stop(world.context(&quiet), &name()).await.unwrap();
    assert_eq!(world.count("stop_container"), 2);
    start(world.context(&quiet), &start_request()).await.unwrap();
    let states = world.podman.containers("").await.unwrap();
    assert!(states.iter().all(|container| container.state.is_running()));
}

#[tokio::test]
async fn start_fails_when_a_node_restarts_meanwhile() {
    let world = World::with_cluster().await;
    let kubeconfig = crate::cluster::kubeconfig_path(&world.dirs.state, &name());
    // A port without a listener.
    let nowhere = "{ clusters: [{ name: a, cluster: { server: 'https://127.0.0.1:1' } }], users: [{ name: a }],
        contexts: [{ name: a, context: { cluster: a, user: a } }], current-context: a }";
    crate::cluster::write_private(&kubeconfig, nowhere.as_bytes()).unwrap();
    world.podman.restart(NODE);
    let request = StartRequest { wait: std::time::Duration::from_secs(60), ..start_request() };
    let restart = async {
        world.until("inspect_container demo-control-plane-0").await;
        world.podman.restart(NODE);
    };
    let (started, ()) = tokio::join!(start(world.context(&quiet), &request), restart);
    let Err(error) = started else { panic!("there is no API server") };
    assert!(error.to_string().contains("`demo-control-plane-0` exited while"), "{error}");
    let inspections =
        world.podman.calls().iter().filter(|call| call.starts_with("inspect")).count();
    assert!(inspections > 2, "the earlier restart counted: {inspections} inspections of two nodes");
}

#[tokio::test]
async fn stop_continues_after_an_error() {
    let world = World::with_cluster().await;
    world.podman.fail("stop_container demo-control-plane-0", refusal);
    let error = stop(world.context(&quiet), &name()).await.unwrap_err();
    assert_eq!(error_chain(&error), "node `demo-control-plane-0`: do that: no space left");
    assert_eq!(world.count("stop_container demo-worker-0"), 1);
}

#[tokio::test]
async fn stop_and_start_report_missing_containers() {
    let world = World::with_cluster().await;
    world.podman.remove_container(NODE).await.unwrap();
    let error = stop(world.context(&quiet), &name()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "podman has no container `demo-control-plane-0` of cluster `demo`"
    );
    assert!(error.hint().unwrap().contains("kipod delete cluster demo"));
    assert_eq!(world.count("stop_container demo-worker-0"), 1, "the others are stopped");
    let before = world.count("start_container");
    let error = start(world.context(&quiet), &start_request()).await.err().unwrap();
    assert!(matches!(error, ChangeError::MissingContainers { .. }), "{error}");
    assert_eq!(world.count("start_container"), before);
}

#[tokio::test]
async fn unknown_node_is_reported_with_existing_nodes() {
    let world = World::with_cluster().await;
    let error = node(world.context(&quiet), &name(), "nope", NodeAction::Pause).await.unwrap_err();
    let words =
        "node `nope` not found in cluster `demo`, which has demo-control-plane-0, demo-worker-0";
    assert_eq!(error.to_string(), words);
    let error = remove_node(world.context(&quiet), &name(), "nope").await.unwrap_err();
    assert_eq!(error.to_string(), words);
}

#[tokio::test]
async fn remove_node_drains_a_worker_first() {
    let world = World::with_cluster().await;
    remove_node(world.context(&quiet), &name(), WORKER).await.unwrap();
    let kubectl = "exec demo-control-plane-0 kubectl --kubeconfig=/etc/kubernetes/admin.conf \
                   --server=https://127.0.0.1:6443";
    let changes = world.changes();
    let position = |call: &str| {
        let found = changes.iter().position(|line| line.starts_with(call));
        found.unwrap_or_else(|| panic!("{call}: {changes:#?}"))
    };
    let order = [
        position(&format!("{kubectl} drain {WORKER}")),
        position("upload demo-control-plane-0 /var"),
        position("remove_container demo-worker-0"),
        position("remove_volume demo-worker-0"),
        position(&format!("{kubectl} delete node {WORKER}")),
    ];
    assert!(order.is_sorted(), "{changes:#?}");
    assert_eq!(world.names(), [NODE]);
    assert_eq!(world.record().unwrap().changing, None);
}

#[tokio::test]
async fn only_control_plane_cannot_be_removed() {
    let world = World::with_cluster().await;
    let before = world.changes();
    let error = remove_node(world.context(&quiet), &name(), NODE).await.unwrap_err();
    assert!(matches!(error, ChangeError::LastControlPlane { .. }), "{error}");
    let role = Role::ControlPlane;
    let error = add_node(world.context(&quiet), &add_request(role)).await.unwrap_err();
    assert!(matches!(error, ChangeError::OneControlPlane { .. }), "{error}");
    assert_eq!(world.changes(), before, "something was changed");
}

#[tokio::test]
async fn failed_add_node_is_rolled_back() {
    let world = World::with_cluster().await;
    // The scripted node has no certificate authorities.
    let error = add_node(world.context(&quiet), &add_request(Role::Worker)).await.unwrap_err();
    assert!(error.to_string().starts_with("failed to create certificates"), "{error}");
    assert_eq!(world.names(), [NODE, WORKER]);
    assert_eq!(world.record().unwrap().changing, None);
    // Podman does not list a container yet.
    assert_eq!(world.count("remove_container_files demo-worker-1"), 1);
}

#[tokio::test]
async fn remove_finds_containers_podman_does_not_list() {
    let world = World::with_cluster().await;
    let nodes = world.record().unwrap().nodes;
    let changing = Some(identity("demo-worker-1", Role::Worker, 2));
    record(nodes, changing).write(&world.dirs.state).unwrap();
    world.podman.leave_partial("demo-worker-1");
    crate::cluster::remove(&world.podman, &world.dirs, &name()).await.unwrap();
    assert!(world.podman.is_empty(), "{:#?}", world.podman.calls());
}

#[tokio::test]
async fn next_change_removes_an_interrupted_one() {
    let world = World::with_cluster().await;
    world.container("demo-worker-1", Role::Worker).await;
    let nodes = world.record().unwrap().nodes;
    let changing = Some(identity("demo-worker-1", Role::Worker, 2));
    record(nodes, changing).write(&world.dirs.state).unwrap();
    remove_node(world.context(&quiet), &name(), "nope").await.unwrap_err();
    assert_eq!(world.count("remove_container demo-worker-1"), 1);
    assert_eq!(world.record().unwrap().changing, None);
    assert_eq!(world.names(), [NODE, WORKER]);
}

#[tokio::test]
async fn remove_node_keeps_the_quorum_of_etcd() {
    let world = World::with_cluster().await;
    let identities: Vec<_> = (0..3)
        .map(|index| identity(&format!("demo-control-plane-{index}"), Role::ControlPlane, index))
        .collect();
    for identity in &identities[1..] {
        world.container(&identity.name, identity.role).await;
    }
    record(identities, None).write(&world.dirs.state).unwrap();
    world.podman.stop_container("demo-control-plane-2").await.unwrap();
    let error = remove_node(world.context(&quiet), &name(), NODE).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot remove node `demo-control-plane-0`: etcd needs 2 other running control planes, 1 running"
    );
    assert_eq!(world.count("remove_container"), 0);
}

#[tokio::test]
async fn node_changes_need_a_running_control_plane() {
    let world = World::with_cluster().await;
    stop(world.context(&quiet), &name()).await.unwrap();
    for error in [
        remove_node(world.context(&quiet), &name(), WORKER).await.unwrap_err(),
        add_node(world.context(&quiet), &add_request(Role::Worker)).await.unwrap_err(),
    ] {
        assert_eq!(error.to_string(), "no control plane of cluster `demo` is running");
    }
    assert_eq!(world.count("remove_container"), 0);
    assert_eq!(world.record().unwrap().changing, None);
}

#[tokio::test]
async fn create_names_the_cluster_using_a_port() {
    let world = World::with_cluster().await;
    let address = std::net::Ipv4Addr::new(127, 77, 255, 254);
    let mut record = world.record().unwrap();
    record.service_address = Some(address);
    record.write(&world.dirs.state).unwrap();
    let listener =
        (30_900..32_000).find_map(|port| std::net::TcpListener::bind((address, port)).ok());
    let port = listener.as_ref().unwrap().local_addr().unwrap().port();
    let mut request = request();
    request.spec.name = "other".parse().unwrap();
    request.spec.nodes[0].extra_port_mappings =
        vec![crate::spec::ExtraPort { host_port: Some(port), ..crate::spec::ExtraPort::new(80) }];
    let context = world.context(&|_| {});
    let error = crate::actions::create(context, request).await.unwrap_err().to_string();
    assert!(
        error.contains("cannot be published: Services of cluster `demo` use it at `127.77.255.254`: set a `listenAddress` for the mapping"),
        "{error}"
    );
}

#[tokio::test]
async fn port_conflicts_with_stopped_clusters_are_named() {
    let world = World::with_cluster().await;
    let address = std::net::Ipv4Addr::new(127, 77, 255, 253);
    let mut record = world.record().unwrap();
    record.service_address = Some(address);
    record.write(&world.dirs.state).unwrap();
    let mut other = record.clone();
    other.name = "other".parse().unwrap();
    other.service_address = None;
    other.spec.name = other.name.clone();
    other.spec.nodes[0].extra_port_mappings =
        vec![crate::spec::ExtraPort { host_port: Some(30_080), ..crate::spec::ExtraPort::new(80) }];
    let warnings = port_warnings(&other.spec, &world.dirs.state);
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].starts_with("port 30080 (TCP) is published on all addresses"));
    assert!(warnings[0].contains("(`demo`)"), "{warnings:?}");
    assert_eq!(port_warnings(&record.spec, &world.dirs.state), [""; 0], "its own");

    other.write(&world.dirs.state).unwrap();
    stop(world.context(&quiet), &name()).await.unwrap();
    world.podman.fail("start_container", move || PodmanError::PortInUse {
        container: NODE.to_owned(),
        message: format!("listen on {address} port 30080: Address already in use"),
    });
    let error = start(world.context(&quiet), &start_request()).await.unwrap_err();
    let error = error_chain(&error);
    assert!(error.contains("; cluster `other` publishes the port on all addresses"), "{error}");
}

#[tokio::test]
async fn removing_the_first_control_plane_drops_the_service_address() {
    let nodes: Vec<_> = (0..3)
        .map(|number| identity(&format!("demo-control-plane-{number}"), Role::ControlPlane, number))
        .collect();
    for (gone, is_left) in [("demo-control-plane-1", true), (NODE, false)] {
        let world = World::with_cluster().await;
        for identity in &nodes[1..] {
            world.container(&identity.name, Role::ControlPlane).await;
        }
        let mut record = record(nodes.clone(), None);
        record.service_address = Some([127, 77, 0, 1].into());
        record.write(&world.dirs.state).unwrap();
        let warnings = std::sync::Mutex::new(Vec::new());
        let events = |event: Event| {
            if let Event::Warning(line) = event {
                warnings.lock().unwrap().push(line);
            }
        };
        // Fails later, without an API server; the record is written before.
        let _ = remove_node(world.context(&events), &name(), gone).await;
        let record = world.record().unwrap();
        assert!(record.nodes.iter().all(|identity| identity.name != gone), "{record:?}");
        assert_eq!(record.service_address.is_some(), is_left, "{gone}");
        let warnings = warnings.into_inner().unwrap();
        assert_eq!(
            warnings.iter().any(|line| line.contains("has no address for Services")),
            !is_left
        );
    }
}
