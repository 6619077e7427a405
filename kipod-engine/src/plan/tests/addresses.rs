//! Tests of addresses and pod CIDRs.

use super::*;

#[test]
fn dual_stack_keeps_the_order_of_the_families() {
    let plan = of_family(IpFamily::DualIpv6First, 1, 1);
    let [control_plane, worker] = plan.nodes.as_slice() else { panic!("two nodes") };
    let init = &documents(text(control_plane, "kubeadm/init.yaml"));
    let networking = &init["ClusterConfiguration"]["networking"];
    assert_eq!(networking["podSubnet"], "fd00:10:244::/56,10.244.0.0/16");
    assert_eq!(networking["serviceSubnet"], "fd00:10:96::/112,10.96.0.0/16");
    // kube-apiserver advertises an address of the family of the first Service subnet.
    let first = &init["InitConfiguration"];
    assert_eq!(first["localAPIEndpoint"]["advertiseAddress"], "fd00:172:31:255::1");
    let arguments = &first["nodeRegistration"]["kubeletExtraArgs"];
    assert_eq!(arguments[0]["value"], "fd00:172:31:255::1,172.31.255.1");
    let subnets: Vec<_> = worker.pod_subnets.iter().map(ToString::to_string).collect();
    assert_eq!(subnets, ["fd00:10:244:1::/64", "10.244.1.0/24"]);
}

