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
        ("a:\n- b: {}\n  - c\n", "c.yaml:3:5: while parsing a block mapping"),
        ("kind: Cluster\napiVersion: x\n", "c.yaml:2:13: apiVersion: `x` is not an API version"),
        ("kind: Cluster\n", "there is no `apiVersion` in it"),
        ("apiVersion: kipod.io/v1alpha1\n", "there is no `kind: Cluster` in it"),
        (
            "kind: Node\napiVersion: kipod.io/v1alpha1\n",
            "c.yaml:1:7: kind: `Node` is not `Cluster`",
        ),
        (
            "kind: Cluster\napiVersion: kipod.io/v1alpha1\n---\na: b\n",
            "c.yaml:4:1: a second document starts",
        ),
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
"), @r"
    32 faults in what was asked for
      c.yaml:3:7: name: `Big` has `B`, where only a-z, 0-9 and - may stand
      c.yaml:4:1: nmae: there is no such field; did you mean `name`?
      c.yaml:5:7: wait: `soon` is not a length of time, such as `60s`, `5m` or `1m30s`
      c.yaml:6:9: retain: `perhaps` stands where `true` or `false` belongs
      c.yaml:8:14: networking.podSubnet: a list stands where text belongs
      c.yaml:9:18: networking.apiServerPort: the text `6443` stands where a whole number belongs
      c.yaml:10:3: key `apiServerPort` stands here twice
      c.yaml:11:15: networking.dnsSearch[0]: `a..b` is not a DNS domain, such as `example.com`
      c.yaml:12:16: featureGates.allBeta: `allBeta` is not a feature gate's name, such as `AllBeta`
      c.yaml:12:34: featureGates.X: the text `true` stands where `true` or `false` belongs
      c.yaml:12:42: featureGates.KubeletInUserNamespace: rootless nodes cannot do without it, so it cannot be turned off
      c.yaml:13:17: runtimeConfig.a b: `a b` is not an API, such as `api/alpha` or `batch/v1`
      c.yaml:13:24: runtimeConfig.a b: `perhaps` is neither `true` nor `false`
      c.yaml:16:5: crio.dropIns.a.toml: `a.toml` is not a drop-in's file name, such as `10-log.conf`
      c.yaml:16:13: crio.dropIns.a.toml: line 1 of the drop-in: unclosed table, expected `]`
      c.yaml:18:7: crio.dropIns.b.conf: line 2 of the drop-in: string values must be quoted, expected literal string
      c.yaml:21:3: registries[0]: has no `prefix`
      c.yaml:22:12: registries[1].prefix: `https://docker.io/` starts with `https://`: write `docker.io`, and `insecure: true` for HTTP
      c.yaml:22:44: registries[1].mirrors[0]: has no `location`
      c.yaml:23:3: registries[2]: a prefix with `*` takes no location: every host keeps its name
      c.yaml:24:3: registries[3]: there is another registry with the prefix `*.example.com`
      c.yaml:27:3: nodes[0].label: there is no such field; did you mean `labels`?
      c.yaml:28:12: nodes[0].labels.-: `-` is not a label's key: up to 63 letters, digits, `-`, `_` and `.`, the first and last a letter or digit, with a domain and `/` before it or not
      c.yaml:28:21: nodes[0].labels.kubernetes.io/role: `kubernetes.io/role` is one that a node may not give itself: only the API server's clients may
      c.yaml:28:50: nodes[0].labels.good: `no/t` is not a label's value: up to 63 letters, digits, `-`, `_` and `.`, the first and last a letter or digit, or nothing
      c.yaml:30:5: nodes[0].extraMounts[0]: has no `containerPath`
      c.yaml:31:5: nodes[0].extraMounts[1]: has no `hostPath`
      c.yaml:31:35: nodes[0].extraMounts[1].containerPath: `x` is not an absolute path
      c.yaml:32:35: nodes[0].extraMounts[2].containerPath: `/var` is the node's own: what lies below a path like it is free
      c.yaml:34:35: nodes[0].extraMounts[4].containerPath: another mount of this node is at `/b` already
      c.yaml:35:22: nodes[0].extraPortMappings: a mapping stands where a list belongs
      c.yaml:36:26: containerdConfigPatches: nodes run CRI-O, which has no such configuration: in kipod.io/v1alpha1, `registries` has mirrors and insecure registries, and `crio.dropIns` everything else
    ");
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
"), @r"
    12 faults in what was asked for
      c.yaml:5:3: kubeadmConfigPatches[0]: `ClusterConfig` is no kind of document that kubeadm reads; did you mean `ClusterConfiguration`?
      c.yaml:7:3: kubeadmConfigPatches[1]: `kubeadm.k8s.io/v1` is no API version of InitConfiguration: `kubeadm.k8s.io/v1beta4` is
      c.yaml:10:3: kubeadmConfigPatches[2]: line 2 of the patch: unclosed bracket '['
      c.yaml:12:3: kubeadmConfigPatches[3]: the patch is empty
      c.yaml:13:3: kubeadmConfigPatches[4]: a mapping stands where text belongs
      c.yaml:14:3: kubeadmConfigPatches[5]: the patch has no `kind`, which says what document it is for
      c.yaml:15:3: kubeadmConfigPatches[6]: document 1 of the patch is not a mapping
      c.yaml:18:5: nodes[0].kubeadmConfigPatchesJSON6902[0]: has no `patch`
      c.yaml:19:5: nodes[0].kubeadmConfigPatchesJSON6902[1]: `kubeadm.k8s.io/v1beta4` is no API version of KubeletConfiguration: `kubelet.config.k8s.io/v1beta1` is
      c.yaml:19:5: nodes[0].kubeadmConfigPatchesJSON6902[1]: the patch is not a list of operations
      c.yaml:20:5: nodes[0].kubeadmConfigPatchesJSON6902[2]: operation 1: unknown variant `ad`, expected one of `add`, `remove`, `replace`, `move`, `copy`, `test`
      c.yaml:20:5: nodes[0].kubeadmConfigPatchesJSON6902[2]: operation 2: json pointer failed to parse; does not start with a slash ('/') and is not empty
    ");
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
