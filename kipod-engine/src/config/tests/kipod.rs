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
hostImages: false
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

#[test]
fn everything_is_printed() {
    insta::assert_snapshot!(print(&spec(FULL)));
    insta::assert_snapshot!(print(&ClusterSpec::default()), @"");
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
    insta::assert_snapshot!(new, @"");
    insta::assert_snapshot!(remarks.join("\n"), @"");
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
    insta::assert_snapshot!(migrate(old, "kind.yaml").unwrap_err().to_string(), @"");
}

#[test]
fn the_schema_for_editors_is_that_of_the_tables() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schema/kipod.io_v1alpha1.json");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let committed: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    assert_eq!(committed, schema(), "write `kipod config schema` to `{path}`");
}
