//! Clusters whose pods and Services have IPv6 addresses.

use std::net::{IpAddr, SocketAddr};

use kipod_e2e::{Checks, Inside, TestCluster};

/// The pods that are asked, one on each node.
const PODS: [&str; 2] = ["echo-first", "echo-second"];

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn pods_and_services_have_both_families() {
    let cluster = created("dual", "iptables");
    let mut checks = Checks::new();
    answers(&mut checks, &cluster, &[false, true]);
    changes(&mut checks, &cluster);
    end(checks, &cluster);
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn both_families_pass_through_nftables() {
    let cluster = created("dual", "nftables");
    let mut checks = Checks::new();
    answers(&mut checks, &cluster, &[false, true]);
    end(checks, &cluster);
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn pods_and_services_have_ipv6_alone() {
    let cluster = created("ipv6", "iptables");
    let mut checks = Checks::new();
    answers(&mut checks, &cluster, &[true]);
    changes(&mut checks, &cluster);
    end(checks, &cluster);
}

/// A cluster of one control plane and one worker.
fn created(family: &str, mode: &str) -> TestCluster {
    kipod_e2e::ensure_node_image();
    let cluster = TestCluster::named(family);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kipod.yaml");
    let text = format!(
        "kind: Cluster
apiVersion: kipod.io/v1alpha1
nodes: [{{role: control-plane}}, {{role: worker}}]
networking: {{ipFamily: {family}, kubeProxyMode: {mode}}}
"
    );
    std::fs::write(&file, text).unwrap();
    cluster.create_with(&["--config", file.to_str().unwrap()]).run().ok();
    cluster
}

fn end(checks: Checks, cluster: &TestCluster) {
    checks.finish();
    let traces = cluster.traces();
    cluster.delete().run().ok();
    traces.assert_gone();
}

fn worker(cluster: &TestCluster, number: usize) -> String {
    format!("{}-worker-{number}", cluster.name)
}

/// `are_ipv6` says of each address of a pod or a Service whether it is one of IPv6.
fn answers(checks: &mut Checks, cluster: &TestCluster, are_ipv6: &[bool]) {
    let inside = &cluster.inside();
    let fit = |addresses: Vec<IpAddr>| {
        let found: Vec<bool> = addresses.iter().map(IpAddr::is_ipv6).collect();
        assert_eq!(found, are_ipv6, "{addresses:?}");
    };
    checks.check("pods and Services have the addresses of the family", || {
        for (pod, node) in PODS.iter().zip([cluster.node(), worker(cluster, 0)]) {
            inside.echo_any_family_on(pod, &node);
        }
        for pod in PODS {
            inside.until_ready(pod);
            fit(inside.addresses(pod));
        }
        inside.serve_any_family("web", "it-is-served");
        fit(inside.service_addresses("web"));
    });
    checks.check("pods reach pods of other nodes, as themselves", || across_nodes(inside));
    checks.check("a Service is reached by each of its addresses, and by name", || service(inside));
    checks.check("a port of a Service is reached at each address of each node", || {
        let words = ["get", "nodes", &cluster.name, "-o", "json"];
        let nodes = cluster.kipod(&words).run().ok().json();
        let port = inside.node_port("web");
        for node in nodes.as_array().unwrap() {
            let addresses = node["addresses"].as_array().unwrap().iter();
            let addresses: Vec<IpAddr> =
                addresses.map(|one| one.as_str().unwrap().parse().unwrap()).collect();
            fit(addresses.clone());
            for address in addresses {
                let target = format!("TCP:{},connect-timeout=5", SocketAddr::new(address, port));
                let answer = inside.exec(PODS[0], &["socat", "-T5", "-,ignoreeof", &target]);
                assert_eq!(answer, "it-is-served\n", "{target}");
            }
        }
    });
}

/// What comes and goes keeps its addresses, and its ways to the others.
fn changes(checks: &mut Checks, cluster: &TestCluster) {
    let inside = &cluster.inside();
    let name = cluster.name.as_str();
    checks.check("a node that was started again has all of it", || {
        let old = inside.container(PODS[1]).unwrap();
        for action in ["stop", "start"] {
            cluster.kipod(&["node", action, "--name", name, &worker(cluster, 0)]).run().ok();
        }
        inside.until_all_is_well_without(&[old]);
        across_nodes(inside);
        service(inside);
    });
    checks.check("a node that is added has all of it", || {
        cluster.kipod(&["node", "add", "--name", name]).run().ok();
        inside.delete(PODS[1]);
        inside.echo_any_family_on(PODS[1], &worker(cluster, 1));
        inside.until_ready(PODS[1]);
        across_nodes(inside);
        service(inside);
    });
    checks.check("the cluster is stopped and started", || {
        let old = PODS.map(|pod| inside.container(pod).unwrap());
        cluster.kipod(&["stop", "cluster", name]).run().ok();
        cluster.kipod(&["start", "cluster", name]).run().ok();
        inside.until_all_is_well_without(&old);
        across_nodes(inside);
        service(inside);
    });
}

/// Each pod asks the other one, by each of its addresses, where the question came from.
fn across_nodes(inside: &Inside) {
    for (from, to) in [(PODS[0], PODS[1]), (PODS[1], PODS[0])] {
        for (own, other) in inside.addresses(from).into_iter().zip(inside.addresses(to)) {
            let target = format!("TCP:{},connect-timeout=5", SocketAddr::new(other, 8080));
            let seen = inside.exec(from, &["socat", "-T5", "-,ignoreeof", &target]);
            // A socket for both families has IPv4 addresses in the notation of IPv6.
            let seen = seen.trim().trim_matches(['[', ']']).parse::<IpAddr>();
            let seen = seen.map(|address| address.to_canonical());
            assert_eq!(seen, Ok(own), "{from} to {to} at {other}");
        }
    }
}

fn service(inside: &Inside) {
    for address in inside.service_addresses("web") {
        let database = if address.is_ipv6() { "ahostsv6" } else { "ahostsv4" };
        let socket = SocketAddr::new(address, 80);
        let script = format!(
            "until [ \"$(timeout 5 socat -T5 - TCP:{socket} </dev/null)\" = it-is-served ]
            do sleep 0.2; done; getent {database} web | cut -d' ' -f1 | sort -u"
        );
        for from in PODS {
            let found = inside.exec(from, &["sh", "-c", &script]);
            assert_eq!(found.trim().parse(), Ok(address), "from {from}");
        }
    }
}
