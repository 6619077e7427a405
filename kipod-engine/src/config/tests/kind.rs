//! Tests of kind's format as kind documents it.

use std::net::{IpAddr, Ipv6Addr};

use super::*;
use crate::kubernetes::Role;
use crate::spec::{IpFamily, KubeProxyMode, Propagation, Protocol, comma_separated};

const HEAD: &str = "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n";

fn kind(text: &str) -> ClusterSpec {
    spec(&format!("{HEAD}{text}"))
}

#[test]
fn minimal_file_is_the_default_cluster() {
    for text in ["", "nodes:\n", "nodes: []\nnetworking: {}\n", "nodes:\n-\n", "name: ''\n"] {
        assert_eq!(kind(text), ClusterSpec::default(), "{text}");
    }
}

#[test]
fn all_fields_are_read() {
    let spec = kind(
        "\
name: all-of-it
featureGates: {AllAlpha: false, InPlacePodVerticalScaling: yes}
runtimeConfig:
  api/alpha: \"true\"
  batch/v1: false
kubeadmConfigPatches:
- |
  kind: ClusterConfiguration
  apiServer:
    extraArgs: {v: '4'}
kubeadmConfigPatchesJSON6902:
- group: kubeadm.k8s.io
  version: v1beta4
  kind: ClusterConfiguration
  patch: |
    - {op: add, path: /apiServer/certSANs/-, value: my.host}
containerdConfigPatches: []
networking:
  apiServerAddress: 127.0.0.2
  apiServerPort: 7443
  podSubnet: 10.50.0.0/16
  serviceSubnet: 10.60.0.0/16
  disableDefaultCNI: true
  kubeProxyMode: nftables
  dnsSearch: [corp.example, example.]
nodes:
- role: worker
  image: example.com/node:1
  labels: {tier: front, rank: 2}
  extraMounts:
  - hostPath: ./src
    containerPath: /src//code/
    readOnly: true
    selinuxRelabel: true
    propagation: HostToContainer
  - {hostPath: /dev/shm, containerPath: /shm}
  extraPortMappings:
  - containerPort: 0x1F90
    hostPort: 8_080
    listenAddress: '::1'
    protocol: udp
  - containerPort: 443
  kubeadmConfigPatches: ['{kind: JoinConfiguration, dryRun: false}']
- {}
",
    );
    assert_eq!(spec.name.as_str(), "all-of-it");
    assert_eq!(
        spec.feature_gates.into_iter().collect::<Vec<_>>(),
        [("AllAlpha".to_owned(), false), ("InPlacePodVerticalScaling".to_owned(), true)]
    );
    assert_eq!(spec.runtime_config["api/alpha"], "true");
    assert_eq!(spec.runtime_config["batch/v1"], "false");
    assert_eq!((spec.kubeadm_patches.merge.len(), spec.kubeadm_patches.json.len()), (1, 1));
    assert_eq!(
        spec.kubeadm_patches.json[0].location,
        "c.yaml:14:3: kubeadmConfigPatchesJSON6902[0]"
    );
    let networking = &spec.networking;
    assert_eq!(networking.api_server_address, IpAddr::from([127, 0, 0, 2]));
    assert_eq!(networking.api_server_port, Some(7443));
    assert_eq!(networking.pod_subnet.v4.to_string(), "10.50.0.0/16");
    assert_eq!(networking.service_subnet.v4.to_string(), "10.60.0.0/16");
    assert!(networking.disable_default_cni);
    assert_eq!(networking.kube_proxy_mode, KubeProxyMode::Nftables);
    assert_eq!(networking.dns_search.as_deref().unwrap(), ["corp.example", "example."]);
    let [first, worker] = spec.nodes.as_slice() else { panic!("{:?}", spec.nodes) };
    assert_eq!((first.role, worker.role), (Role::ControlPlane, Role::Worker));
    assert_eq!(worker.image.as_ref().unwrap().as_str(), "example.com/node:1");
    assert_eq!((worker.labels["tier"].as_str(), worker.labels["rank"].as_str()), ("front", "2"));
    let mount = &worker.extra_mounts[0];
    assert_eq!(mount.host_path.to_str(), Some("./src"));
    assert_eq!(mount.container_path, "/src/code");
    assert!(mount.read_only && mount.selinux_relabel);
    assert_eq!(mount.propagation, Propagation::HostToContainer);
    assert!(!worker.extra_mounts[1].read_only);
    let [udp, tcp] = worker.extra_port_mappings.as_slice() else { panic!() };
    assert_eq!((udp.container_port, udp.host_port), (8080, Some(8080)));
    assert_eq!((udp.listen_address, udp.protocol), (Ipv6Addr::LOCALHOST.into(), Protocol::Udp));
    assert_eq!((tcp.container_port, tcp.host_port, tcp.protocol), (443, None, Protocol::Tcp));
    assert_eq!(worker.kubeadm_patches.merge.len(), 1);
}

