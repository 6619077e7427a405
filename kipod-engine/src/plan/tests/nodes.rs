//! Tests of containers and published ports.

use super::*;

#[test]
fn one_container_publishes_the_api_server() {
    let summary = |plan: &Plan| {
        let line = |node: &NodePlan| {
            let container = &node.container;
            format!(
                "{} {} {} pods {} ports {}\n",
                node.name,
                container.labels[label::ROLE],
                container.network.address,
                match node.pod_subnets.as_slice() {
                    [] => "none".to_owned(),
                    subnets => crate::spec::comma_separated(subnets),
                },
                container.ports.len(),
            )
        };
        plan.containers().map(line).collect::<String>()
    };
    insta::assert_snapshot!(summary(&planned(1, 0)), @r"demo-control-plane-0 control-plane 10.89.7.2 pods 10.244.0.0/24 ports 1");
    insta::assert_snapshot!(summary(&planned(1, 2)), @r"
    demo-control-plane-0 control-plane 10.89.7.2 pods 10.244.0.0/24 ports 1
    demo-worker-0 worker 10.89.7.3 pods 10.244.1.0/24 ports 0
    demo-worker-1 worker 10.89.7.4 pods 10.244.2.0/24 ports 0
    ");
    insta::assert_snapshot!(summary(&planned(3, 1)), @r"
    demo-load-balancer load-balancer 10.89.7.254 pods none ports 1
    demo-control-plane-0 control-plane 10.89.7.2 pods 10.244.0.0/24 ports 0
    demo-control-plane-1 control-plane 10.89.7.3 pods 10.244.1.0/24 ports 0
    demo-control-plane-2 control-plane 10.89.7.4 pods 10.244.2.0/24 ports 0
    demo-worker-0 worker 10.89.7.5 pods 10.244.3.0/24 ports 0
    ");
}

#[test]
fn first_control_plane_publishes_node_ports() {
    let mut spec = ClusterSpec { name: "demo".parse().unwrap(), ..ClusterSpec::default() };
    spec.nodes = vec![NodeSpec::new(Role::ControlPlane); 3];
    let address = ServiceAddress {
        address: [127, 77, 0, 1].into(),
        tcp_taken: [30_080].into_iter().collect(),
        udp_taken: [30_000, 30_053].into_iter().collect(),
    };
    let registries = FoundRegistries::default();
    let plan = planned_with(machine(), &spec, "v1.36.2", &registries, Some(address)).unwrap();
    let ports: Vec<_> = plan.nodes.iter().map(|node| node.container.ports.len()).collect();
    assert_eq!(ports, [4, 0, 0], "TCP and UDP, below and above a used port");
    assert!(!has(&plan.nodes[1], "services.env"));
    insta::assert_snapshot!(text(&plan.nodes[0], "services.env"), @r#"
    KIPOD_NODE_NAME=demo-control-plane-0
    KIPOD_SERVICE_ADDRESS=127.77.0.1
    KIPOD_TCP_FIRST=30000
    KIPOD_TCP_LAST=32767
    KIPOD_TCP_UNREACHABLE="30080"
    KIPOD_UDP_FIRST=30000
    KIPOD_UDP_LAST=30085
    KIPOD_UDP_UNREACHABLE="30000 30053"
    "#);
    assert!(!has(&planned(1, 0).nodes[0], "services.env"));
}

#[test]
fn nftables_accepts_node_ports_on_all_addresses() {
    let addresses = |family, kube_proxy_mode| {
        let networking = Networking { kube_proxy_mode, ..Networking::of(family) };
        let plan = planned_as(&ClusterSpec { networking, ..ClusterSpec::default() }).unwrap();
        let init = documents(text(&plan.nodes[0], "kubeadm/init.yaml"));
        init["KubeProxyConfiguration"].get("nodePortAddresses").cloned()
    };
    let both = serde_json::json!(["0.0.0.0/0", "::/0"]);
    assert_eq!(addresses(IpFamily::Dual, KubeProxyMode::Nftables), Some(both));
    let six = serde_json::json!(["::/0"]);
    assert_eq!(addresses(IpFamily::Ipv6, KubeProxyMode::Nftables), Some(six));
    assert_eq!(
        addresses(IpFamily::Ipv4, KubeProxyMode::Iptables),
        None,
        "iptables does so by default"
    );
}
