//! Errors of files and their positions.

use super::*;

#[test]
fn read_refuses_other_texts() {
    for (text, error) in [
        ("", "c.yaml:1:1: the file is empty"),
        ("# only a comment\n", "c.yaml:1:1: the file is empty"),
        ("- a\n", "c.yaml:1:1: the top level must be a mapping"),
        ("\":", "c.yaml:1:"),
        ("a: b\n c: d\n", "c.yaml:2:3: "),
        ("a:\n- b: {}\n  - c\n", "c.yaml:3:5: while parsing a block mapping"),
        ("kind: Cluster\napiVersion: x\n", "c.yaml:2:13: apiVersion: unknown API version `x`"),
        ("kind: Cluster\n", "missing `apiVersion`"),
        ("apiVersion: kipod.io/v1alpha1\n", "missing `kind: Cluster`"),
        (
            "kind: Node\napiVersion: kipod.io/v1alpha1\n",
            "c.yaml:1:7: kind: `Node` is not `Cluster`",
        ),
        (
            "kind: Cluster\napiVersion: kipod.io/v1alpha1\n---\na: b\n",
            "c.yaml:4:1: unexpected second document",
        ),
    ] {
        let all = errors(text);
        assert!(all.contains(error), "{text:?}: {all}");
    }
}

