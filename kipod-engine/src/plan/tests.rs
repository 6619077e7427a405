//! What clusters of one and of several nodes come to.

mod asked;

use std::collections::BTreeMap;

use super::*;
use crate::node::StorageDriver;
use crate::node_image::NodeImage;
use crate::spec::{IpFamily, KubeProxyMode, Networking, NodeSpec};

const NOW: i64 = 1_800_000_000;

fn planned(control_planes: usize, workers: usize) -> Plan {
    planned_on(machine(), control_planes, workers)
}

fn planned_on(machine: Machine, control_planes: usize, workers: usize) -> Plan {
    let of = |role, count| std::iter::repeat_n(NodeSpec::new(role), count);
    let nodes =
        of(Role::ControlPlane, control_planes).chain(of(Role::Worker, workers)).collect::<Vec<_>>();
    let spec = ClusterSpec { name: "demo".parse().unwrap(), nodes, ..ClusterSpec::default() };
    planned_with(machine, &spec, "v1.36.2", &FoundRegistries::default(), None).unwrap()
}

fn planned_as(spec: &ClusterSpec) -> Result<Plan, PatchError> {
    planned_of(spec, "v1.36.2", &FoundRegistries::default())
}

fn planned_where(spec: &ClusterSpec, found: &FoundRegistries) -> Result<Plan, PatchError> {
    planned_of(spec, "v1.36.2", found)
}

fn planned_of(
    spec: &ClusterSpec,
    version: &str,
    found: &FoundRegistries,
) -> Result<Plan, PatchError> {
    // Most tests are about other ports.
    planned_with(machine(), spec, version, found, None)
}

fn machine() -> Machine {
    Machine {
        cgroups: CgroupMode::Delegated,
        cgroup_parent: None,
        host_store: Some("/home/me/store".into()),
        storage_driver: StorageDriver::Overlay,
        fuse: true,
        many_ports: true,
        timeouts: Default::default(),
    }
}

fn planned_with(
    machine: Machine,
    spec: &ClusterSpec,
    version: &str,
    found: &FoundRegistries,
    service_address: Option<ServiceAddress>,
) -> Result<Plan, PatchError> {
    let image = NodeImage {
        reference: "localhost/kipod-node:latest".into(),
        id: "0123".into(),
        kubernetes_version: version.parse().unwrap(),
        pause_image: "registry.k8s.io/pause:3.10".into(),
        image_store: "/stores/v1.36.2".into(),
        has_storage: true,
        has_metrics: false,
    };
    let images = vec![image; spec.nodes.len()];
    let joining = node_names(spec).split_off(spec.count(Role::ControlPlane));
    let credentials = Credentials::mint("demo", &joining, NOW).unwrap();
    let choices =
        Choices { node_subnet: "10.89.7.0/24".parse().unwrap(), api_port: 40_000, service_address };
    plan(spec, &machine, &images, &choices, &credentials, found, Path::new("/state/demo"))
}

fn text<'a>(node: &'a NodePlan, path: &str) -> &'a str {
    let path = format!("/var/lib/kipod/{path}");
    let found = node.files.iter().find(|file| file.path == path);
    &found.unwrap_or_else(|| panic!("node {} has no {path}", node.name)).text
}

fn has(node: &NodePlan, path: &str) -> bool {
    node.files.iter().any(|file| file.path == format!("/var/lib/kipod/{path}"))
}

/// The documents of a file that kubeadm reads, by kind.
fn documents(text: &str) -> BTreeMap<String, serde_json::Value> {
    let documents = text.split("---\n").map(|text| serde_json::from_str(text).unwrap());
    documents
        .map(|document: serde_json::Value| (document["kind"].as_str().unwrap().into(), document))
        .collect()
}

