//! Whole files of kind's format, as people have them: `kind/valid-*.yaml` and `kind/invalid-*.yaml`.

use super::*;
use crate::kubernetes::Role;

fn file(name: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/config/tests/kind");
    std::fs::read_to_string(format!("{folder}/{name}.yaml")).unwrap()
}

/// The names of all files that begin so.
fn names(start: &str) -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/config/tests/kind");
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let names = entries.map(|name| name.to_str().unwrap().trim_end_matches(".yaml").to_owned());
    let mut names: Vec<_> = names.filter(|name| name.starts_with(start)).collect();
    names.sort();
    names
}

#[test]
fn valid_files_ask_for_clusters() {
    let mut lines = String::new();
    for name in names("valid-") {
        let config = read(&file(&name), "c.yaml");
        let spec = config.check().unwrap_or_else(|faults| panic!("{name}: {faults}"));
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
        assert_eq!((config.remarks, spec.remarks()), (Vec::new(), Vec::new()), "{name}");
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
fn invalid_files_are_refused_with_what_is_wrong_and_where() {
    let all: String =
        names("invalid-").iter().map(|name| format!("{name}: {}\n", faults(&file(name)))).collect();
    insta::assert_snapshot!(all, @r"
    invalid-api-version: 1 fault in what was asked for
      c.yaml:1:13: apiVersion: `kind.x-k8s.io/v1alpha3` is not an API version that kipod reads: `kind.x-k8s.io/v1alpha4` and `kipod.io/v1alpha1` are
    invalid-containerd: 1 fault in what was asked for
      c.yaml:5:3: containerdConfigPatches: nodes run CRI-O, which has no such configuration: in kipod.io/v1alpha1, `registries` has mirrors and insecure registries, and `crio.dropIns` everything else
    invalid-field: 1 fault in what was asked for
      c.yaml:7:5: nodes[0].extraPortMappings[0].hostPorts: there is no such field; did you mean `hostPort`?
    invalid-indent: 3 faults in what was asked for
      c.yaml:9:5: nodes[0].extraMounts[1].role: there is no such field
      c.yaml:9:5: nodes[0].extraMounts[1]: has no `hostPath`
      c.yaml:9:5: nodes[0].extraMounts[1]: has no `containerPath`
    invalid-kind: 1 fault in what was asked for
      c.yaml:2:7: kind: `Clusters` is not `Cluster`
    invalid-networking: 5 faults in what was asked for
      c.yaml:4:13: networking.ipFamily: `ipv5` is not an IP family: `ipv4`, `ipv6` and `dual` are
      c.yaml:5:18: networking.apiServerPort: `70000` is not a port, which is a number from 1 to 65535
      c.yaml:6:14: networking.podSubnet: `pods` is not an IPv4 subnet, such as `10.244.0.0/16`
      c.yaml:7:18: networking.serviceSubnet: `10.1.0.0/16,10.2.0.0/16` does not fit the IP family `ipv4`, which takes one IPv4 subnet
      c.yaml:8:18: networking.kubeProxyMode: `userspace` is not a kube-proxy mode: `iptables`, `nftables`, `ipvs` and `none` are
    invalid-role: 1 fault in what was asked for
      c.yaml:4:9: nodes[0].role: `etcd` is not a role: `control-plane` and `worker` are
    invalid-workers-only: 1 fault in what was asked for
      c.yaml:4:3: nodes: there is no control plane, and a cluster needs one
    invalid-yaml: 1 fault in what was asked for
      c.yaml:2:7: unclosed quote
    ");
}
