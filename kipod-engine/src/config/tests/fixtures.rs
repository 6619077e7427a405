//! Realistic files of kind's format: `kind/valid-*.yaml` and `kind/invalid-*.yaml`.

use super::*;
use crate::kubernetes::Role;

fn file(name: &str) -> String {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/src/config/tests/kind");
    std::fs::read_to_string(format!("{directory}/{name}.yaml")).unwrap()
}

/// Returns the names of all files with a prefix.
fn names(start: &str) -> Vec<String> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/src/config/tests/kind");
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name());
    let names = entries.map(|name| name.to_str().unwrap().trim_end_matches(".yaml").to_owned());
    let mut names: Vec<_> = names.filter(|name| name.starts_with(start)).collect();
    names.sort();
    names
}

#[test]
fn valid_files_describe_clusters() {
    let mut lines = String::new();
    for name in names("valid-") {
        let config = read(&file(&name), "c.yaml");
        let spec = config.check().unwrap_or_else(|errors| panic!("{name}: {errors}"));
        let count = |role| spec.count(role);
        lines.push_str(&format!(
            "{name}: `{}`, {} + {}, {} + {} patches, {} mounts, {} ports\n",
            spec.name,
            count(Role::ControlPlane),
            count(Role::Worker),
            spec.kubeadm_patches.merge.len() + spec.kubeadm_patches.json.len(),
            spec.nodes.iter().map(|node| node.kubeadm_patches.merge.len()).sum::<usize>(),
            spec.nodes.iter().map(|node| node.extra_mounts.len()).sum::<usize>(),
            spec.nodes.iter().map(|node| node.extra_port_mappings.len()).sum::<usize>(),
        ));
        assert_eq!((config.warnings, spec.warnings()), (Vec::new(), Vec::new()), "{name}");
    }
    insta::assert_snapshot!(lines, @r"
    valid-features: `kipod`, 1 + 0, 0 + 0 patches, 0 mounts, 0 ports
    valid-five-nodes: `kipod`, 3 + 2, 0 + 0 patches, 0 mounts, 0 ports
    valid-least: `kipod`, 1 + 0, 0 + 0 patches, 0 mounts, 0 ports
    valid-mounts-and-ports: `shop`, 1 + 1, 0 + 0 patches, 2 mounts, 2 ports
    valid-networking: `kipod`, 1 + 0, 0 + 0 patches, 0 mounts, 0 ports
    valid-patches: `kipod`, 1 + 1, 3 + 1 patches, 0 mounts, 0 ports
    valid-worker: `kipod`, 1 + 1, 0 + 0 patches, 0 mounts, 0 ports
    ");
}

#[test]
fn invalid_files_are_refused_with_positions() {
    let all: String =
        names("invalid-").iter().map(|name| format!("{name}: {}\n", errors(&file(name)))).collect();
    insta::assert_snapshot!(all, @r"
    invalid-api-version: invalid configuration: 1 error
      c.yaml:1:13: apiVersion: unknown API version `kind.x-k8s.io/v1alpha3`: expected `kind.x-k8s.io/v1alpha4` or `kipod.io/v1alpha1`
    invalid-containerd: invalid configuration: 1 error
      c.yaml:5:3: containerdConfigPatches: nodes run CRI-O instead of containerd: in kipod.io/v1alpha1, use `registries` for mirrors and insecure registries, and `crio.dropIns` for other settings
    invalid-field: invalid configuration: 1 error
      c.yaml:7:5: nodes[0].extraPortMappings[0].hostPorts: unknown field; did you mean `hostPort`?
    invalid-indent: invalid configuration: 3 errors
      c.yaml:9:5: nodes[0].extraMounts[1].role: unknown field
      c.yaml:9:5: nodes[0].extraMounts[1]: missing `hostPath`
      c.yaml:9:5: nodes[0].extraMounts[1]: missing `containerPath`
    invalid-kind: invalid configuration: 1 error
      c.yaml:2:7: kind: `Clusters` is not `Cluster`
    invalid-networking: invalid configuration: 5 errors
      c.yaml:4:13: networking.ipFamily: `ipv5` is not an IP family: expected `ipv4`, `ipv6` or `dual`
      c.yaml:5:18: networking.apiServerPort: `70000` is not a port number from 1 to 65535
      c.yaml:6:14: networking.podSubnet: `pods` is not an IPv4 subnet, such as `10.244.0.0/16`
      c.yaml:7:18: networking.serviceSubnet: `10.1.0.0/16,10.2.0.0/16` does not match the IP family `ipv4`: expected one IPv4 subnet
      c.yaml:8:18: networking.kubeProxyMode: `userspace` is not a kube-proxy mode: expected `iptables`, `nftables`, `ipvs` or `none`
    invalid-role: invalid configuration: 1 error
      c.yaml:4:9: nodes[0].role: `etcd` is not a role: expected `control-plane` or `worker`
    invalid-workers-only: invalid configuration: 1 error
      c.yaml:4:3: nodes: a cluster needs at least one control plane
    invalid-yaml: invalid configuration: 1 error
      c.yaml:2:7: unclosed quote
    ");
}
