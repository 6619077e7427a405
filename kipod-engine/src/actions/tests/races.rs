//! Conflicts with other processes.

use super::*;

fn subnet_in_use() -> PodmanError {
    PodmanError::SubnetInUse { subnet: "10.89.0.0/24".to_owned() }
}

#[tokio::test]
async fn create_excludes_a_refused_subnet() {
    let world = World::new();
    world.podman.fail("create_network", subnet_in_use);
    let error = world.create_until_kubeadm_fails(request()).await;
    assert!(matches!(error, CreateError::NodeFailed { .. }), "{error}");
    // Podman's list does not contain the host's own networks.
    let networks: Vec<String> =
        world.changes().into_iter().filter(|line| line.starts_with("create_network")).collect();
    assert_eq!(
        networks,
        ["create_network kipod-demo 10.89.0.0/24", "create_network kipod-demo 10.89.1.0/24"]
    );
    world.assert_nothing_left();
}

#[tokio::test]
async fn create_fails_without_free_subnets() {
    let world = World::new();
    for _ in 0..256 {
        world.podman.fail("create_network", subnet_in_use);
    }
    let error = world.create(request()).await.unwrap_err();
    assert!(matches!(error, CreateError::NoSubnet), "{error}");
    world.assert_nothing_left();
}

#[tokio::test]
async fn create_avoids_subnets_of_podmans_networks() {
    let world = World::new();
    let network = crate::podman::NetworkOptions {
        name: "other".to_owned(),
        subnet: "10.88.0.0/15".to_owned(),
        gateway: [10, 88, 0, 1].into(),
        ipv6: None,
        labels: Default::default(),
    };
    world.podman.create_network(&network).await.unwrap();
    let error = world.create(request()).await.unwrap_err();
    assert!(matches!(error, CreateError::NoSubnet), "{error}");
    assert_eq!(world.count("create_network kipod"), 0);
}

#[tokio::test]
async fn create_retries_with_another_port() {
    for step in ["upload", "start_container"] {
        let world = World::new();
        world.podman.fail(step, port_in_use);
        let error = world.create_until_kubeadm_fails(request()).await;
        assert!(matches!(error, CreateError::NodeFailed { .. }), "{step}: {error}");
        assert_eq!(world.count("create_container"), 2, "{step}");
        assert_eq!(world.count("remove_container"), 2, "{step}");
        world.assert_nothing_left();
    }
}

#[tokio::test]
async fn create_continues_without_a_service_address() {
    let world = World::new();
    for _ in 0..5 {
        let state = world.dirs.state.clone();
        world.podman.fail("start_container", move || {
            let record = Record::read(&state, &name()).unwrap().unwrap();
            let address = record.service_address.unwrap();
            let message = format!("listen tcp4 {address}:30000: bind: address already in use");
            PodmanError::PortInUse { container: NODE.to_owned(), message }
        });
    }
    let mut request = request();
    request.spec.load_balancer = true;
    // A free port.
    request.spec.networking.api_server_port =
        Some(std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port());
    let error = world.create_until_kubeadm_fails(request).await;
    assert!(matches!(error, CreateError::NodeFailed { .. }), "{error}");
    assert_eq!(world.count("start_container"), 6);
    let warnings = world.warnings();
    let [warning] = warnings.as_slice() else { panic!("{warnings:?}") };
    assert!(warning.starts_with("Services of type `LoadBalancer` get no address: listen tcp4"));
    world.assert_nothing_left();
}

#[tokio::test]
async fn create_keeps_a_requested_port() {
    let world = World::new();
    world.podman.fail("start_container", port_in_use);
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let mut request = request();
    request.spec.networking.api_server_port = Some(free);
    let error = world.create(request).await.unwrap_err();
    assert!(error_chain(&error).contains("a port that container"), "{error}");
    assert_eq!(world.count("create_container"), 1);
    world.assert_nothing_left();
}

#[tokio::test]
async fn create_refuses_a_used_port() {
    let world = World::new();
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut request = request();
    request.spec.networking.api_server_port = Some(port);
    let error = world.create(request).await.unwrap_err();
    assert!(
        error.to_string().starts_with(&format!("the API server cannot listen on 127.0.0.1:{port}")),
        "{error}"
    );
    assert_eq!(world.changes(), [""; 0]);
    world.assert_nothing_left();
}

#[tokio::test]
async fn create_fails_after_five_port_conflicts() {
    let world = World::new();
    for _ in 0..5 {
        world.podman.fail("upload", port_in_use);
    }
    let error = world.create(request()).await.unwrap_err();
    assert!(error_chain(&error).contains("a port that container"), "{error}");
    assert_eq!(world.count("create_container"), 5);
    world.assert_nothing_left();
}
