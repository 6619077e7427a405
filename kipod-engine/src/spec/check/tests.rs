//! What good and bad values come to.

use std::time::Duration;

use super::*;
use crate::kubernetes::Role;
use crate::spec::RawNode;

fn raw(key: &str, value: &str) -> RawSpec {
    let mut raw = RawSpec::default();
    let slot = match key {
        "name" => &mut raw.name,
        "image" => &mut raw.image,
        "address" => &mut raw.api_server_address,
        "port" => &mut raw.api_server_port,
        "pods" => &mut raw.pod_subnet,
        "services" => &mut raw.service_subnet,
        "wait" => &mut raw.wait,
        _ => panic!("{key}"),
    };
    *slot = Some(value.into());
    raw
}

#[test]
fn nothing_typed_is_the_default() {
    let spec = RawSpec::default().check().unwrap();
    assert_eq!(spec, ClusterSpec::default());
    insta::assert_snapshot!(serde_json::to_string(&spec).unwrap(), @r#"{"name":"kipod","image":"localhost/kipod-node:latest","nodes":[{"role":"control-plane","image":null,"labels":{},"extra_mounts":[],"extra_port_mappings":[],"kubeadm_patches":{"merge":[],"json":[]}}],"networking":{"ip_family":"ipv4","pod_subnet":"10.244.0.0/16","service_subnet":"10.96.0.0/16","pod_subnet6":"fd00:10:244::/56","service_subnet6":"fd00:10:96::/112","api_server_address":"127.0.0.1","api_server_port":null,"disable_default_cni":false,"kube_proxy_mode":"iptables","dns_search":null},"feature_gates":{},"runtime_config":{},"kubeadm_patches":{"merge":[],"json":[]},"crio_drop_ins":{},"registries":[],"registry_auth_file":null,"host_images":true,"preload":[],"load_balancer":true,"metrics":false,"wait":{"secs":300,"nanos":0},"retain":false}"#);
}

#[test]
fn everything_typed_is_taken() {
    let raw = RawSpec {
        name: Some("dev".into()),
        image: Some("ghcr.io/me/node:1.36".into()),
        api_server_address: Some("::1".into()),
        api_server_port: Some("6443".into()),
        pod_subnet: Some("192.168.0.0/16".into()),
        service_subnet: Some("10.0.0.0/12".into()),
        wait: Some("1m30s".into()),
        retain: true,
        control_planes: Some("3".into()),
        workers: Some("2".into()),
        ..RawSpec::default()
    };
    let spec = raw.check().unwrap();
    assert_eq!((spec.count(Role::ControlPlane), spec.count(Role::Worker)), (3, 2));
    assert_eq!(spec.name.as_str(), "dev");
    assert_eq!(spec.image.as_str(), "ghcr.io/me/node:1.36");
    assert!(spec.networking.api_server_address.is_loopback());
    assert_eq!(spec.networking.api_server_port, Some(6443));
    assert_eq!(spec.networking.pod_subnet.to_string(), "192.168.0.0/16");
    assert_eq!(spec.networking.service_subnet.to_string(), "10.0.0.0/12");
    assert_eq!(spec.wait, Duration::from_secs(90));
    assert!(spec.retain);
}

#[test]
fn edges_that_are_good() {
    for (key, value) in [
        ("pods", "10.0.0.0/24"),
        ("pods", "11.0.0.0/8"),
        ("services", "10.0.0.0/28"),
        ("services", "172.16.0.0/13"),
        ("port", "1"),
        ("port", "65535"),
        ("wait", "0"),
        ("address", "0.0.0.0"),
    ] {
        raw(key, value).check().unwrap_or_else(|faults| panic!("{key} {value}: {faults}"));
    }
}

#[test]
fn each_bad_value_is_one_fault() {
    let cases = [
        ("name", "Dev", "cluster name: `Dev` has `D`, where only a-z, 0-9 and - may stand"),
        ("image", "", "image: the reference is empty"),
        (
            "address",
            "localhost",
            "API server address: `localhost` is not an IP address, such as `127.0.0.1`",
        ),
        (
            "address",
            "224.0.0.1",
            "API server address: `224.0.0.1` is not the address of one machine",
        ),
        ("port", "0", "API server port: `0` is not a port, which is a number from 1 to 65535"),
        (
            "port",
            "65536",
            "API server port: `65536` is not a port, which is a number from 1 to 65535",
        ),
        ("port", "+80", "API server port: `+80` is not a port, which is a number from 1 to 65535"),
        (
            "pods",
            "10.244.0.0",
            "pod subnet: `10.244.0.0` is not an IPv4 subnet, such as `10.244.0.0/16`",
        ),
        (
            "pods",
            "10.244.0.1/16",
            "pod subnet: `10.244.0.1/16` is an address in a subnet, not a subnet: write `10.244.0.0/16`",
        ),
        (
            "pods",
            "10.244.0.0/25",
            "pod subnet: `10.244.0.0/25` is too small: each node needs a /24 of it",
        ),
        ("pods", "12.0.0.0/7", "pod subnet: `12.0.0.0/7` is too large: /8 is the largest"),
        (
            "pods",
            "127.0.0.0/16",
            "pod subnet: `127.0.0.0/16` overlaps `127.0.0.0/8`, which is for loopback",
        ),
        (
            "pods",
            "172.31.0.0/16",
            "pod subnet: `172.31.0.0/16` holds `172.31.255.1`, the node's own internal address",
        ),
        (
            "pods",
            "10.96.0.0/17",
            "pod subnet: `10.96.0.0/17` overlaps the service subnet `10.96.0.0/16`",
        ),
        (
            "services",
            "10.96.0.0/29",
            "service subnet: `10.96.0.0/29` is too small: /28 is the smallest",
        ),
        (
            "services",
            "12.0.0.0/11",
            "service subnet: `12.0.0.0/11` is too large: /12 is the largest",
        ),
        (
            "services",
            "172.16.0.0/12",
            "service subnet: `172.16.0.0/12` holds `172.31.255.1`, the node's own internal address",
        ),
        (
            "services",
            "10.244.7.0/24",
            "service subnet: `10.244.7.0/24` overlaps the pod subnet `10.244.0.0/16`",
        ),
        ("wait", "60", "wait: `60` has no unit: write `60s` for seconds"),
        ("wait", "-1s", "wait: `-1s` is not a length of time, such as `60s`, `5m` or `1m30s`"),
    ];
    for (key, value, message) in cases {
        let faults = raw(key, value).check().unwrap_err();
        assert_eq!(
            faults.iter().map(ToString::to_string).collect::<Vec<_>>(),
            [message],
            "{key} {value}"
        );
    }
}

#[test]
fn all_faults_come_at_once() {
    let raw = RawSpec {
        name: Some("-A".into()),
        image: Some("a b".into()),
        api_server_address: Some("here".into()),
        api_server_port: Some("http".into()),
        pod_subnet: Some("0.0.0.0/0".into()),
        service_subnet: Some("x".into()),
        wait: Some("long".into()),
        ..RawSpec::default()
    };
    insta::assert_snapshot!(raw.check().unwrap_err(), @r"
    8 faults in what was asked for
      cluster name: `-A` has `A`, where only a-z, 0-9 and - may stand
      cluster name: `-A` starts with `-`
      image: `a b` is not an image reference: `a b` has characters other than a-z, 0-9 and single separators (. _ __ -)
      API server address: `here` is not an IP address, such as `127.0.0.1`
      API server port: `http` is not a port, which is a number from 1 to 65535
      pod subnet: `0.0.0.0/0` is too large: /8 is the largest
      service subnet: `x` is not an IPv4 subnet, such as `10.244.0.0/16`
      wait: `long` is not a length of time, such as `60s`, `5m` or `1m30s`
    ");
}

fn node(role: &str) -> RawNode {
    RawNode { role: Some(role.into()), ..RawNode::default() }
}

#[test]
fn control_planes_come_first_and_keep_their_order() {
    let image = |text: &str| Some(text.into());
    let raw = RawSpec {
        nodes: vec![
            RawNode { image: image("worker:1"), ..node("worker") },
            RawNode { image: image("first:1"), ..RawNode::default() },
            RawNode { image: image("second:1"), ..node("control-plane") },
            RawNode { image: image("third:1"), ..node("control-plane") },
        ],
        ..RawSpec::default()
    };
    let nodes = raw.check().unwrap().nodes;
    let images = nodes.iter().map(|node| node.image.as_ref().unwrap().as_str());
    assert_eq!(images.collect::<Vec<_>>(), ["first:1", "second:1", "third:1", "worker:1"]);
}

#[test]
fn bad_nodes_are_named_all_at_once() {
    let faults = |raw: RawSpec| raw.check().unwrap_err().to_string();
    let counts = |control_planes: &str, workers: &str| {
        faults(RawSpec {
            control_planes: Some(control_planes.into()),
            workers: Some(workers.into()),
            ..RawSpec::default()
        })
    };
    insta::assert_snapshot!(counts("2", "0"), @r"
    1 fault in what was asked for
      control planes: 2 control planes survive no more failures than 1: an odd number, please
    ");
    insta::assert_snapshot!(counts("0", "1"), @r"
    1 fault in what was asked for
      control planes: there is no control plane, and a cluster needs one
    ");
    insta::assert_snapshot!(counts("9", "1"), @r"
    1 fault in what was asked for
      control planes: 9 control planes are too many: 7 at most
    ");
    insta::assert_snapshot!(counts("+1", "251"), @r"
    2 faults in what was asked for
      control planes: `+1` is not a number of nodes, which is from 0 to 250
      workers: `251` is not a number of nodes, which is from 0 to 250
    ");
    insta::assert_snapshot!(counts("1", "250"), @r"
    1 fault in what was asked for
      nodes: 251 nodes are too many: 250 at most
    ");
    insta::assert_snapshot!(faults(RawSpec {
        workers: Some("1".into()),
        nodes: vec![node("master"), RawNode { image: Some("A".into()), ..node("worker") }],
        ..RawSpec::default()
    }), @r"
    3 faults in what was asked for
      workers: a number does not go with a list of nodes: say one of them
      nodes[0].role: `master` is not a role: `control-plane` and `worker` are
      nodes[1].image: `A` is not an image reference: `A` has characters other than a-z, 0-9 and single separators (. _ __ -)
    ");
    let nodes = vec![node("worker")];
    insta::assert_snapshot!(faults(RawSpec { nodes, ..RawSpec::default() }), @r"
    1 fault in what was asked for
      nodes: there is no control plane, and a cluster needs one
    ");
    // Five nodes, and a /22 has room for four.
    let (workers, pod_subnet) = (Some("4".into()), Some("10.0.0.0/22".into()));
    insta::assert_snapshot!(faults(RawSpec { workers, pod_subnet, ..RawSpec::default() }), @r"
    1 fault in what was asked for
      pod subnet: `10.0.0.0/22` is too small: each of 5 nodes needs a /24, and it has 4
    ");
}

#[test]
fn images_to_preload_are_references_each_once() {
    let preload = |images: &[&str]| RawSpec {
        preload: images.iter().map(|image| (*image).into()).collect(),
        ..RawSpec::default()
    };
    let spec = preload(&["quay.io/a:1", "b", "quay.io/a:1"]).check().unwrap();
    assert_eq!(
        spec.preload.iter().map(|image| image.as_str()).collect::<Vec<_>>(),
        ["quay.io/a:1", "b"]
    );
    let error = preload(&["a b", "c:"]).check().unwrap_err();
    insta::assert_snapshot!(error, @r"
    2 faults in what was asked for
      preload: `a b` is not an image reference: `a b` has characters other than a-z, 0-9 and single separators (. _ __ -)
      preload: `c:` is not an image reference: `` is not a tag, which is up to 128 characters of A-Z, a-z, 0-9, _, . and -
    ");
}
