//! The documents that kubeadm reads, and its patches.
//!
//! They are JSON, which YAML contains.

use std::time::Duration;

use serde_json::{Value, json};

use super::{API_PORT, CgroupMode, NodeFile, NodeSettings};
use crate::spec::INTERNAL_NODE_ADDRESS;
use crate::time_factor::TimeFactor;

const PATCHES: &str = "/var/lib/kipod/kubeadm/patches";
const CRI_SOCKET: &str = "unix:///run/crio/crio.sock";

/// All documents of `kubeadm init`, as one file.
pub(super) fn init_documents(node: &NodeSettings<'_>) -> String {
    [init(node), cluster(node), kubelet(node), kube_proxy(node)]
        .iter()
        .map(|document| format!("{document:#}\n"))
        .collect::<Vec<_>>()
        .join("---\n")
}

fn init(node: &NodeSettings<'_>) -> Value {
    json!({
        "apiVersion": "kubeadm.k8s.io/v1beta4",
        "kind": "InitConfiguration",
        "localAPIEndpoint": {
            "advertiseAddress": INTERNAL_NODE_ADDRESS,
            "bindPort": API_PORT,
        },
        "bootstrapTokens": [{
            "token": node.credentials.token.as_str(),
            "description": "joins the nodes that kipod creates",
            // A node may be added on any later day.
            "ttl": "0s",
            "usages": ["signing", "authentication"],
            "groups": ["system:bootstrappers:kubeadm:default-node-token"],
        }],
        "nodeRegistration": {
            "name": node.name,
            "criSocket": CRI_SOCKET,
            "imagePullPolicy": "IfNotPresent",
            // The one node is for everybody's pods.
            "taints": [],
            "kubeletExtraArgs": [
                { "name": "node-ip", "value": INTERNAL_NODE_ADDRESS },
            ],
        },
        "patches": { "directory": PATCHES },
        "timeouts": timeouts(node.time_factor),
        // The checks are those of a machine, and `kipod check` has made the ones that matter. The
        // kubelet's certificate is renewed as it is; what `kubelet-finalize` adds is a restart.
        // The add-ons come right after, side by side.
        "skipPhases": ["preflight", "kubelet-finalize", "addon", "show-join-command"],
    })
}

/// How long kubeadm waits for each of these, in seconds, where nobody says otherwise.
/// Source: kubeadm's configuration API v1beta4, `Timeouts`.
const TIMEOUTS: [(&str, u64); 5] = [
    ("controlPlaneComponentHealthCheck", 240),
    ("kubeletHealthCheck", 240),
    ("kubernetesAPICall", 60),
    ("etcdAPICall", 120),
    ("tlsBootstrap", 300),
];

/// kubeadm derives the start-up probes of the control plane from the first of them, too.
fn timeouts(factor: TimeFactor) -> Value {
    TIMEOUTS
        .iter()
        .map(|(name, seconds)| {
            let limit = factor.of(Duration::from_secs(*seconds));
            ((*name).to_owned(), json!(format!("{}ms", limit.as_millis())))
        })
        .collect()
}

fn cluster(node: &NodeSettings<'_>) -> Value {
    let arg = |name: &str, value: &str| json!({ "name": name, "value": value });
    json!({
        "apiVersion": "kubeadm.k8s.io/v1beta4",
        "kind": "ClusterConfiguration",
        "clusterName": node.cluster,
        "kubernetesVersion": node.kubernetes_version,
        // Made in a millisecond each, where RSA takes a second for all of them.
        "encryptionAlgorithm": "ECDSA-P256",
        "networking": {
            "podSubnet": node.pod_subnet,
            "serviceSubnet": node.service_subnet,
            "dnsDomain": "cluster.local",
        },
        "apiServer": {
            "certSANs": [node.name, "localhost", "127.0.0.1", node.api_server_address],
        },
        "controllerManager": {
            // There is one of each: an election would only be waited for. And each controller asks
            // for an account of its own before the first one starts, one after the other: at the
            // default of 20 requests a second that alone takes four seconds.
            "extraArgs": [
                arg("leader-elect", "false"),
                arg("kube-api-qps", "300"),
                arg("kube-api-burst", "600"),
            ],
        },
        "scheduler": { "extraArgs": [arg("leader-elect", "false")] },
        "etcd": {
            "local": {
                "dataDir": "/var/lib/etcd",
                // The cluster is as durable as the page cache: a power cut may cost it.
                "extraArgs": [arg("unsafe-no-fsync", "true")],
            },
        },
    })
}

fn kubelet(node: &NodeSettings<'_>) -> Value {
    let mut document = json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "containerRuntimeEndpoint": CRI_SOCKET,
        "failSwapOn": false,
        // The disk is the host's, and so is the decision what to do when it is full.
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {
            "imagefs.available": "0%",
            "nodefs.available": "0%",
            "nodefs.inodesFree": "0%",
        },
        "serializeImagePulls": false,
        "featureGates": { "KubeletInUserNamespace": true },
    });
    let cgroups = match node.cgroups {
        CgroupMode::Delegated => json!({ "cgroupDriver": "systemd" }),
        CgroupMode::Unlimited => json!({
            "cgroupDriver": "cgroupfs",
            "cgroupsPerQOS": false,
            // An empty list is dropped on its way through kubeadm; `none` says the same.
            "enforceNodeAllocatable": ["none"],
        }),
    };
    if let (Value::Object(document), Value::Object(cgroups)) = (&mut document, cgroups) {
        document.extend(cgroups);
    }
    document
}

fn kube_proxy(node: &NodeSettings<'_>) -> Value {
    json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "iptables",
        "clusterCIDR": node.pod_subnet,
        "iptables": { "minSyncPeriod": "100ms" },
        // The host's own tables: a user namespace may not resize them or change their timeouts.
        "conntrack": {
            "maxPerCore": 0,
            "tcpEstablishedTimeout": "0s",
            "tcpCloseWaitTimeout": "0s",
        },
    })
}

/// kubeadm's patches: they change what it makes, not what it does.
pub(super) fn patches(factor: TimeFactor) -> Vec<NodeFile> {
    let patch = |target: &str, patch: Value| {
        NodeFile::new(&format!("kubeadm/patches/{target}+strategic.json"), format!("{patch:#}\n"))
    };
    // One CoreDNS is enough for one node, and it is ready when it says so, not up to ten seconds
    // later.
    let coredns = json!({ "spec": {
        "replicas": 1,
        "template": { "spec": { "containers": [{
            "name": "coredns",
            "readinessProbe": { "periodSeconds": 1 },
        }] } },
    } });
    // So are the static pods. They have the four minutes that kubeadm gives them, and a slow
    // machine, for which a question is work, is asked less often.
    let seconds = factor.of(Duration::from_secs(1)).as_secs().max(1);
    let static_pods = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"];
    let probe = |name: &str| {
        json!({ "spec": { "containers": [{
            "name": name,
            "startupProbe": { "periodSeconds": seconds, "failureThreshold": 240 },
        }] } })
    };
    let mut files: Vec<_> = static_pods.iter().map(|name| patch(name, probe(name))).collect();
    files.push(patch("corednsdeployment", coredns));
    files
}