#[test]
fn errors_are_in_the_order_of_the_file() {
    insta::assert_snapshot!(errors("\
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
    invalid configuration: 31 errors
      c.yaml:3:7: name: `Big` has `B`, where only a-z, 0-9 and - are allowed
      c.yaml:4:1: nmae: unknown field; did you mean `name`?
      c.yaml:5:7: wait: `soon` is not a duration, such as `60s`, `5m` or `1m30s`
      c.yaml:6:9: retain: expected `true` or `false`, found `perhaps`
      c.yaml:8:14: networking.podSubnet: expected text, found a list
      c.yaml:9:18: networking.apiServerPort: expected an integer, found the text `6443`
      c.yaml:10:3: duplicate key `apiServerPort`
      c.yaml:11:15: networking.dnsSearch[0]: `a..b` is not a DNS domain, such as `example.com`
      c.yaml:12:16: featureGates.allBeta: `allBeta` is not a feature gate, such as `AllBeta`
      c.yaml:12:34: featureGates.X: expected `true` or `false`, found the text `true`
      c.yaml:12:42: featureGates.KubeletInUserNamespace: rootless nodes require it, so it cannot be disabled
      c.yaml:13:17: runtimeConfig.a b: `a b` is not an API, such as `api/alpha` or `batch/v1`
      c.yaml:13:24: runtimeConfig.a b: `perhaps` is neither `true` nor `false`
      c.yaml:16:5: crio.dropIns.a.toml: `a.toml` is not a drop-in file name, such as `10-log.conf`
      c.yaml:16:13: crio.dropIns.a.toml: line 1 of the drop-in: unclosed table, expected `]`
      c.yaml:18:7: crio.dropIns.b.conf: line 2 of the drop-in: string values must be quoted, expected literal string
      c.yaml:21:3: registries[0]: missing `prefix`
      c.yaml:22:12: registries[1].prefix: `https://docker.io/` starts with `https://`: use `docker.io`, with `insecure: true` for HTTP
      c.yaml:22:44: registries[1].mirrors[0]: missing `location`
      c.yaml:23:3: registries[2]: a prefix with `*` cannot have a location: all hosts keep their names
      c.yaml:24:3: registries[3]: duplicate registry prefix `*.example.com`
      c.yaml:27:3: nodes[0].label: unknown field; did you mean `labels`?
      c.yaml:28:12: nodes[0].labels.-: `-` is not a label key: expected up to 63 letters, digits, `-`, `_` and `.`, starting and ending with a letter or digit, with an optional domain and `/` before it
      c.yaml:28:50: nodes[0].labels.good: `no/t` is not a label value: expected up to 63 letters, digits, `-`, `_` and `.`, starting and ending with a letter or digit, or nothing
      c.yaml:30:5: nodes[0].extraMounts[0]: missing `containerPath`
      c.yaml:31:5: nodes[0].extraMounts[1]: missing `hostPath`
      c.yaml:31:35: nodes[0].extraMounts[1].containerPath: `x` is not an absolute path
      c.yaml:32:35: nodes[0].extraMounts[2].containerPath: `/var` is reserved for the node: use a path below
      c.yaml:34:35: nodes[0].extraMounts[4].containerPath: `/b` is already the path of another mount of the node
      c.yaml:35:22: nodes[0].extraPortMappings: expected a list, found a mapping
      c.yaml:36:26: containerdConfigPatches: nodes run CRI-O instead of containerd: in kipod.io/v1alpha1, use `registries` for mirrors and insecure registries, and `crio.dropIns` for other settings
    ");
}

#[test]
fn patch_errors_have_positions() {
    insta::assert_snapshot!(errors("\
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
    invalid configuration: 12 errors
      c.yaml:5:3: kubeadmConfigPatches[0]: `ClusterConfig` is not a kind of the kubeadm configuration; did you mean `ClusterConfiguration`?
      c.yaml:7:3: kubeadmConfigPatches[1]: `kubeadm.k8s.io/v1` is not an API version of InitConfiguration: use `kubeadm.k8s.io/v1beta4`
      c.yaml:10:3: kubeadmConfigPatches[2]: line 2 of the patch: unclosed bracket '['
      c.yaml:12:3: kubeadmConfigPatches[3]: the patch is empty
      c.yaml:13:3: kubeadmConfigPatches[4]: expected text, found a mapping
      c.yaml:14:3: kubeadmConfigPatches[5]: the patch has no `kind` of the object to patch
      c.yaml:15:3: kubeadmConfigPatches[6]: document 1 of the patch is not a mapping
      c.yaml:18:5: nodes[0].kubeadmConfigPatchesJSON6902[0]: missing `patch`
      c.yaml:19:5: nodes[0].kubeadmConfigPatchesJSON6902[1]: `kubeadm.k8s.io/v1beta4` is not an API version of KubeletConfiguration: use `kubelet.config.k8s.io/v1beta1`
      c.yaml:19:5: nodes[0].kubeadmConfigPatchesJSON6902[1]: the patch is not a list of operations
      c.yaml:20:5: nodes[0].kubeadmConfigPatchesJSON6902[2]: operation 1: unknown variant `ad`, expected one of `add`, `remove`, `replace`, `move`, `copy`, `test`
      c.yaml:20:5: nodes[0].kubeadmConfigPatchesJSON6902[2]: operation 2: json pointer failed to parse; does not start with a slash ('/') and is not empty
    ");
}

#[test]
fn errors_of_proxies_and_nodes_have_positions() {
    insta::assert_snapshot!(errors("\
kind: Cluster
apiVersion: kipod.io/v1alpha1
proxy:
  httpProxy: http://localhost:3128
  httpsProxy: http://me:secret@proxy/path
  noProxy: ['a b', '', ok]
caCertificates: ['']
nodes:
- resources: {cpus: 0, memory: lots}
  devices: [/etc/passwd, /dev/../x, /dev/a:/dev/b, vendor/gpu, vendor.com/gpu=all, /dev/kvm]
  env: {A-B: x, PATH: x, KIPOD_X: x, OK: x}
"), @r"
    invalid configuration: 14 errors
      c.yaml:4:14: proxy.httpProxy: nodes cannot reach a proxy at `localhost`, which is an address of the loopback interface: let the proxy listen on all addresses, and use `host.kipod.internal` or an address of this host
      c.yaml:5:15: proxy.httpsProxy: not the URL of a proxy, such as `http://proxy.example:3128`
      c.yaml:6:13: proxy.noProxy[0]: `a b` is not a host, a domain or a subnet, such as `.example.com` or `10.0.0.0/8`
      c.yaml:6:20: proxy.noProxy[1]: `` is not a host, a domain or a subnet, such as `.example.com` or `10.0.0.0/8`
      c.yaml:7:18: caCertificates[0]: the path is empty
      c.yaml:9:21: nodes[0].resources.cpus: `0` is not a number of processors, such as `2`, `1.5` or `1500m`
      c.yaml:9:32: nodes[0].resources.memory: `lots` is not a memory size, such as `2Gi` or `500M`
      c.yaml:10:13: nodes[0].devices[0]: `/etc/passwd` is neither a path below `/dev` nor a name of the Container Device Interface, such as `/dev/kvm` or `vendor.com/gpu=all`
      c.yaml:10:26: nodes[0].devices[1]: `/dev/../x` is neither a path below `/dev` nor a name of the Container Device Interface, such as `/dev/kvm` or `vendor.com/gpu=all`
      c.yaml:10:37: nodes[0].devices[2]: `/dev/a:/dev/b` is neither a path below `/dev` nor a name of the Container Device Interface, such as `/dev/kvm` or `vendor.com/gpu=all`
      c.yaml:10:52: nodes[0].devices[3]: `vendor/gpu` is neither a path below `/dev` nor a name of the Container Device Interface, such as `/dev/kvm` or `vendor.com/gpu=all`
      c.yaml:11:9: nodes[0].env.A-B: `A-B` is not the name of a variable: expected letters, digits and `_`, not starting with a digit
      c.yaml:11:17: nodes[0].env.PATH: `PATH` is set by nodes themselves
      c.yaml:11:26: nodes[0].env.KIPOD_X: `KIPOD_X` is set by nodes themselves
    ");
}

#[test]
fn circular_and_huge_aliases_are_refused() {
    let head = "kind: Cluster\napiVersion: kipod.io/v1alpha1\n";
    let all = errors(&format!("{head}nodes: &a\n- labels: *a\n"));
    assert!(all.contains("c.yaml:4:11: `*a` refers to its own parent"), "{all}");
    let mut bomb = format!("{head}nodes:\n- labels: &a0 {{a: b}}\n");
    for level in 1..30 {
        let below = format!("*a{}", level - 1);
        bomb.push_str(&format!("- &a{level} [{}]\n", [below.as_str(); 9].join(", ")));
    }
    assert!(errors(&bomb).contains("aliases expand to too many nodes"));
    assert!(errors(&format!("{head}<<: 5\n")).contains("`<<` needs a mapping"));
    let deep = format!("{head}nodes: {}\n", "[".repeat(100_000));
    assert!(errors(&deep).contains("c.yaml:3:"));
}

#[test]
fn each_invalid_node_is_an_error() {
    let mut text = "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes:\n- {}\n".to_owned();
    text.push_str(&"- {role: slave}\n".repeat(100));
    assert!(errors(&text).starts_with("invalid configuration: 100 errors\n"));
}
