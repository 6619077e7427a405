//! Clusters with IPv6: dual-stack and IPv6 only.

use std::net::{IpAddr, SocketAddr};

use kipod_e2e::{Checks, ClusterClient, TestCluster};

/// The echo pods, one on each node.
const PODS: [&str; 2] = ["echo-first", "echo-second"];

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn dual_stack_cluster_connects_both_families() {
    let cluster = create_cluster("dual", "iptables");
    let mut checks = Checks::new();
    check_connections(&mut checks, &cluster, &[false, true]);
    check_node_changes(&mut checks, &cluster);
    finish(checks, &cluster);
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn nftables_mode_connects_both_families() {
    // IPv6 first, as the order of the subnets says.
    let subnets = "podSubnet: 'fd00:10:244::/56,10.244.0.0/16'";
    let cluster = create_cluster_with("dual", &format!("kubeProxyMode: nftables, {subnets}"));
    let mut checks = Checks::new();
    check_connections(&mut checks, &cluster, &[true, false]);
    finish(checks, &cluster);
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn ipv6_cluster_connects_pods_and_services() {
    let cluster = create_cluster("ipv6", "iptables");
    let mut checks = Checks::new();
    check_connections(&mut checks, &cluster, &[true]);
    check_node_changes(&mut checks, &cluster);
    finish(checks, &cluster);
}

/// Creates a cluster with a control plane and a worker.
fn create_cluster(family: &str, mode: &str) -> TestCluster {
    create_cluster_with(family, &format!("kubeProxyMode: {mode}"))
}

/// Creates such a cluster with more networking settings.
fn create_cluster_with(family: &str, networking: &str) -> TestCluster {
    kipod_e2e::ensure_node_image();
    let cluster = TestCluster::new(family);
    let config = format!(
        "kind: Cluster
apiVersion: kipod.io/v1alpha1
nodes: [{{role: control-plane}}, {{role: worker}}]
networking: {{ipFamily: {family}, {networking}}}
"
    );
    cluster.creation_from(&config).run().success();
    cluster
}

fn finish(checks: Checks, cluster: &TestCluster) {
    checks.finish();
    cluster.delete_completely();
}

/// `are_ipv6` are the expected families of the addresses of a pod or Service: `true` for IPv6.
fn check_connections(checks: &mut Checks, cluster: &TestCluster, are_ipv6: &[bool]) {
    let client = &cluster.client();
    let assert_families = |addresses: Vec<IpAddr>| {
        let found: Vec<bool> = addresses.iter().map(IpAddr::is_ipv6).collect();
        assert_eq!(found, are_ipv6, "{addresses:?}");
    };
    checks.check("pods and Services have addresses of each family", || {
        for (pod, node) in PODS.iter().zip([cluster.control_plane(), cluster.worker(0)]) {
            client.run_any_family_echo_pod(pod, &node);
        }
        for pod in PODS {
            client.wait_pod_ready(pod);
            assert_families(client.pod_ips(pod));
        }
        client.create_any_family_server("web", "it-is-served");
        assert_families(client.cluster_ips("web"));
    });
    checks.check("pods reach pods on other nodes", || assert_pods_connected(client));
    checks.check("pods reach each address of a Service", || assert_service_reachable(client));
    checks.check("pods reach a node port at each address of each node", || {
        let args = ["get", "nodes", &cluster.name, "-o", "json"];
        let nodes = cluster.kipod(&args).run().success().json();
        let port = client.node_port("web");
        for node in nodes.as_array().unwrap() {
            let addresses = node["addresses"].as_array().unwrap().iter();
            let addresses: Vec<IpAddr> =
                addresses.map(|one| one.as_str().unwrap().parse().unwrap()).collect();
            assert_families(addresses.clone());
            for address in addresses {
                let target = SocketAddr::new(address, port).to_string();
                let reply = client.connect_from(PODS[0], &target);
                assert_eq!(reply, "it-is-served\n", "{target}");
            }
        }
    });
}

/// Checks the connections after nodes have been restarted and added.
fn check_node_changes(checks: &mut Checks, cluster: &TestCluster) {
    let client = &cluster.client();
    let name = cluster.name.as_str();
    checks.check("a restarted node is connected", || {
        let old = client.container_id(PODS[1]).unwrap();
        for action in ["stop", "start"] {
            cluster.kipod(&["node", action, "--name", name, &cluster.worker(0)]).run().success();
        }
        client.wait_ready_without(&[old]);
        assert_pods_connected(client);
        assert_service_reachable(client);
    });
    checks.check("an added node is connected", || {
        cluster.kipod(&["node", "add", "--name", name]).run().success();
        client.delete_pod(PODS[1]);
        client.run_any_family_echo_pod(PODS[1], &cluster.worker(1));
        client.wait_pod_ready(PODS[1]);
        assert_pods_connected(client);
        assert_service_reachable(client);
    });
    checks.check("a restarted cluster is connected", || {
        let old = PODS.map(|pod| client.container_id(pod).unwrap());
        cluster.kipod(&["stop", "cluster", name]).run().success();
        cluster.kipod(&["start", "cluster", name]).run().success();
        client.wait_ready_without(&old);
        assert_pods_connected(client);
        assert_service_reachable(client);
    });
}

/// Fails the test unless the echo pods reach each other at each address, without address translation.
fn assert_pods_connected(client: &ClusterClient) {
    for (from, to) in [(PODS[0], PODS[1]), (PODS[1], PODS[0])] {
        for (own, other) in client.pod_ips(from).into_iter().zip(client.pod_ips(to)) {
            let peer = client.connect_from(from, &SocketAddr::new(other, 8080).to_string());
            // A dual-stack socket reports IPv4 peers as IPv4-mapped IPv6 addresses.
            let peer = peer.trim().trim_matches(['[', ']']).parse::<IpAddr>();
            let peer = peer.map(|address| address.to_canonical());
            assert_eq!(peer, Ok(own), "{from} to {to} at {other}");
        }
    }
}

/// Fails the test unless both pods reach the Service at each address and resolve its name to it.
fn assert_service_reachable(client: &ClusterClient) {
    for address in client.cluster_ips("web") {
        let database = if address.is_ipv6() { "ahostsv6" } else { "ahostsv4" };
        let socket = SocketAddr::new(address, 80);
        let script = format!(
            "until [ \"$(timeout 5 socat -T5 - TCP:{socket} </dev/null)\" = it-is-served ]
            do sleep 0.2; done; getent {database} web | cut -d' ' -f1 | sort -u"
        );
        for from in PODS {
            let found = client.exec(from, &["sh", "-c", &script]);
            assert_eq!(found.trim().parse(), Ok(address), "from {from}");
        }
    }
}
