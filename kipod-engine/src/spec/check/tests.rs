//! Tests of the validation.

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
fn empty_spec_is_the_default_cluster() {
    let spec = RawSpec::default().check().unwrap();
    assert_eq!(spec, ClusterSpec::default());
    insta::assert_snapshot!(serde_json::to_string(&spec).unwrap(), @r#"{"name":"kipod","image":"localhost/kipod-node:latest","nodes":[{"role":"control-plane","image":null,"labels":{},"extra_mounts":[],"extra_port_mappings":[],"kubeadm_patches":{"merge":[],"json":[]},"resources":{"milli_cpus":null,"memory":null},"devices":[],"env":{}}],"networking":{"ip_family":"ipv4","pod_subnet":"10.244.0.0/16","service_subnet":"10.96.0.0/16","pod_subnet6":"fd00:10:244::/56","service_subnet6":"fd00:10:96::/112","api_server_address":"127.0.0.1","api_server_port":null,"disable_default_cni":false,"kube_proxy_mode":"iptables","dns_search":null},"feature_gates":{},"runtime_config":{},"kubeadm_patches":{"merge":[],"json":[]},"crio_drop_ins":{},"registries":[],"registry_auth_file":null,"proxy":{"http":null,"https":null,"no_proxy":null},"host_proxy":true,"ca_certificates":[],"host_ca_certificates":false,"host_images":true,"preload":[],"load_balancer":true,"metrics":false,"wait":{"secs":300,"nanos":0},"retain":false}"#);
}

#[test]
fn all_values_are_used() {
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
    assert_eq!(spec.networking.pod_subnet.v4.to_string(), "192.168.0.0/16");
    assert_eq!(spec.networking.service_subnet.v4.to_string(), "10.0.0.0/12");
    assert_eq!(spec.wait, Duration::from_secs(90));
    assert!(spec.retain);
}

#[test]
fn boundary_values_are_valid() {
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
        raw(key, value).check().unwrap_or_else(|errors| panic!("{key} {value}: {errors}"));
    }
}

#[test]
fn each_invalid_value_is_one_error() {
    let cases = [
        ("name", "Dev", "cluster name: `Dev` has `D`, where only a-z, 0-9 and - are allowed"),
        ("image", "", "image: `` is not an image reference: it is empty"),
        (
            "address",
            "localhost",
            "API server address: `localhost` is not an IP address, such as `127.0.0.1`",
        ),
        ("address", "224.0.0.1", "API server address: `224.0.0.1` is not the address of a host"),
        ("port", "0", "API server port: `0` is not a port number from 1 to 65535"),
        ("port", "65536", "API server port: `65536` is not a port number from 1 to 65535"),
        ("port", "+80", "API server port: `+80` is not a port number from 1 to 65535"),
        (
            "pods",
            "10.244.0.0",
            "pod subnet: `10.244.0.0` is not an IPv4 subnet, such as `10.244.0.0/16`",
        ),
        (
            "pods",
            "10.244.0.1/16",
            "pod subnet: `10.244.0.1/16` is not the first address of a subnet: use `10.244.0.0/16`",
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
            "pod subnet: `127.0.0.0/16` overlaps `127.0.0.0/8`, which is reserved for loopback",
        ),
        (
            "pods",
            "172.31.0.0/16",
            "pod subnet: `172.31.0.0/16` contains `172.31.255.1`, the internal address of nodes",
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
            "service subnet: `172.16.0.0/12` contains `172.31.255.1`, the internal address of nodes",
        ),
        (
            "services",
            "10.244.7.0/24",
            "service subnet: `10.244.7.0/24` overlaps the pod subnet `10.244.0.0/16`",
        ),
        ("wait", "60", "wait: `60` has no unit: use `60s` for seconds"),
        ("wait", "-1s", "wait: `-1s` is not a duration, such as `60s`, `5m` or `1m30s`"),
    ];
    for (key, value, message) in cases {
        let errors = raw(key, value).check().unwrap_err();
        assert_eq!(
            errors.iter().map(ToString::to_string).collect::<Vec<_>>(),
            [message],
            "{key} {value}"
        );
    }
}

