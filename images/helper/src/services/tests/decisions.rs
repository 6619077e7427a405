//! Decisions about Services, as the API server shows them.

use serde_json::{Value, json};

use super::super::decision::{Decision, Warning, decide};
use super::settings;

fn service(change: impl FnOnce(&mut Value)) -> Value {
    let mut service = json!({
        "metadata": { "name": "web", "namespace": "default", "uid": "1", "resourceVersion": "5" },
        "spec": {
            "type": "LoadBalancer",
            "externalTrafficPolicy": "Cluster",
            "ipFamilies": ["IPv4"],
            "ports": [{ "port": 80, "protocol": "TCP", "nodePort": 31_000, "targetPort": "http" }],
        },
        "status": { "loadBalancer": {} },
    });
    change(&mut service);
    service
}

fn decision(change: impl FnOnce(&mut Value)) -> Decision {
    decision_with(change, false)
}

fn decision_with(change: impl FnOnce(&mut Value), several_nodes: bool) -> Decision {
    let service = serde_json::from_value(service(change)).unwrap();
    decide(&service, &settings(), several_nodes)
}

fn refused(message: &str) -> Decision {
    Decision::Refuse(no_address(message))
}

fn no_address(message: &str) -> Warning {
    Warning { reason: "NoAddress", message: message.to_owned() }
}

fn port(protocol: &str, number: u16) -> Value {
    json!({ "port": 80, "protocol": protocol, "nodePort": number })
}

#[test]
fn a_load_balancer_gets_the_address() {
    assert_eq!(decision(|_| {}), Decision::Serve { assign: true, warning: None });
    let udp =
        |s: &mut Value| s["spec"]["ports"] = json!([port("TCP", 32_767), port("UDP", 30_003)]);
    assert_eq!(decision(udp), Decision::Serve { assign: true, warning: None });
}

#[test]
fn other_types_and_classes_are_ignored() {
    for kind in ["ClusterIP", "NodePort", "ExternalName"] {
        assert_eq!(decision(|s| s["spec"]["type"] = json!(kind)), Decision::Ignore, "{kind}");
    }
    let class = |s: &mut Value| s["spec"]["loadBalancerClass"] = json!("example.com/other");
    assert_eq!(decision(class), Decision::Ignore);
}

#[test]
fn an_address_in_the_status_stays() {
    let with =
        |ingress: Value| decision(|s| s["status"]["loadBalancer"] = json!({ "ingress": ingress }));
    let own = json!({ "ip": "127.77.0.1", "ipMode": "Proxy" });
    assert_eq!(with(json!([own])), Decision::Serve { assign: false, warning: None });
    for other in [
        json!([{ "ip": "10.0.0.1" }]),
        json!([{ "hostname": "lb.example.com" }]),
        json!([{}]),
        json!([own, { "ip": "10.0.0.1" }]),
    ] {
        assert_eq!(with(other.clone()), Decision::Ignore, "{other}");
    }
}

#[test]
fn only_services_with_ipv4_get_the_address() {
    let families = |families: Value| decision(|s| s["spec"]["ipFamilies"] = families);
    let served = Decision::Serve { assign: true, warning: None };
    assert_eq!(families(json!(["IPv6", "IPv4"])), served);
    let expected = refused("ipFamilies has no IPv4, and the host's address is an IPv4 address");
    assert_eq!(families(json!(["IPv6"])), expected);
    assert_eq!(families(json!([])), expected);
}

#[test]
fn an_unreachable_port_refuses_the_address() {
    let ports = |ports: Value| decision(|s| s["spec"]["ports"] = ports);
    for (port, message) in [
        (
            json!({ "port": 80, "protocol": "TCP" }),
            "it has no node ports (allocateLoadBalancerNodePorts: false), and the host reaches Services through node ports only",
        ),
        (
            json!({ "port": 80, "protocol": "UDP" }),
            "it has no node ports (allocateLoadBalancerNodePorts: false), and the host reaches Services through node ports only",
        ),
        (
            port("TCP", 29_999),
            "node port 29999 (TCP) is outside 30000-32767, the node ports that the host reaches",
        ),
        (port("TCP", 30_080), "node port 30080 (TCP) is in use on the host"),
        (port("SCTP", 31_000), "SCTP is not forwarded from the host to nodes"),
    ] {
        assert_eq!(ports(json!([self::port("TCP", 31_000), port])), refused(message), "{port}");
    }
}

#[test]
fn an_unreachable_udp_port_is_moved() {
    let udp = |number| {
        decision(|s| s["spec"]["ports"] = json!([port("TCP", 31_000), port("UDP", number)]))
    };
    let moved = |node_port, message| Decision::MoveUdpPort {
        index: 1,
        node_port,
        otherwise: no_address(message),
    };
    let outside =
        "node port 31000 (UDP) is outside 30000-30003, the node ports that the host reaches";
    assert_eq!(udp(31_000), moved(31_000, outside));
    assert_eq!(udp(30_002), moved(30_002, "node port 30002 (UDP) is in use on the host"));
}

#[test]
fn a_served_service_gets_its_new_udp_port_moved() {
    let decision = decision(|s| {
        s["status"]["loadBalancer"] = json!({ "ingress": [{ "ip": "127.77.0.1" }] });
        s["spec"]["ports"] = json!([port("UDP", 30_000)]);
    });
    assert!(matches!(decision, Decision::MoveUdpPort { index: 0, node_port: 30_000, .. }));
}

#[test]
fn local_traffic_in_a_larger_cluster_is_served_with_a_warning() {
    let local = |s: &mut Value| s["spec"]["externalTrafficPolicy"] = json!("Local");
    assert_eq!(decision(local), Decision::Serve { assign: true, warning: None });
    let warning = Warning {
        reason: "LocalTraffic",
        message:
            "externalTrafficPolicy is Local: the host reaches only pods on node demo-control-plane"
                .to_owned(),
    };
    let expected = Decision::Serve { assign: true, warning: Some(warning) };
    assert_eq!(decision_with(local, true), expected);
    assert_eq!(decision_with(|_| {}, true), Decision::Serve { assign: true, warning: None });
}