#[test]
fn nodes_are_counted_by_role() {
    let role = |role: &str| format!("- role: {role}\n");
    let nodes = [role("control-plane").repeat(3), role("worker").repeat(3)].concat();
    let spec = kind(&format!("nodes:\n{nodes}"));
    assert_eq!((spec.count(Role::ControlPlane), spec.count(Role::Worker)), (3, 3));
}

#[test]
fn automatic_ports_are_left_to_kipod() {
    let spec = kind(
        "networking: {apiServerPort: -1}\nnodes:\n- extraPortMappings:\n  - {containerPort: 80, hostPort: 0}\n  - {containerPort: 81, hostPort: -1}\n  - {containerPort: 82}\n",
    );
    assert_eq!(spec.networking.api_server_port, None);
    let ports = &spec.nodes[0].extra_port_mappings;
    assert!(ports.iter().all(|port| port.host_port.is_none()), "{ports:?}");
    assert_eq!(kind("networking: {apiServerPort: 0}\n"), ClusterSpec::default());
}

#[test]
fn port_is_unique_by_address_and_protocol() {
    kind(
        "\
nodes:
- extraPortMappings:
  - {containerPort: 80, hostPort: 80, listenAddress: 127.0.0.1, protocol: UDP}
  - {containerPort: 80, hostPort: 80, listenAddress: 127.0.0.1}
  - {containerPort: 80, hostPort: 80, listenAddress: 127.0.0.2}
  - {containerPort: 80, hostPort: 80, listenAddress: '::1'}
  - {containerPort: 80, hostPort: 80, protocol: SCTP}
",
    );
}

