//! Tests of proxies, certificate authorities, resources, devices and environment variables.

use super::*;
use crate::spec::Proxy;

const HEAD: &str = "kind: Cluster\napiVersion: kipod.io/v1alpha1\nname: demo\n";

fn spec(text: &str) -> ClusterSpec {
    let config = crate::config::read(&format!("{HEAD}{text}"), "c.yaml");
    config.check().unwrap_or_else(|errors| panic!("{errors}"))
}

fn env<'a>(node: &'a NodePlan, name: &str) -> Option<&'a str> {
    let mut lines = text(node, "node.env").lines();
    lines.find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
}

fn on(machine: Machine, spec: &ClusterSpec) -> Plan {
    planned_with(machine, spec, "v1.36.2", &FoundRegistries::default(), None).unwrap()
}

#[test]
fn nodes_have_the_proxies_of_file_and_host() {
    let host = Proxy {
        http: Some("http://host:1".to_owned()),
        https: Some("http://me:a$b@host:2".to_owned()),
        no_proxy: Some(vec!["host.example".to_owned()]),
    };
    let machine = Machine { proxy: host, ..machine() };
    let text = "proxy: {httpProxy: 'http://file:1', noProxy: [.file.example]}\nnodes: [{}, {role: worker}]\n";
    let plan = on(machine.clone(), &spec(text));
    for node in &plan.nodes {
        assert_eq!(env(node, "HTTP_PROXY"), Some("\"http://file:1\""));
        assert_eq!(env(node, "http_proxy"), env(node, "HTTP_PROXY"));
        assert_eq!(env(node, "https_proxy"), Some("\"http://me:a\\$b@host:2\""));
        insta::allow_duplicates! {
            insta::assert_snapshot!(env(node, "NO_PROXY").unwrap(), @r#"".file.example,10.89.0.0/16,10.96.0.0/16,10.244.0.0/16,172.31.255.1,172.31.255.2,demo-control-plane-0,demo-worker-0,host.kipod.internal,.svc,.svc.cluster,.svc.cluster.local""#);
        }
        let file = node.files.iter().find(|file| file.path == "/var/lib/kipod/node.env").unwrap();
        assert_eq!(file.mode, 0o600, "a proxy can have a password");
    }
    let output = format!("{plan:?}{}{machine:?}", serde_json::to_string(&plan).unwrap());
    assert!(!output.contains("a$b"), "{output}");
}

#[test]
fn no_proxy_has_addresses_of_all_families() {
    let proxy = Proxy { http: Some("http://host:1".to_owned()), ..Proxy::default() };
    let machine = Machine { proxy, ..machine() };
    let text = "networking: {ipFamily: dual}\nnodes: [{}, {}, {}]\n";
    let plan = on(machine, &spec(text));
    let value = env(&plan.nodes[0], "NO_PROXY").unwrap();
    for part in ["fd00:10:89:7::/64", "fd00:10:244::/56", "fd00:10:96::/112", "demo-load-balancer"]
    {
        assert!(value.split(&[',', '"']).any(|one| one == part), "{part}: {value}");
    }
}

#[test]
fn nodes_have_no_proxy_variables_without_a_proxy() {
    let plan = planned(1, 0);
    assert!(!text(&plan.nodes[0], "node.env").to_lowercase().contains("proxy"));
}

#[test]
fn all_nodes_have_the_certificate_authorities() {
    let found = FoundRegistries {
        ca_certificates: Some("-----BEGIN CERTIFICATE-----".to_owned()),
        ..FoundRegistries::default()
    };
    let spec = spec("nodes: [{}, {role: worker}]\n");
    for node in &planned_where(&spec, &found).unwrap().nodes {
        assert_eq!(text(node, "ca-certificates.pem"), "-----BEGIN CERTIFICATE-----");
    }
    assert!(!has(&planned_as(&spec).unwrap().nodes[0], "ca-certificates.pem"));
}

#[test]
fn node_has_resources_devices_and_environment() {
    let spec = spec(
        "\
nodes:
- {}
- role: worker
  resources: {cpus: 1.5, memory: 2Gi}
  devices: [/dev/kvm, vendor.com/gpu=all]
  env: {GODEBUG: 'a=\"1\"'}
",
    );
    let plan = on(machine(), &spec);
    let [first, worker] = plan.nodes.as_slice() else { panic!("two nodes") };
    assert_eq!((first.container.milli_cpus, first.container.memory), (None, None));
    assert_eq!(env(first, "KIPOD_MILLI_CPUS"), None);
    assert_eq!(first.container.devices, ["/dev/fuse"]);
    let container = &worker.container;
    assert_eq!((container.milli_cpus, container.memory), (Some(1_500), Some(2 << 30)));
    assert_eq!(env(worker, "KIPOD_MILLI_CPUS"), Some("1500"));
    assert_eq!(env(worker, "KIPOD_MEMORY"), Some("2147483648"));
    assert_eq!(container.devices, ["/dev/fuse", "/dev/kvm", "vendor.com/gpu=all"]);
    assert_eq!(container.env["GODEBUG"], "a=\"1\"");
    assert_eq!(container.env["container"], "podman");
    assert_eq!(env(worker, "GODEBUG"), Some(r#""a=\"1\"""#));
}
