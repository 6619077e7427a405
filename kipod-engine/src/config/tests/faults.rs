//! What is wrong with files, and where.

use super::*;

#[test]
fn a_text_that_is_no_configuration() {
    for (text, fault) in [
        ("", "c.yaml:1:1: there is nothing in it"),
        ("# only a comment\n", "c.yaml:1:1: there is nothing in it"),
        ("- a\n", "c.yaml:1:1: its top is not a mapping"),
        ("\":", "c.yaml:1:"),
        ("a: b\n c: d\n", "c.yaml:2:3: "),
        ("kind: Cluster\napiVersion: x\n", "c.yaml:2:13: apiVersion: `x` is not an API version"),
        ("kind: Cluster\n", "there is no `apiVersion` in it"),
        ("apiVersion: kipod.io/v1alpha1\n", "there is no `kind: Cluster` in it"),
        ("kind: Node\napiVersion: kipod.io/v1alpha1\n", "c.yaml:1:7: kind: `Node` is not `Cluster`"),
        ("kind: Cluster\napiVersion: kipod.io/v1alpha1\n---\na: b\n", "c.yaml:4:1: a second document starts"),
    ] {
        let all = faults(text);
        assert!(all.contains(fault), "{text:?}: {all}");
    }
}

#[test]
fn all_of_them_at_once_in_the_order_of_the_file() {
    insta::assert_snapshot!(faults("\
kind: Cluster
apiVersion: kipod.io/v1alpha1
name: Big
nmae: x
wait: soon
retain: perhaps
networking:
  podSubnet: [10.0.0.0/8]
  apiServerPort: '6443'
  apiServerPort: 6443
  dnsSearch: [a..b]
featureGates: {allBeta: true, X: 'true', KubeletInUserNamespace: false}
runtimeConfig: {'a b': perhaps}
nodes:
- role: control-plane
  label: {}
  labels: {'-': ok, kubernetes.io/role: x, good: 'no/t'}
  extraMounts:
  - hostPath: /x
  - {hostPath: '', containerPath: x}
  - {hostPath: /a, containerPath: /var/}
  - {hostPath: /a, containerPath: /b}
  - {hostPath: /c, containerPath: /b}
  extraPortMappings: {}
  - nodes
"), @"");
    insta::assert_snapshot!(faults("\
kind: Cluster
apiVersion: kipod.io/v1alpha1
name: Big
nmae: x
wait: soon
retain: perhaps
networking:
  podSubnet: [10.0.0.0/8]
  apiServerPort: '6443'
  apiServerPort: 6443
  dnsSearch: [a..b]
featureGates: {allBeta: true, X: 'true', KubeletInUserNamespace: false}
runtimeConfig: {'a b': perhaps}
crio:
  dropIns:
    a.toml: '[crio'
    b.conf: |
      [crio]
      x = y
registries:
- location: x
- {prefix: 'https://docker.io/', mirrors: [{insecure: true}]}
- {prefix: '*.example.com', location: x}
- prefix: '*.example.com'
nodes:
- role: control-plane
  label: {}
  labels: {'-': ok, kubernetes.io/role: x, good: 'no/t'}
  extraMounts:
  - hostPath: /x
  - {hostPath: '', containerPath: x}
  - {hostPath: /a, containerPath: /var/}
  - {hostPath: /a, containerPath: /b}
  - {hostPath: /c, containerPath: /b}
  extraPortMappings: {}
containerdConfigPatches: [x]
"), @"");
}

#[test]
fn patches_are_checked_where_they_stand() {
    insta::assert_snapshot!(faults("\
kind: Cluster
apiVersion: kipod.io/v1alpha1
kubeadmConfigPatches:
- |
  kind: ClusterConfig
- |
  apiVersion: kubeadm.k8s.io/v1
  kind: InitConfiguration
- |
  kind: InitConfiguration
  a: [
- ''
- a: b
- 'a: b'
- '[]'
nodes:
- kubeadmConfigPatchesJSON6902:
  - kind: KubeletConfiguration
  - {group: kubeadm.k8s.io, version: v1beta4, kind: KubeletConfiguration, patch: 'x'}
  - {kind: KubeletConfiguration, patch: '[{op: ad, path: /a}, {op: add, path: a, value: 1}]'}
"), @"");
}

#[test]
fn aliases_that_lead_nowhere_or_everywhere_end() {
    let head = "kind: Cluster\napiVersion: kipod.io/v1alpha1\n";
    let all = faults(&format!("{head}nodes: &a\n- labels: *a\n"));
    assert!(all.contains("c.yaml:4:11: `*a` is inside of what it stands for"), "{all}");
    let mut bomb = format!("{head}nodes:\n- labels: &a0 {{a: b}}\n");
    for level in 1..30 {
        let below = format!("*a{}", level - 1);
        bomb.push_str(&format!("- &a{level} [{}]\n", [below.as_str(); 9].join(", ")));
    }
    assert!(faults(&bomb).contains("aliases stand for too much"));
    assert!(faults(&format!("{head}<<: 5\n")).contains("`<<` takes in a mapping"));
    let deep = format!("{head}nodes: {}\n", "[".repeat(100_000));
    assert!(faults(&deep).contains("c.yaml:3:"));
}

#[test]
fn a_hundred_nodes_that_are_wrong_are_a_hundred_faults() {
    let mut text = "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes:\n- {}\n".to_owned();
    text.push_str(&"- {role: slave}\n".repeat(100));
    assert!(faults(&text).starts_with("100 faults in what was asked for\n"));
}