#[test]
fn replaced_values_are_warnings() {
    let text = format!(
        "{HEAD}networking: {{podSubnet: 10.7.1.0/16}}\nnodes:\n- image: kindest/node:v1.34.0@sha256:{}\n- {{role: worker, image: docker.io/kindest/node}}\n",
        "a".repeat(64),
    );
    let config = read(&text, "c.yaml");
    let spec = config.check().unwrap();
    assert_eq!(spec.networking.pod_subnet.v4.to_string(), "10.7.0.0/16");
    let image = |index: usize| spec.nodes[index].image.as_ref().unwrap().as_str().to_owned();
    assert_eq!(image(0), "localhost/kipod-node:v1.34.0");
    assert_eq!(image(1), "localhost/kipod-node:latest");
    insta::assert_snapshot!(config.warnings.join("\n"), @r"
    c.yaml:3:25: networking.podSubnet: `10.7.1.0/16` is not a subnet: replaced by `10.7.0.0/16`
    c.yaml:5:10: nodes[0].image: `kindest/node:v1.34.0` is an image of kind: replaced by `localhost/kipod-node:v1.34.0`
    c.yaml:6:25: nodes[1].image: `docker.io/kindest/node` is an image of kind: replaced by `localhost/kipod-node:latest`
    ");
}

#[test]
fn anchors_and_merge_keys_are_expanded() {
    let aliased = kind(
        "\
nodes:
- &base
  role: worker
  labels: &labels {a: b}
  extraMounts: [{hostPath: /a, containerPath: /a}]
- <<: *base
  labels: {<<: *labels, c: d}
- role: control-plane
  labels: *labels
",
    );
    let plain = kind(
        "\
nodes:
- {role: worker, labels: {a: b}, extraMounts: [{hostPath: /a, containerPath: /a}]}
- {role: worker, labels: {a: b, c: d}, extraMounts: [{hostPath: /a, containerPath: /a}]}
- {role: control-plane, labels: {a: b}}
",
    );
    assert_eq!(aliased, plain);
}

#[test]
fn patches_without_effect_are_warnings() {
    let spec = kind(
        "\
kubeadmConfigPatches:
- |
  apiVersion: kubeadm.k8s.io/v1beta2
  kind: ClusterConfiguration
  x: 1
- '{kind: JoinConfiguration}'
nodes:
- kubeadmConfigPatches:
  - '{kind: InitConfiguration}'
  - '{kind: JoinConfiguration}'
- role: worker
  kubeadmConfigPatchesJSON6902:
  - {group: kubelet.config.k8s.io, version: v1beta1, kind: KubeletConfiguration, patch: '[]'}
",
    );
    insta::assert_snapshot!(spec.warnings().join("\n"), @r"
    c.yaml:5:3: kubeadmConfigPatches[0]: has no effect: no supported kubeadm reads `kubeadm.k8s.io/v1beta2`
    c.yaml:12:5: nodes[0].kubeadmConfigPatches[1]: has no effect: kubeadm reads no JoinConfiguration on the first control plane
    c.yaml:15:5: nodes[1].kubeadmConfigPatchesJSON6902[0]: has no effect: kubeadm reads no KubeletConfiguration on a joining node
    ");
}

#[test]
fn invalid_files_of_kind_are_refused() {
    let bad = |text: &str| errors(&format!("{HEAD}{text}"));
    insta::assert_snapshot!(bad("nodes:\n- role: worker\n"), @r"
    invalid configuration: 1 error
      c.yaml:4:3: nodes: a cluster needs at least one control plane
    ");
    insta::assert_snapshot!(bad("nodes:\n- role: master\n- {}\n"), @r"
    invalid configuration: 1 error
      c.yaml:4:9: nodes[0].role: `master` is not a role: expected `control-plane` or `worker`
    ");
    insta::assert_snapshot!(bad("networking: {podSubnet: aa, serviceSubnet: bb}\n"), @r"
    invalid configuration: 2 errors
      c.yaml:3:25: networking.podSubnet: `aa` is not an IPv4 subnet, such as `10.244.0.0/16`
      c.yaml:3:44: networking.serviceSubnet: `bb` is not an IPv4 subnet, such as `10.244.0.0/16`
    ");
    insta::assert_snapshot!(bad("networking:\n  apiServerPort: 9999999\n"), @r"
    invalid configuration: 1 error
      c.yaml:4:18: networking.apiServerPort: `9999999` is not a port number from 1 to 65535
    ");
    insta::assert_snapshot!(bad("networking: {kubeProxyMode: userspace}\n"), @r"
    invalid configuration: 1 error
      c.yaml:3:29: networking.kubeProxyMode: `userspace` is not a kube-proxy mode: expected `iptables`, `nftables`, `ipvs` or `none`
    ");
    insta::assert_snapshot!(bad("networking:\n  ipFamily: ds\n"), @r"
    invalid configuration: 1 error
      c.yaml:4:13: networking.ipFamily: `ds` is not an IP family: expected `ipv4`, `ipv6` or `dual`
    ");
    insta::assert_snapshot!(bad("networking: {podSubnet: '10.1.0.0/24,10.2.0.0/24'}\n"), @r"
    invalid configuration: 1 error
      c.yaml:3:25: networking.podSubnet: `10.1.0.0/24,10.2.0.0/24` does not match the IP family `ipv4`: expected one IPv4 subnet
    ");
    insta::assert_snapshot!(bad("networking: {podSubnet: 'fd00:1::/64'}\n"), @r"
    invalid configuration: 1 error
      c.yaml:3:25: networking.podSubnet: `fd00:1::/64` does not match the IP family `ipv4`: expected one IPv4 subnet
    ");
    insta::assert_snapshot!(
        bad("nodes:\n- extraPortMappings:\n  - {containerPort: 99999, hostPort: -2, protocol: ICMP}\n"),
        @r"
    invalid configuration: 3 errors
      c.yaml:5:21: nodes[0].extraPortMappings[0].containerPort: `99999` is not a port number from 1 to 65535
      c.yaml:5:38: nodes[0].extraPortMappings[0].hostPort: `-2` is not a port number from 1 to 65535
      c.yaml:5:52: nodes[0].extraPortMappings[0].protocol: `ICMP` is not a protocol: expected `TCP`, `UDP` or `SCTP`
    "
    );
    insta::assert_snapshot!(
        bad("nodes:\n- extraPortMappings:\n  - {containerPort: 1, hostPort: 80, listenAddress: 127.0.0.1}\n  - {containerPort: 2, hostPort: 80}\n"),
        @r"
    invalid configuration: 1 error
      c.yaml:6:34: nodes[0].extraPortMappings[1].hostPort: port 80 (TCP) of `0.0.0.0` is already used by another mapping, on `127.0.0.1`
    "
    );
    insta::assert_snapshot!(
        bad("nodes:\n- extraMounts:\n  - {hostPath: /a, containerPath: /a, propagation: Both}\n"),
        @r"
    invalid configuration: 1 error
      c.yaml:5:52: nodes[0].extraMounts[0].propagation: `Both` is not a propagation: expected `None`, `HostToContainer` or `Bidirectional`
    "
    );
    insta::assert_snapshot!(
        bad("nodes:\n- extraPortMappings:\n  - {containerPort: 1, hostport: 2}\n  - role: worker\n"),
        @r"
        invalid configuration: 3 errors
          c.yaml:5:24: nodes[0].extraPortMappings[0].hostport: unknown field; did you mean `hostPort`?
          c.yaml:6:5: nodes[0].extraPortMappings[1].role: unknown field
          c.yaml:6:5: nodes[0].extraPortMappings[1]: missing `containerPort`
        "
    );
    insta::assert_snapshot!(
        bad("containerdConfigPatches:\n- '[plugins]'\ncontainerdConfigPatchesJSON6902: ['[]']\n"),
        @r"
    invalid configuration: 2 errors
      c.yaml:4:3: containerdConfigPatches: nodes run CRI-O instead of containerd: in kipod.io/v1alpha1, use `registries` for mirrors and insecure registries, and `crio.dropIns` for other settings
      c.yaml:5:34: containerdConfigPatchesJSON6902: nodes run CRI-O instead of containerd: in kipod.io/v1alpha1, use `registries` for mirrors and insecure registries, and `crio.dropIns` for other settings
    "
    );
}

#[test]
fn subnets_match_the_ip_family() {
    let families = |text: &str| errors(&format!("{HEAD}networking: {text}\n"));
    let both =
        "{ipFamily: dual, podSubnet: '10.1.0.0/16,fd00:1::/56', serviceSubnet: 'fd00:2::/112'}";
    let networking = kind(&format!("networking: {both}\n")).networking;
    assert_eq!(networking.ip_family, IpFamily::Dual);
    assert_eq!(comma_separated(&networking.pod_subnets()), "10.1.0.0/16,fd00:1::/56");
    assert_eq!(comma_separated(&networking.service_subnets()), "10.96.0.0/16,fd00:2::/112");
    let ipv6_first = "{ipFamily: dual, podSubnet: 'fd00:1::/56,10.1.0.0/16'}";
    let spec = kind(&format!("networking: {ipv6_first}\n"));
    assert_eq!(comma_separated(&spec.networking.pod_subnets()), "fd00:1::/56,10.1.0.0/16");
    assert_eq!(
        comma_separated(&spec.networking.service_subnets()),
        "fd00:10:96::/112,10.96.0.0/16"
    );
    let printed = crate::config::print(&spec);
    assert!(printed.contains("ipFamily: dual\n"), "{printed}");
    assert_eq!(
        crate::config::read(&printed, "p.yaml").check().unwrap().networking,
        spec.networking
    );
    insta::assert_snapshot!(families("{ipFamily: dual, podSubnet: 'fd00:1::/56,10.1.0.0/16', serviceSubnet: '10.2.0.0/16,fd00:2::/112'}"), @r"
    invalid configuration: 1 error
      c.yaml:3:83: networking.serviceSubnet: the order of the IP families is not that of the pod subnet
    ");
    insta::assert_snapshot!(families("{ipFamily: ipv6, podSubnet: 'fd00:172:31::/48'}"), @r"
    invalid configuration: 1 error
      c.yaml:3:41: networking.podSubnet: `fd00:172:31::/48` contains `fd00:172:31:255::1`, the internal address of nodes
    ");
    insta::assert_snapshot!(families("{ipFamily: dual, podSubnet: '10.1.0.0/16,10.2.0.0/16', serviceSubnet: 'fd00:2::/64'}"), @r"
    invalid configuration: 2 errors
      c.yaml:3:41: networking.podSubnet: `10.1.0.0/16,10.2.0.0/16` does not match the IP family `dual`: expected one subnet, or one of each family, separated by a comma
      c.yaml:3:83: networking.serviceSubnet: `fd00:2::/64` is too large: /108 is the largest
    ");
    insta::assert_snapshot!(families("{ipFamily: ipv6, podSubnet: 10.1.0.0/16}"), @r"
    invalid configuration: 1 error
      c.yaml:3:41: networking.podSubnet: `10.1.0.0/16` does not match the IP family `ipv6`: expected one IPv6 subnet
    ");
    let ports =
        "networking: {ipFamily: ipv6}\nnodes:\n- extraPortMappings:\n  - {containerPort: 80}\n";
    insta::assert_snapshot!(errors(&format!("{HEAD}{ports}")), @r"
    invalid configuration: 1 error
      c.yaml:6:5: nodes[0].extraPortMappings[0]: ports are published to the IPv4 address of a node, but pods and Services of IP family `ipv6` have no IPv4 addresses: use `dual`
    ");
}
