//! Tests of kipod's format: printing, migration from kind's format, and the schema.

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
  resources: {cpus: 1.5, memory: 2Gi}
  devices: [/dev/kvm, vendor.com/gpu=all]
  env: {GODEBUG: madvdontneed=1}
networking:
  apiServerPort: 6443
  kubeProxyMode: none
  dnsSearch: []
featureGates: {AllBeta: true}
runtimeConfig: {api/all: 'true'}
kubeadmConfigPatches: ['kind: KubeletConfiguration']
kubeadmConfigPatchesJSON6902:
- {group: kubeadm.k8s.io, version: v1beta4, kind: ClusterConfiguration, patch: '[]'}
- {kind: InitConfiguration, patch: '[{\"op\": \"remove\", \"path\": \"/nodeRegistration/taints\"}]'}
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
proxy:
  httpProxy: http://proxy.example:3128
  httpsProxy: http://me:secret@proxy.example:3128
  noProxy: [.example.com, 10.0.0.0/8]
hostProxy: false
caCertificates: [ca.pem]
hostCaCertificates: true
hostImages: false
preload:
- quay.io/app/web:1
loadBalancer: false
metrics: true
wait: 90s
retain: true
";

#[test]
fn printed_file_describes_the_same_cluster() {
    for text in [FULL, "kind: Cluster\napiVersion: kipod.io/v1alpha1\n"] {
        let spec = spec(text);
        let printed = print(&spec);
        assert_eq!(super::spec(&printed), spec, "{printed}");
        assert_eq!(print(&super::spec(&printed)), printed);
    }
}

/// Errors of a damaged file have positions in it, and a file that is still valid is printed correctly.
#[test]
fn damaged_file_has_errors_or_is_valid() {
    let damage = ["", ":", "\n", "- ", "'", "{", "&a ", "*a", "\u{0}", "\t", "#", "é"];
    let mut valid = 0;
    for (round, (at, old)) in FULL.char_indices().enumerate() {
        let new = damage[round % damage.len()];
        let text = format!("{}{new}{}", &FULL[..at], &FULL[at + old.len_utf8()..]);
        let lines = text.lines().count() + 1;
        match read(&text, "c.yaml").check() {
            Ok(spec) => {
                valid += 1;
                assert_eq!(super::spec(&print(&spec)), spec, "{text}");
            }
            Err(errors) => {
                for error in &errors {
                    let position = error.position.as_ref().unwrap_or_else(|| panic!("{error}"));
                    assert!((1..=lines).contains(&position.line), "{error}\n{text}");
                }
            }
        }
    }
    assert!((50..FULL.len() - 500).contains(&valid), "{valid}");
}

#[test]
fn all_fields_are_printed() {
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
    hostProxy: true
    hostCaCertificates: false
    hostImages: true
    loadBalancer: true
    metrics: false
    wait: '5m'
    retain: false
    ");
}

#[test]
fn migration_keeps_comments() {
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
    let (new, warnings) = migrate(old, "kind.yaml").unwrap();
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
    insta::assert_snapshot!(warnings.join("\n"), @r"
    kind.yaml:6:14: networking.podSubnet: `10.7.1.0/16` is not a subnet: replaced by `10.7.0.0/16`
    kind.yaml:10:10: nodes[0].image: `kindest/node:v1.35.0` is an image of kind: replaced by `localhost/kipod-node:v1.35.0`
    ");
    assert_eq!(spec(&new), spec(old));
    let (again, warnings) = migrate(&new, "kipod.yaml").unwrap();
    assert_eq!((again, warnings), (new, Vec::new()));
}

#[test]
fn migration_refuses_unsupported_fields() {
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
    invalid configuration: 2 errors
      kind.yaml:4:3: containerdConfigPatches: nodes run CRI-O instead of containerd: in kipod.io/v1alpha1, use `registries` for mirrors and insecure registries, and `crio.dropIns` for other settings
      kind.yaml:8:3: nodes: 2 control planes tolerate no more failures than 1: use an odd number
    ");
}

#[test]
fn committed_schema_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schema/kipod.io_v1alpha1.json");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(text, schema(), "write `kipod config schema` to `{path}`");
}
