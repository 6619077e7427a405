//! kipod's own format: what is printed, what kind's becomes, and the schema.

use super::*;

const FULL: &str = "\
apiVersion: kipod.io/v1alpha1
kind: Cluster
name: full
image: localhost/kipod-node:v1.35.1
nodes:
- role: control-plane
  labels:
    a: \"1\"
    b: 'yes'
  extraMounts:
  - hostPath: ./data
    containerPath: /data
    propagation: Bidirectional
  extraPortMappings:
  - containerPort: 30000
    hostPort: 8080
    listenAddress: '::'
    protocol: SCTP
  - containerPort: 30001
    listenAddress: 127.0.0.1
- role: worker
  image: localhost/kipod-node:v1.34.0
  kubeadmConfigPatches:
  - |
    # Fewer pods.
    kind: JoinConfiguration
    nodeRegistration:
      taints: []
networking:
  apiServerPort: 6443
  kubeProxyMode: none
  dnsSearch: []
featureGates: {AllBeta: true}
runtimeConfig: {api/all: 'true'}
kubeadmConfigPatches: ['kind: KubeletConfiguration']
kubeadmConfigPatchesJSON6902:
- {group: kubeadm.k8s.io, version: v1beta4, kind: ClusterConfiguration, patch: '[]'}
- {kind: InitConfiguration, patch: '[{\"op\": \"remove\", \"path\": \"/taints\"}]'}
crio:
  dropIns:
    10-log.conf: |
      [crio.runtime]
      log_level = \"debug\"
registries:
- prefix: docker.io
  mirrors:
  - location: mirror.example.com:5000/hub
    insecure: true
- {prefix: registry:5000, location: localhost:5000, insecure: true}
registryAuthFile: auth.json
hostImages: false
preload:
- quay.io/app/web:1
loadBalancer: false
metrics: true
wait: 90s
retain: true
";

#[test]
fn what_is_printed_asks_for_the_same_cluster() {
    for text in [FULL, "kind: Cluster\napiVersion: kipod.io/v1alpha1\n"] {
        let spec = spec(text);
        let printed = print(&spec);
        assert_eq!(super::spec(&printed), spec, "{printed}");
        assert_eq!(print(&super::spec(&printed)), printed);
    }
}

/// Whatever happens to a file, its faults have places in it, and what still is good is printed so
/// that it stays what it is.
#[test]
fn a_file_that_was_damaged_anywhere_is_told_or_still_good() {
    let damage = ["", ":", "\n", "- ", "'", "{", "&a ", "*a", "\u{0}", "\t", "#", "é"];
    let mut good = 0;
    for (round, (at, old)) in FULL.char_indices().enumerate() {
        let new = damage[round % damage.len()];
        let text = format!("{}{new}{}", &FULL[..at], &FULL[at + old.len_utf8()..]);
        let lines = text.lines().count() + 1;
        match read(&text, "c.yaml").check() {
            Ok(spec) => {
                good += 1;
                assert_eq!(super::spec(&print(&spec)), spec, "{text}");
            }
            Err(faults) => {
                for fault in &faults {
                    let position = fault.position.as_ref().unwrap_or_else(|| panic!("{fault}"));
                    assert!((1..=lines).contains(&position.line), "{fault}\n{text}");
                }
            }
        }
    }
    assert!((50..FULL.len() - 500).contains(&good), "{good}");
}

#[test]
fn everything_is_printed() {
    insta::assert_snapshot!(print(&spec(FULL)));
    insta::assert_snapshot!(print(&ClusterSpec::default()), @r"
    apiVersion: kipod.io/v1alpha1
    kind: Cluster
    name: kipod
    image: localhost/kipod-node:latest
    nodes:
    - role: control-plane
    networking:
      ipFamily: ipv4
      apiServerAddress: '127.0.0.1'
      podSubnet: 10.244.0.0/16
      serviceSubnet: 10.96.0.0/16
      disableDefaultCNI: false
      kubeProxyMode: iptables
    hostImages: true
    loadBalancer: true
    metrics: false
    wait: '5m'
    retain: false
    ");
}

#[test]
fn kinds_format_becomes_kipods_with_its_comments() {
    let old = "\
# Our cluster.
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4 # of kind
networking:
  apiServerPort: -1
  podSubnet: 10.7.1.0/16
# The nodes.
nodes:
- role: control-plane
  image: kindest/node:v1.35.0
  extraPortMappings:
  - {containerPort: 80, hostPort: 0}
  kubeadmConfigPatches:
  - |
    # Ready for ingress.
    kind: InitConfiguration
    nodeRegistration:
      kubeletExtraArgs:
        node-labels: \"ingress-ready=true\"
- &worker
  role: worker # the first
  labels: {tier: front}
- *worker
# The end.
";
    let (new, remarks) = migrate(old, "kind.yaml").unwrap();
    insta::assert_snapshot!(new, @r#"
    # Our cluster.
    kind: Cluster
    apiVersion: kipod.io/v1alpha1 # of kind
    networking:
      podSubnet: 10.7.0.0/16
    # The nodes.
    nodes:
    - role: control-plane
      image: localhost/kipod-node:v1.35.0
      extraPortMappings:
      - containerPort: 80
      kubeadmConfigPatches:
      - |
        # Ready for ingress.
        kind: InitConfiguration
        nodeRegistration:
          kubeletExtraArgs:
            node-labels: "ingress-ready=true"
    - role: worker # the first
      labels:
        tier: front
    - role: worker # the first
      labels:
        tier: front
    # The end.
    "#);
    insta::assert_snapshot!(remarks.join("\n"), @r"
    kind.yaml:6:14: networking.podSubnet: `10.7.1.0/16` is taken for `10.7.0.0/16`
    kind.yaml:10:10: nodes[0].image: `kindest/node:v1.35.0` is kind's own image: `localhost/kipod-node:v1.35.0` takes its place
    ");
    assert_eq!(spec(&new), spec(old));
    let (again, remarks) = migrate(&new, "kipod.yaml").unwrap();
    assert_eq!((again, remarks), (new, Vec::new()));
}

#[test]
fn what_cannot_be_carried_over_is_named() {
    let old = "\
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
containerdConfigPatches:
- |-
  [plugins.\"io.containerd.grpc.v1.cri\".registry]
    config_path = \"/etc/containerd/certs.d\"
nodes:
- role: control-plane
- role: control-plane
";
    insta::assert_snapshot!(migrate(old, "kind.yaml").unwrap_err().to_string(), @r"
    2 faults in what was asked for
      kind.yaml:4:3: containerdConfigPatches: nodes run CRI-O, which has no such configuration: in kipod.io/v1alpha1, `registries` has mirrors and insecure registries, and `crio.dropIns` everything else
      kind.yaml:8:3: nodes: 2 control planes survive no more failures than 1: an odd number, please
    ");
}

#[test]
fn the_schema_for_editors_is_that_of_the_tables() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schema/kipod.io_v1alpha1.json");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let committed: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    assert_eq!(committed, schema(), "write `kipod config schema` to `{path}`");
}
