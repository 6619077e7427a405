//! Clusters whose pods and Services have IPv6 addresses.

use std::net::{IpAddr, SocketAddr};

use kipod_e2e::{Checks, Inside, TestCluster};

/// The pods that are asked, one on each node.
const PODS: [&str; 2] = ["echo-first", "echo-second"];

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn pods_and_services_have_both_families() {
    of_family("dual", "iptables", |address| {
        [address[0].is_ipv4(), address[1].is_ipv6()] == [true; 2]
    });
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn both_families_pass_through_nftables() {
    of_family("dual", "nftables", |address| {
        [address[0].is_ipv4(), address[1].is_ipv6()] == [true; 2]
    });
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn pods_and_services_have_ipv6_alone() {
    of_family("ipv6", "iptables", |address| address.len() == 1 && address[0].is_ipv6());
}

fn of_family(family: &str, mode: &str, fits: fn(&[IpAddr]) -> bool) {
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
    let inside = cluster.inside();
    let (c, i) = (&cluster, &inside);
    let worker = format!("{}-worker-0", c.name);
    let mut checks = Checks::new();
    checks.check("pods and Services have the addresses of the family", || {
        for (pod, node) in PODS.iter().zip([&c.node(), &worker]) {
            i.echo_any_family_on(pod, node);
        }
        for pod in PODS {
            i.until_ready(pod);
            assert!(fits(&i.addresses(pod)), "{:?}", i.addresses(pod));
        }
        i.serve_any_family("web", "it-is-served");
        assert!(fits(&i.service_addresses("web")), "{:?}", i.service_addresses("web"));
    });
    checks.check("pods reach pods of other nodes, as themselves", || across_nodes(i));
    checks.check("a Service is reached by each of its addresses, and by name", || service(i));
    checks.check("a node that was started again has all of it", || {
        let old = i.container(PODS[1]).unwrap();
        for action in ["stop", "start"] {
            c.kipod(&["node", action, "--name", &c.name, &worker]).run().ok();
        }
        i.until_all_is_well_without(&[old]);
        across_nodes(i);
        service(i);
    });
    checks.check("a node that is added has all of it", || {
        c.kipod(&["node", "add", "--name", &c.name]).run().ok();
        i.delete(PODS[1]);
        i.echo_any_family_on(PODS[1], &format!("{}-worker-1", c.name));
        i.until_ready(PODS[1]);
        across_nodes(i);
        service(i);
    });
    checks.check("the cluster is stopped and started", || {
        let old = PODS.map(|pod| i.container(pod).unwrap());
        c.kipod(&["stop", "cluster", &c.name]).run().ok();
        c.kipod(&["start", "cluster", &c.name]).run().ok();
        i.until_all_is_well_without(&old);
        across_nodes(i);
        service(i);
    });
    checks.finish();
    let traces = cluster.traces();
    cluster.delete().run().ok();
    traces.assert_gone();
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