#[test]
fn containers_have_their_place_and_publish_one_api_server() {
    let shown = |plan: &Plan| {
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
    insta::assert_snapshot!(shown(&planned(1, 0)), @r"demo-control-plane-0 control-plane 10.89.7.2 pods 10.244.0.0/24 ports 1");
    insta::assert_snapshot!(shown(&planned(1, 2)), @r"
    demo-control-plane-0 control-plane 10.89.7.2 pods 10.244.0.0/24 ports 1
    demo-worker-0 worker 10.89.7.3 pods 10.244.1.0/24 ports 0
    demo-worker-1 worker 10.89.7.4 pods 10.244.2.0/24 ports 0
    ");
    insta::assert_snapshot!(shown(&planned(3, 1)), @r"
    demo-load-balancer load-balancer 10.89.7.254 pods none ports 1
    demo-control-plane-0 control-plane 10.89.7.2 pods 10.244.0.0/24 ports 0
    demo-control-plane-1 control-plane 10.89.7.3 pods 10.244.1.0/24 ports 0
    demo-control-plane-2 control-plane 10.89.7.4 pods 10.244.2.0/24 ports 0
    demo-worker-0 worker 10.89.7.5 pods 10.244.3.0/24 ports 0
    ");
}

#[test]
fn the_only_control_plane_is_known_by_its_internal_address() {
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
    assert!(!has(worker, "kubernetes/pki/ca.key"), "a worker has no authority");
}

#[test]
fn several_control_planes_found_one_etcd_behind_a_load_balancer() {
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
        // What later control planes read says nothing of the founding.
        assert_eq!(has(node, "kubeadm/upload.yaml"), index == 0);
        let skipped = init["InitConfiguration"]["skipPhases"].as_array().unwrap();
        assert_eq!(skipped.contains(&"bootstrap-token".into()), index != 0);
        assert_eq!(text(node, "node.env").contains("KIPOD_FIRST"), index == 0);
    }
    assert!(!text(&plan.nodes[0], "kubeadm/upload.yaml").contains("initial-cluster"));
    let worker = &plan.nodes[3];
    assert!(text(worker, "kubernetes/kubelet.conf").contains("https://10.89.7.254:6443"));
    assert!(text(worker, "node.env").contains("KIPOD_JOIN_SECONDS=240"));
    // Elections are needed now, and were only waited for before.
    let elects = |plan: &Plan| {
        text(&plan.nodes[0], "kubeadm/init.yaml").matches(r#""value": "true""#).count()
    };
    assert_eq!((elects(&planned(1, 1)), elects(&plan)), (1, 3), "with etcd's unsafe-no-fsync");
}

#[test]
fn a_slow_control_plane_is_asked_less_often_and_has_less_to_do() {
    let periods = |factor: &str, component: &str| {
        let slow = Machine {
            timeouts: crate::util::timeouts::Timeouts::new(factor.parse().unwrap()),
            ..machine()
        };
        let plan = planned_on(slow, 1, 0);
        let patch = text(&plan.nodes[0], &format!("kubeadm/patches/{component}+strategic.json"));
        let patch: serde_json::Value = serde_json::from_str(patch).unwrap();
        let container = &patch["spec"]["containers"][0];
        let period = |probe: &str| container[probe]["periodSeconds"].as_u64();
        (period("startupProbe"), period("readinessProbe"), period("livenessProbe"))
    };
    assert_eq!(periods("10", "kube-apiserver"), (Some(10), Some(10), Some(100)));
    // It has none of its own, and a period alone is no probe.
    assert_eq!(periods("10", "kube-controller-manager"), (Some(10), None, Some(100)));
    assert_eq!(periods("1.5", "etcd"), (Some(2), Some(2), Some(15)));
    // No period is shorter than on a machine as fast as usual.
    for factor in ["0.1", "1"] {
        assert_eq!(periods(factor, "etcd"), (Some(1), Some(1), Some(10)));
    }
}

#[test]
fn a_slow_machine_is_spared_what_nobody_waits_for() {
    let on = |factor: &str, control_planes| {
        let slow = Machine {
            timeouts: crate::util::timeouts::Timeouts::new(factor.parse().unwrap()),
            ..machine()
        };
        planned_on(slow, control_planes, 0)
    };
    let init = |plan: &Plan| documents(text(&plan.nodes[0], "kubeadm/init.yaml"));
    let has = |list: &serde_json::Value, name: &str| {
        let found = list.as_array()?.iter().find(|one| one["name"] == name)?;
        Some(found["value"].as_str()?.to_owned())
    };
    let variable = |plan: &Plan, component: &str, name: &str| {
        let cluster = &init(plan)["ClusterConfiguration"];
        let component = match component {
            "etcd" => &cluster["etcd"]["local"],
            other => &cluster[other],
        };
        has(&component["extraEnvs"], name)
    };
    let argument = |plan: &Plan, name: &str| {
        has(&init(plan)["ClusterConfiguration"]["etcd"]["local"]["extraArgs"], name)
    };
    let environment = |factor: &str| {
        init(&on(factor, 1))["ClusterConfiguration"]["apiServer"]["extraEnvs"].clone()
    };
    assert_eq!(environment("1.5"), serde_json::json!([{ "name": "GOGC", "value": "400" }]));
    assert!(environment("1").is_null());
    let (slow, wait) = (on("2.5", 1), "KIPOD_WAIT_FOR_API_SERVER");
    assert_eq!(variable(&slow, "apiServer", "GOGC").as_deref(), Some("400"));
    assert_eq!(variable(&slow, "apiServer", "GOMAXPROCS"), None, "users' requests are its work");
    for component in ["etcd", "controllerManager", "scheduler"] {
        assert_eq!(variable(&slow, component, "GOMAXPROCS").as_deref(), Some("1"), "{component}");
    }
    assert_eq!(variable(&slow, "controllerManager", wait).as_deref(), Some("127.0.0.1:6443"));
    assert_eq!(variable(&slow, "scheduler", wait).as_deref(), Some("127.0.0.1:6443"));
    assert_eq!(variable(&slow, "etcd", wait), None, "the API server waits for it");
    assert_eq!(argument(&slow, "watch-progress-notify-interval").as_deref(), Some("12500ms"));
    assert_eq!(init(&slow)["KubeletConfiguration"]["runtimeRequestTimeout"], "300000ms");
    let (a_bit, very) = (on("1.1", 1), on("100", 1));
    assert_eq!(init(&a_bit)["KubeletConfiguration"]["runtimeRequestTimeout"], "250000ms");
    assert_eq!(argument(&very, "watch-progress-notify-interval").as_deref(), Some("60000ms"));
    assert!(text(&slow.nodes[0], "node.env").contains("\nGOMAXPROCS=1\n"));
    // Who waits to be elected is not held back.
    assert_eq!(variable(&on("2.5", 3), "controllerManager", wait), None);

    for factor in ["0.5", "1"] {
        let usual = on(factor, 1);
        for component in ["apiServer", "etcd", "controllerManager", "scheduler"] {
            assert!(variable(&usual, component, "GOMAXPROCS").is_none(), "{component}");
        }
        assert_eq!(variable(&usual, "apiServer", "GOGC"), None);
        assert_eq!(variable(&usual, "controllerManager", wait), None);
        assert_eq!(argument(&usual, "watch-progress-notify-interval"), None);
        assert!(init(&usual)["KubeletConfiguration"]["runtimeRequestTimeout"].is_null());
        assert!(!text(&usual.nodes[0], "node.env").contains("GOMAXPROCS"));
    }
}

fn of_family(family: IpFamily, control_planes: usize, workers: usize) -> Plan {
    let of = |role, count| std::iter::repeat_n(NodeSpec::new(role), count);
    let nodes = of(Role::ControlPlane, control_planes).chain(of(Role::Worker, workers)).collect();
    let networking = Networking::of(family);
    let name = "demo".parse().unwrap();
    planned_as(&ClusterSpec { name, nodes, networking, ..ClusterSpec::default() }).unwrap()
}

#[test]
fn two_families_have_everything_twice() {
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
    let names = serde_json::json!(["localhost", "127.0.0.1", "::1", "127.0.0.1"]);
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
    ");
    insta::assert_snapshot!(text(worker, "network/routes"), @r"
    10.244.0.0/24 10.89.7.2
    fd00:10:244::/64 fd00:10:89:7::2
    172.31.255.1/32 10.89.7.2
    fd00:172:31:255::1/128 fd00:10:89:7::2
    ");
    insta::assert_snapshot!(text(worker, "network/masquerade.nft"), @r"
    # Written by kipod. Made, deleted and made anew: the same however often it is read.
    table ip kipod {}
    delete table ip kipod
    table ip kipod {
        chain postrouting {
            type nat hook postrouting priority srcnat
            ip saddr 10.244.0.0/16 ip daddr != 10.244.0.0/16 masquerade
        }
    }
    table ip6 kipod {}
    delete table ip6 kipod
    table ip6 kipod {
        chain postrouting {
            type nat hook postrouting priority srcnat
            ip6 saddr fd00:10:244::/56 ip6 daddr != fd00:10:244::/56 masquerade
        }
    }
    ");
    let network: serde_json::Value =
        serde_json::from_str(text(worker, "cni/net.d/10-kipod.conflist")).unwrap();
    insta::assert_snapshot!(
        network["plugins"][0]["ipam"],
        @r#"{"dataDir":"/run/cni-ipam-state","ranges":[[{"subnet":"10.244.1.0/24"}],[{"subnet":"fd00:10:244:1::/64"}]],"routes":[{"dst":"0.0.0.0/0"},{"dst":"::/0"}],"type":"host-local"}"#
    );
}

#[test]
fn ipv6_alone_is_what_kubernetes_knows() {
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
    assert!(!text(worker, "network/masquerade.nft").contains("table ip kipod"));

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
fn nftables_takes_node_ports_at_every_address() {
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
    assert_eq!(addresses(IpFamily::Ipv4, KubeProxyMode::Iptables), None, "it does so anyway");
}

#[test]
fn addresses_of_both_families_read_alike() {
    for (v4, v6) in [
        ("10.89.7.254", "fd00:10:89:7::254"),
        ("10.89.0.2", "fd00:10:89::2"),
        ("10.89.255.109", "fd00:10:89:255::109"),
    ] {
        assert_eq!(identity::address6(v4.parse().unwrap()).to_string(), v6);
    }
}

#[test]
fn a_node_subnet_is_free_in_both_families() {
    let used = ["10.89.0.0/24".parse().unwrap()];
    let used6 = ["fd00:10:89:1::/64".parse().unwrap()];
    let chosen = |used6| choose_node_subnet(&used, used6, &[]).unwrap().to_string();
    assert_eq!(chosen(&[]), "10.89.1.0/24");
    assert_eq!(chosen(&used6), "10.89.2.0/24");
    let around = |text: &str| choose_node_subnet(&used, &[], &[text.parse().unwrap()]).unwrap();
    assert_eq!(around("10.89.0.0/22").to_string(), "10.89.4.0/24");
    assert_eq!(around("10.0.0.0/8").to_string(), "10.89.1.0/24", "better than none");
}

#[test]
fn a_node_more_has_the_next_part_of_both_pod_subnets() {
    let nodes = vec![NodeSpec::new(Role::ControlPlane), NodeSpec::new(Role::Worker)];
    let networking = Networking::of(IpFamily::Dual);
    let spec = ClusterSpec { nodes, networking, ..ClusterSpec::default() };
    let mut taken = identities(&spec, &"10.89.7.0/24".parse().unwrap());
    taken.remove(0);
    let identity = next_identity(&spec, &taken, Role::Worker).unwrap();
    let subnets = crate::spec::comma_separated(&identity.pod_subnets(IpFamily::Dual));
    assert_eq!(subnets, "10.244.0.0/24,fd00:10:244::/64");
    // What an earlier kipod wrote knew of one family alone.
    let text = r#"{"name":"n","role":"worker","address":"10.89.0.3","pod_subnet":"10.244.1.0/24"}"#;
    let identity: NodeIdentity = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_string(&identity).unwrap(), text);
}

#[test]
fn founders_of_each_version_do_not_wait_for_each_others_etcd() {
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
fn another_network_of_pods_sees_nodes_where_their_neighbours_reach_them() {
    let shown = |disable_default_cni| {
        let nodes = vec![NodeSpec::new(Role::ControlPlane), NodeSpec::new(Role::Worker)];
        let mut spec = ClusterSpec { name: "demo".parse().unwrap(), nodes, ..Default::default() };
        spec.networking.disable_default_cni = disable_default_cni;
        let plan = planned_as(&spec).unwrap();
        let init = documents(text(&plan.nodes[0], "kubeadm/init.yaml"));
        let own = &init["InitConfiguration"];
        // The API server stays where a copy of the node has it too.
        assert_eq!(own["localAPIEndpoint"]["advertiseAddress"], "172.31.255.1");
        own["nodeRegistration"]["kubeletExtraArgs"][0]["value"].as_str().unwrap().to_owned()
    };
    assert_eq!((shown(false), shown(true)), ("172.31.255.1".into(), "10.89.7.2".into()));
}

#[test]
fn control_planes_take_pods_of_users_where_nobody_else_does() {
    let taints = |control_planes, workers| {
        let plan = planned(control_planes, workers);
        let init = documents(text(&plan.nodes[0], "kubeadm/init.yaml"));
        init["InitConfiguration"]["nodeRegistration"].get("taints").cloned()
    };
    assert_eq!(taints(1, 0), Some(serde_json::json!([])));
    assert_eq!(taints(3, 0), Some(serde_json::json!([])));
    assert_eq!(taints(1, 1), None, "kubeadm's own");
}

#[test]
fn the_first_control_plane_publishes_node_ports_and_tells_services() {
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
    assert_eq!(ports, [4, 0, 0], "TCP and UDP, below and above a port that is taken");
    assert!(!has(&plan.nodes[1], "services.env"));
    insta::assert_snapshot!(text(&plan.nodes[0], "services.env"), @r#"
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
