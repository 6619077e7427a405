//! Tests of control planes, their etcd and their load balancer.

use super::*;

#[test]
fn single_control_plane_uses_internal_address() {
    let plan = planned(1, 2);
    let [control_plane, worker, _] = plan.nodes.as_slice() else { panic!("three nodes") };
    let init = &documents(text(control_plane, "kubeadm/init.yaml"));
    assert_eq!(init["InitConfiguration"]["localAPIEndpoint"]["advertiseAddress"], "172.31.255.1");
    assert_eq!(init["ClusterConfiguration"].get("controlPlaneEndpoint"), None);
    assert!(text(control_plane, "node.env").contains("KIPOD_INTERNAL_ADDRESS=172.31.255.1"));
    assert!(!text(worker, "node.env").contains("KIPOD_INTERNAL_ADDRESS"));
    insta::assert_snapshot!(text(control_plane, "network/routes"), @r"
    10.244.1.0/24 10.89.7.3
    10.244.2.0/24 10.89.7.4
    ");
    insta::assert_snapshot!(text(worker, "network/routes"), @r"
    10.244.0.0/24 10.89.7.2
    10.244.2.0/24 10.89.7.4
    172.31.255.1/32 10.89.7.2
    ");
    for name in ["kubeadm/discovery.conf", "kubernetes/kubelet.conf"] {
        assert!(text(worker, name).contains("https://172.31.255.1:6443"), "{name}");
    }
    assert!(!has(worker, "kubernetes/pki/ca.key"), "a worker must not have authority keys");
}

#[test]
fn control_planes_bootstrap_one_etcd_cluster() {
    let plan = planned(3, 1);
    let balancer = plan.balancer.as_ref().unwrap();
    let backends: Vec<&str> = text(balancer, "haproxy/haproxy.cfg")
        .lines()
        .filter_map(|line| line.trim().strip_prefix("server "))
        .collect();
    assert_eq!(
        backends,
        [
            "demo-control-plane-0 10.89.7.2:6443",
            "demo-control-plane-1 10.89.7.3:6443",
            "demo-control-plane-2 10.89.7.4:6443",
        ]
    );
    let members = "demo-control-plane-0=https://10.89.7.2:2380,\
                   demo-control-plane-1=https://10.89.7.3:2380,\
                   demo-control-plane-2=https://10.89.7.4:2380";
    for (index, node) in plan.nodes[..3].iter().enumerate() {
        let init = documents(text(node, "kubeadm/init.yaml"));
        let cluster = &init["ClusterConfiguration"];
        assert_eq!(cluster["controlPlaneEndpoint"], "10.89.7.254:6443");
        let args = cluster["etcd"]["local"]["extraArgs"].as_array().unwrap();
        let given = args.iter().find(|arg| arg["name"] == "initial-cluster").unwrap();
        assert_eq!(given["value"], members);
        assert_eq!(
            init["InitConfiguration"]["localAPIEndpoint"]["advertiseAddress"],
            node.container.network.address.to_string()
        );
        assert!(has(node, "kubernetes/pki/etcd/ca.key"));
        // Nodes that join later read a configuration without initial etcd members.
        assert_eq!(has(node, "kubeadm/upload.yaml"), index == 0);
        let skipped = init["InitConfiguration"]["skipPhases"].as_array().unwrap();
        assert_eq!(skipped.contains(&"bootstrap-token".into()), index != 0);
        assert_eq!(text(node, "node.env").contains("KIPOD_FIRST"), index == 0);
    }
    assert!(!text(&plan.nodes[0], "kubeadm/upload.yaml").contains("initial-cluster"));
    let worker = &plan.nodes[3];
    assert!(text(worker, "kubernetes/kubelet.conf").contains("https://10.89.7.254:6443"));
    assert!(text(worker, "network/masquerade.nft").contains("dnat to 10.89.7.254:6443\n"));
    assert!(text(worker, "node.env").contains("KIPOD_JOIN_SECONDS=240"));
    // Leader election is only needed with several control planes.
    let elections = |plan: &Plan| {
        text(&plan.nodes[0], "kubeadm/init.yaml").matches(r#""value": "true""#).count()
    };
    assert_eq!(
        (elections(&planned(1, 1)), elections(&plan)),
        (1, 3),
        "with etcd's unsafe-no-fsync"
    );
}

#[test]
fn etcd_members_skip_the_corruption_check() {
    let nodes = vec![NodeSpec::new(Role::ControlPlane); 3];
    let spec = ClusterSpec { name: "demo".parse().unwrap(), nodes, ..ClusterSpec::default() };
    for (version, name, value) in [
        ("v1.33.4", "experimental-initial-corrupt-check", "false"),
        ("v1.34.9", "feature-gates", "InitialCorruptCheck=false"),
    ] {
        let plan = planned_of(&spec, version, &FoundRegistries::default()).unwrap();
        let init = documents(text(&plan.nodes[2], "kubeadm/init.yaml"));
        let cluster = &init["ClusterConfiguration"];
        assert_eq!(cluster["kubernetesVersion"], version);
        let args = cluster["etcd"]["local"]["extraArgs"].as_array().unwrap();
        let found = args.iter().find(|arg| arg["name"] == name);
        assert_eq!(found.map(|arg| &arg["value"]), Some(&value.into()), "{version}: {args:?}");
    }
}

#[test]
fn control_planes_without_workers_run_user_pods() {
    let taints = |control_planes, workers| {
        let plan = planned(control_planes, workers);
        let init = documents(text(&plan.nodes[0], "kubeadm/init.yaml"));
        init["InitConfiguration"]["nodeRegistration"].get("taints").cloned()
    };
    assert_eq!(taints(1, 0), Some(serde_json::json!([])));
    assert_eq!(taints(3, 0), Some(serde_json::json!([])));
    assert_eq!(taints(1, 1), None, "the taints of kubeadm");
}

#[test]
fn control_planes_hold_connections_until_ready() {
    let plan = planned(1, 1);
    insta::assert_snapshot!(text(&plan.nodes[0], "network/hold.nft"), @r"
    # Written by kipod.
    table inet kipod-hold {
        chain output {
            type nat hook output priority -110
            ip daddr 172.31.255.1 tcp dport 6443 redirect to :61443
        }
        chain prerouting {
            type nat hook prerouting priority -110
            ip daddr 172.31.255.1 tcp dport 6443 redirect to :61443
            ip daddr 10.96.0.1 tcp dport 443 redirect to :61443
        }
    }
    ");
    assert!(!has(&plan.nodes[1], "network/hold.nft"), "workers have no API server");
    // The load balancer and other members connect to the node's address, and must not be held.
    insta::assert_snapshot!(text(&of_family(IpFamily::Dual, 3, 0).nodes[1], "network/hold.nft"), @r"
    # Written by kipod.
    table inet kipod-hold {
        chain output {
            type nat hook output priority -110
            ip daddr 10.89.7.3 tcp dport 6443 redirect to :61443
            ip6 daddr fd00:10:89:7::3 tcp dport 6443 redirect to :61443
        }
        chain prerouting {
            type nat hook prerouting priority -110
            ip daddr 10.96.0.1 tcp dport 443 redirect to :61443
        }
    }
    ");
}

#[test]
fn every_phase_of_kubeadm_runs_once_or_is_skipped() {
    let plan = planned(1, 0);
    let skipped = |file: &str| {
        let documents = documents(text(&plan.nodes[0], &format!("kubeadm/{file}.yaml")));
        let phases = documents["InitConfiguration"]["skipPhases"].as_array().unwrap().clone();
        phases.iter().map(|phase| phase.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let (prepare, init) = (skipped("prepare"), skipped("init"));
    let run_by = |skipped: &[String], others: &[String]| {
        let run = others.iter().filter(|phase| !skipped.contains(phase)).cloned();
        run.collect::<Vec<_>>()
    };
    // A phase that only the other file skips runs.
    assert_eq!(
        run_by(&prepare, &init),
        ["certs", "kubeconfig", "etcd", "control-plane", "kubelet-start"]
    );
    assert_eq!(
        run_by(&init, &prepare),
        [
            "wait-control-plane",
            "upload-config",
            "upload-certs",
            "mark-control-plane",
            "bootstrap-token"
        ]
    );
    assert!(!has(&planned(1, 1).nodes[1], "kubeadm/prepare.yaml"), "workers join");
}
