//! What clusters of one and of several nodes come to.

mod asked;

use std::collections::BTreeMap;

use super::*;
use crate::image::NodeImage;
use crate::node::StorageDriver;
use crate::spec::NodeSpec;

const NOW: i64 = 1_800_000_000;

fn planned(control_planes: usize, workers: usize) -> Plan {
    let of = |role, count| std::iter::repeat_n(NodeSpec::new(role), count);
    let nodes =
        of(Role::ControlPlane, control_planes).chain(of(Role::Worker, workers)).collect::<Vec<_>>();
    let spec = ClusterSpec { name: "demo".parse().unwrap(), nodes, ..ClusterSpec::default() };
    planned_as(&spec).unwrap()
}

fn planned_as(spec: &ClusterSpec) -> Result<Plan, PatchError> {
    planned_of(spec, "v1.36.2")
}

fn planned_of(spec: &ClusterSpec, version: &str) -> Result<Plan, PatchError> {
    let image = NodeImage {
        reference: "localhost/kipod-node:latest".into(),
        id: "0123".into(),
        kubernetes_version: version.into(),
        pause_image: "registry.k8s.io/pause:3.10".into(),
        image_store: "/stores/v1.36.2".into(),
        has_storage: true,
    };
    let images = vec![image; spec.nodes.len()];
    let joining = node_names(spec).split_off(spec.count(Role::ControlPlane));
    let credentials = Credentials::mint("demo", &joining, NOW).unwrap();
    let machine = Machine {
        cgroups: CgroupMode::Delegated,
        cgroup_parent: None,
        host_store: Some("/home/me/store".into()),
        storage_driver: StorageDriver::Overlay,
        fuse: true,
        time_factor: Default::default(),
    };
    let choices = Choices { node_subnet: "10.89.7.0/24".parse().unwrap(), api_port: 40_000 };
    plan(spec, &machine, &images, &choices, &credentials, Path::new("/state/demo"))
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
                node.pod_subnet.map_or("none".to_owned(), |subnet| subnet.to_string()),
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
fn founders_of_each_version_do_not_wait_for_each_others_etcd() {
    let nodes = vec![NodeSpec::new(Role::ControlPlane); 3];
    let spec = ClusterSpec { name: "demo".parse().unwrap(), nodes, ..ClusterSpec::default() };
    for (version, name, value) in [
        ("v1.33.4", "experimental-initial-corrupt-check", "false"),
        ("v1.34.9", "feature-gates", "InitialCorruptCheck=false"),
    ] {
        let plan = planned_of(&spec, version).unwrap();
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