#[test]
fn check_returns_all_errors() {
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
    invalid configuration: 8 errors
      cluster name: `-A` has `A`, where only a-z, 0-9 and - are allowed
      cluster name: `-A` starts with `-`
      image: `a b` is not an image reference: `a b` has characters other than a-z, 0-9 and single separators (. _ __ -)
      API server address: `here` is not an IP address, such as `127.0.0.1`
      API server port: `http` is not a port number from 1 to 65535
      pod subnet: `0.0.0.0/0` is too large: /8 is the largest
      service subnet: `x` is not an IPv4 subnet, such as `10.244.0.0/16`
      wait: `long` is not a duration, such as `60s`, `5m` or `1m30s`
    ");
}

fn node(role: &str) -> RawNode {
    RawNode { role: Some(role.into()), ..RawNode::default() }
}

#[test]
fn control_planes_sort_first_in_their_order() {
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
fn invalid_nodes_are_all_reported() {
    let errors = |raw: RawSpec| raw.check().unwrap_err().to_string();
    let counts = |control_planes: &str, workers: &str| {
        errors(RawSpec {
            control_planes: Some(control_planes.into()),
            workers: Some(workers.into()),
            ..RawSpec::default()
        })
    };
    insta::assert_snapshot!(counts("2", "0"), @r"
    invalid configuration: 1 error
      control planes: 2 control planes tolerate no more failures than 1: use an odd number
    ");
    insta::assert_snapshot!(counts("0", "1"), @r"
    invalid configuration: 1 error
      control planes: a cluster needs at least one control plane
    ");
    insta::assert_snapshot!(counts("9", "1"), @r"
    invalid configuration: 1 error
      control planes: 9 control planes are too many: the maximum is 7
    ");
    insta::assert_snapshot!(counts("+1", "251"), @r"
    invalid configuration: 2 errors
      control planes: `+1` is not a number of nodes from 0 to 250
      workers: `251` is not a number of nodes from 0 to 250
    ");
    insta::assert_snapshot!(counts("1", "250"), @r"
    invalid configuration: 1 error
      nodes: 251 nodes are too many: the maximum is 250
    ");
    insta::assert_snapshot!(errors(RawSpec {
        workers: Some("1".into()),
        nodes: vec![node("master"), RawNode { image: Some("A".into()), ..node("worker") }],
        ..RawSpec::default()
    }), @r"
    invalid configuration: 3 errors
      workers: a number of nodes cannot be combined with a list of nodes
      nodes[0].role: `master` is not a role: expected `control-plane` or `worker`
      nodes[1].image: `A` is not an image reference: `A` has characters other than a-z, 0-9 and single separators (. _ __ -)
    ");
    let nodes = vec![node("worker")];
    insta::assert_snapshot!(errors(RawSpec { nodes, ..RawSpec::default() }), @r"
    invalid configuration: 1 error
      nodes: a cluster needs at least one control plane
    ");
    // Five nodes, and a /22 has room for four.
    let (workers, pod_subnet) = (Some("4".into()), Some("10.0.0.0/22".into()));
    insta::assert_snapshot!(errors(RawSpec { workers, pod_subnet, ..RawSpec::default() }), @r"
    invalid configuration: 1 error
      pod subnet: `10.0.0.0/22` is too small: each of 5 nodes needs a /24, and it has 4
    ");
}

#[test]
fn preloaded_images_are_unique_references() {
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
    invalid configuration: 2 errors
      preload: `a b` is not an image reference: `a b` has characters other than a-z, 0-9 and single separators (. _ __ -)
      preload: `c:` is not an image reference: `` is not a tag of up to 128 characters A-Z, a-z, 0-9, _, . and -
    ");
}