#[test]
fn dual_stack_cluster_has_both_families() {
    let plan = of_family(IpFamily::Dual, 1, 1);
    let ipv6 = plan.network.ipv6.as_ref().unwrap();
    assert_eq!(
        (ipv6.0.as_str(), ipv6.1.to_string().as_str()),
        ("fd00:10:89:7::/64", "fd00:10:89:7::1")
    );
    let [control_plane, worker] = plan.nodes.as_slice() else { panic!("two nodes") };
    assert_eq!(worker.container.network.address6, Some("fd00:10:89:7::3".parse().unwrap()));
    let init = &documents(text(control_plane, "kubeadm/init.yaml"));
    let cluster = &init["ClusterConfiguration"];
    assert_eq!(cluster["networking"]["podSubnet"], "10.244.0.0/16,fd00:10:244::/56");
    assert_eq!(cluster["networking"]["serviceSubnet"], "10.96.0.0/16,fd00:10:96::/112");
    let names = serde_json::json!(["localhost", "127.0.0.1", "::1"]);
    assert_eq!(cluster["apiServer"]["certSANs"], names);
    let proxy = &init["KubeProxyConfiguration"];
    assert_eq!(proxy["clusterCIDR"], "10.244.0.0/16,fd00:10:244::/56");
    let first = &init["InitConfiguration"];
    assert_eq!(first["localAPIEndpoint"]["advertiseAddress"], "172.31.255.1");
    let node_ip = |document: &serde_json::Value| {
        document["nodeRegistration"]["kubeletExtraArgs"][0]["value"].as_str().unwrap().to_owned()
    };
    assert_eq!(node_ip(first), "172.31.255.1,fd00:172:31:255::1");
    let join = &documents(text(worker, "kubeadm/join.yaml"))["JoinConfiguration"];
    assert_eq!(node_ip(join), "10.89.7.3,fd00:10:89:7::3");
    insta::assert_snapshot!(text(control_plane, "node.env"), @r"
    KIPOD_NODE_ROLE=control-plane
    KIPOD_KUBEADM=init
    KIPOD_FIRST=1
    KIPOD_INTERNAL_ADDRESS=172.31.255.1
    KIPOD_INTERNAL_ADDRESS6=fd00:172:31:255::1
    KIPOD_IPV6=1
    KIPOD_HOST_ADDRESS=172.31.255.2
    ");
    insta::assert_snapshot!(text(worker, "network/routes"), @r"
    10.244.0.0/24 10.89.7.2
    fd00:10:244::/64 fd00:10:89:7::2
    172.31.255.1/32 10.89.7.2
    fd00:172:31:255::1/128 fd00:10:89:7::2
    ");
    insta::assert_snapshot!(text(worker, "network/rules.nft"), @r#"
    # Written by kipod. Each table is deleted and created again, so that reloading this file is idempotent.
    table ip kipod {}
    delete table ip kipod
    table ip kipod {
        chain loopback {
            type filter hook prerouting priority raw
            iifname != "lo" ip daddr 127.0.0.0/8 drop
        }
        set pods-to-themselves {
            type ipv4_addr . ipv4_addr
            flags dynamic, timeout
            timeout 1m
            size 65536
        }
        chain host-ports {
            type nat hook postrouting priority srcnat
            ip saddr 10.244.0.0/16 ct status dnat update @pods-to-themselves { ip saddr . ip saddr }
            ip saddr . ip daddr @pods-to-themselves masquerade
            ip saddr 127.0.0.0/8 ip daddr 10.244.0.0/16 masquerade
        }
        chain postrouting {
            type nat hook postrouting priority srcnat
            ip saddr 10.244.0.0/16 ip daddr != 10.244.0.0/16 masquerade
        }
        chain unused-services {
            type filter hook postrouting priority filter
            oifname "eth0" ip daddr 10.96.0.0/16 drop
        }
    }
    table ip6 kipod {}
    delete table ip6 kipod
    table ip6 kipod {
        set pods-to-themselves {
            type ipv6_addr . ipv6_addr
            flags dynamic, timeout
            timeout 1m
            size 65536
        }
        chain host-ports {
            type nat hook postrouting priority srcnat
            ip6 saddr fd00:10:244::/56 ct status dnat update @pods-to-themselves { ip6 saddr . ip6 saddr }
            ip6 saddr . ip6 daddr @pods-to-themselves masquerade
        }
        chain postrouting {
            type nat hook postrouting priority srcnat
            ip6 saddr fd00:10:244::/56 ip6 daddr != fd00:10:244::/56 masquerade
        }
        chain unused-services {
            type filter hook postrouting priority filter
            oifname "eth0" ip6 daddr fd00:10:96::/112 drop
        }
    }
    table ip kipod {
        chain api-service {
            type nat hook prerouting priority -90
            ip daddr 10.96.0.1 tcp dport 443 dnat to 172.31.255.1:6443
        }
    }
    "#);
    let network: serde_json::Value =
        serde_json::from_str(text(worker, "cni/net.d/10-kipod.conflist")).unwrap();
    insta::assert_snapshot!(
        network["plugins"][0]["ipam"],
        @r#"{"dataDir":"/run/cni-ipam-state","ranges":[[{"subnet":"10.244.1.0/24"}],[{"subnet":"fd00:10:244:1::/64"}]],"routes":[{"dst":"0.0.0.0/0"},{"dst":"::/0"}],"type":"host-local"}"#
    );
}

#[test]
fn ipv6_cluster_uses_ipv6_only() {
    let plan = of_family(IpFamily::Ipv6, 1, 1);
    let [control_plane, worker] = plan.nodes.as_slice() else { panic!("two nodes") };
    let init = &documents(text(control_plane, "kubeadm/init.yaml"));
    let cluster = &init["ClusterConfiguration"];
    assert_eq!(cluster["networking"]["podSubnet"], "fd00:10:244::/56");
    let endpoint = &init["InitConfiguration"]["localAPIEndpoint"];
    assert_eq!(endpoint["advertiseAddress"], "fd00:172:31:255::1");
    assert!(text(worker, "kubernetes/kubelet.conf").contains("https://[fd00:172:31:255::1]:6443"));
    assert_eq!(plan.access.server, "https://[::1]:40000");
    insta::assert_snapshot!(text(control_plane, "node.env"), @r"
    KIPOD_NODE_ROLE=control-plane
    KIPOD_KUBEADM=init
    KIPOD_FIRST=1
    KIPOD_INTERNAL_ADDRESS6=fd00:172:31:255::1
    KIPOD_IPV6=1
    ");
    insta::assert_snapshot!(text(worker, "network/routes"), @r"
    fd00:10:244::/64 fd00:10:89:7::2
    fd00:172:31:255::1/128 fd00:10:89:7::2
    ");
    let rules = text(worker, "network/rules.nft");
    assert!(!rules.contains("table ip kipod"), "{rules}");
    let api_service = "ip6 daddr fd00:10:96::1 tcp dport 443 dnat to [fd00:172:31:255::1]:6443\n";
    assert!(rules.contains(api_service), "{rules}");

    let plan = of_family(IpFamily::Ipv6, 3, 0);
    let balancer = plan.balancer.as_ref().unwrap();
    assert_eq!(balancer.container.network.address6, Some("fd00:10:89:7::254".parse().unwrap()));
    let haproxy = text(balancer, "haproxy/haproxy.cfg");
    assert!(haproxy.contains("bind [::]:6443 v4v6\n"), "{haproxy}");
    assert!(haproxy.contains("server demo-control-plane-1 [fd00:10:89:7::3]:6443\n"), "{haproxy}");
    let init = &documents(text(&plan.nodes[1], "kubeadm/init.yaml"));
    let cluster = &init["ClusterConfiguration"];
    assert_eq!(cluster["controlPlaneEndpoint"], "[fd00:10:89:7::254]:6443");
    let init = text(&plan.nodes[1], "kubeadm/init.yaml");
    assert!(init.contains("demo-control-plane-2=https://[fd00:10:89:7::4]:2380"), "{init}");
}

#[test]
fn ipv6_address_has_the_digits_of_ipv4() {
    for (v4, v6) in [
        ("10.89.7.254", "fd00:10:89:7::254"),
        ("10.89.0.2", "fd00:10:89::2"),
        ("10.89.255.109", "fd00:10:89:255::109"),
    ] {
        assert_eq!(crate::plan::addresses::address6(v4.parse().unwrap()).to_string(), v6);
    }
}

#[test]
fn node_subnet_is_free_in_both_families() {
    let used = ["10.89.0.0/24".parse().unwrap()];
    let used6 = ["fd00:10:89:1::/64".parse().unwrap()];
    let chosen = |used6| choose_node_subnet(&used, used6, &[]).unwrap().to_string();
    assert_eq!(chosen(&[]), "10.89.1.0/24");
    assert_eq!(chosen(&used6), "10.89.2.0/24");
    let host_network =
        |text: &str| choose_node_subnet(&used, &[], &[text.parse().unwrap()]).unwrap();
    assert_eq!(host_network("10.89.0.0/22").to_string(), "10.89.4.0/24");
    assert_eq!(
        host_network("10.0.0.0/8").to_string(),
        "10.89.1.0/24",
        "overlaps the host network, like all others"
    );
}

#[test]
fn added_node_gets_pod_cidrs_of_both_families() {
    let nodes = vec![NodeSpec::new(Role::ControlPlane), NodeSpec::new(Role::Worker)];
    let networking = Networking::of(IpFamily::Dual);
    let spec = ClusterSpec { nodes, networking, ..ClusterSpec::default() };
    let mut taken = identities(&spec, &"10.89.7.0/24".parse().unwrap());
    taken.remove(0);
    let identity = next_identity(&spec, &taken, Role::Worker).unwrap();
    let subnets = crate::spec::comma_separated(&identity.pod_subnets(IpFamily::Dual));
    assert_eq!(subnets, "10.244.0.0/24,fd00:10:244::/64");
    // Earlier releases did not write the IPv6 pod CIDR.
    let text = r#"{"name":"n","role":"worker","address":"10.89.0.3","pod_subnet":"10.244.1.0/24"}"#;
    let identity: NodeIdentity = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_string(&identity).unwrap(), text);
}

#[test]
fn user_cni_sees_reachable_node_ips() {
    let node_ip = |disable_default_cni| {
        let nodes = vec![NodeSpec::new(Role::ControlPlane), NodeSpec::new(Role::Worker)];
        let mut spec = ClusterSpec { name: "demo".parse().unwrap(), nodes, ..Default::default() };
        spec.networking.disable_default_cni = disable_default_cni;
        let plan = planned_as(&spec).unwrap();
        let init = documents(text(&plan.nodes[0], "kubeadm/init.yaml"));
        let own = &init["InitConfiguration"];
        // The API server keeps its internal address.
        assert_eq!(own["localAPIEndpoint"]["advertiseAddress"], "172.31.255.1");
        own["nodeRegistration"]["kubeletExtraArgs"][0]["value"].as_str().unwrap().to_owned()
    };
    assert_eq!((node_ip(false), node_ip(true)), ("172.31.255.1".into(), "10.89.7.2".into()));
}
