//! The documents that kubeadm reads, and its patches.
//!
//! They are JSON, which YAML contains.

pub(super) mod join;
mod patch;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};

use super::{API_PORT, CgroupMode, ClusterSettings, Entry, NodeFile, NodeSettings, tuning};
use crate::kubernetes::Settings;
use crate::spec::{ANY_ADDRESS, KubeProxyMode, KubeadmPatches, comma_separated};
use crate::util::timeouts::Timeouts;

pub use patch::{PatchError, apply_patches};

pub(super) const PATCHES: &str = "/var/lib/kipod/kubeadm/patches";
const CRI_SOCKET: &str = "unix:///run/crio/crio.sock";

/// What `kubeadm init` reads.
///
/// # Errors
///
/// When a patch does not apply.
pub(super) fn files(node: &NodeSettings<'_>) -> Result<Vec<NodeFile>, PatchError> {
    let settings = node.cluster;
    let mut documents = vec![cluster(settings), kubelet(settings)];
    if settings.spec.networking.kube_proxy_mode != KubeProxyMode::None {
        documents.push(kube_proxy(settings));
    }
    // What a cluster has once is the first control plane's to say, as in kind: the others have to
    // found the same cluster.
    let none = KubeadmPatches::default();
    let first = settings.spec.nodes.first().map_or(&none, |first| &first.kubeadm_patches);
    let name = settings.control_planes.first().map_or(node.name, |(name, _)| name);
    apply_patches(&mut documents, name, &settings.spec.kubeadm_patches, first)?;
    tuning::spare(&mut documents, settings);
    documents.insert(0, patched_init(node)?);

    let mut files = Vec::new();
    if node.entry == Entry::First && publishes_apart(settings) {
        files.push(NodeFile::secret("kubeadm/upload.yaml", text(&documents)));
    }
    documents[1] = founding(settings, documents[1].take());
    files.push(NodeFile::secret("kubeadm/init.yaml", text(&documents)));
    Ok(files)
}

/// Documents as one file.
fn text(documents: &[Value]) -> String {
    let texts = documents.iter().map(|document| format!("{document:#}\n"));
    texts.collect::<Vec<_>>().join("---\n")
}

/// What only this node reads. For a control plane that is not the first, people patch what
/// `kubeadm join` would read: what that has in common with this counts, and not how to join.
fn patched_init(node: &NodeSettings<'_>) -> Result<Value, PatchError> {
    let mut document = init(node);
    if node.entry == Entry::InitialControlPlane {
        document["kind"] = json!("JoinConfiguration");
    }
    let (cluster, own) = (&node.cluster.spec.kubeadm_patches, &node.spec.kubeadm_patches);
    apply_patches(std::slice::from_mut(&mut document), node.name, cluster, own)?;
    if let (Entry::InitialControlPlane, Some(fields)) = (node.entry, document.as_object_mut()) {
        for about_joining in ["caCertPath", "controlPlane", "discovery"] {
            fields.remove(about_joining);
        }
        fields.insert("kind".to_owned(), json!("InitConfiguration"));
    }
    Ok(document)
}

/// Whether the cluster is founded by a configuration that is not the one which it keeps.
fn publishes_apart(cluster: &ClusterSettings<'_>) -> bool {
    cluster.control_planes.len() > 1
}

/// The configuration that the cluster is founded by: every member of etcd is there from the start.
/// One that joins later must not read so, or it would found another cluster.
fn founding(cluster: &ClusterSettings<'_>, mut document: Value) -> Value {
    let members: Vec<_> = cluster
        .control_planes
        .iter()
        .map(|(name, address)| format!("{name}=https://{}", SocketAddr::new(*address, 2380)))
        .collect();
    if members.len() > 1
        && let Some(args) = document["etcd"]["local"]["extraArgs"].as_array_mut()
    {
        args.push(json!({ "name": "initial-cluster", "value": members.join(",") }));
    }
    document
}

fn init(node: &NodeSettings<'_>) -> Value {
    json!({
        "apiVersion": Settings::of(node.kubernetes_version).kubeadm_api,
        "kind": "InitConfiguration",
        "localAPIEndpoint": {
            "advertiseAddress": node.kubernetes_addresses()[0],
            "bindPort": API_PORT,
        },
        "bootstrapTokens": [{
            "token": node.cluster.credentials.token.as_str(),
            "description": "joins the nodes that kipod creates",
            // A node may be added on any later day.
            "ttl": "0s",
            "usages": ["signing", "authentication"],
            "groups": ["system:bootstrappers:kubeadm:default-node-token"],
        }],
        "nodeRegistration": registration(node),
        "patches": { "directory": PATCHES },
        "timeouts": timeouts(node.cluster.timeouts),
        "skipPhases": skipped_phases(node),
    })
}

/// The checks are those of a machine, and `kipod check` has made the ones that matter. The kubelet's
/// certificate is renewed as it is; what `kubelet-finalize` adds is a restart. The add-ons come right
/// after, side by side.
fn skipped_phases(node: &NodeSettings<'_>) -> Vec<&'static str> {
    let mut phases = vec!["preflight", "kubelet-finalize", "addon", "show-join-command"];
    if publishes_apart(node.cluster) {
        phases.push("upload-config");
    }
    if node.entry == Entry::InitialControlPlane {
        phases.push("bootstrap-token");
    }
    phases
}

/// How a node is registered, by `init` and `join` alike.
pub(super) fn registration(node: &NodeSettings<'_>) -> Value {
    let mut arguments =
        vec![json!({ "name": "node-ip", "value": comma_separated(&node.shown_addresses()) })];
    if !node.spec.labels.is_empty() {
        arguments.push(json!({ "name": "node-labels", "value": list(&node.spec.labels) }));
    }
    let mut registration = json!({
        "name": node.name,
        "criSocket": CRI_SOCKET,
        "imagePullPolicy": "IfNotPresent",
        "kubeletExtraArgs": arguments,
    });
    if node.cluster.nodes == node.cluster.control_planes.len() {
        // Where nobody else is there to run everybody's pods, control planes do.
        registration["taints"] = json!([]);
    }
    registration
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
pub(super) fn timeouts(timeouts: Timeouts) -> Value {
    TIMEOUTS
        .iter()
        .map(|(name, seconds)| {
            let limit = timeouts.scale(Duration::from_secs(*seconds));
            ((*name).to_owned(), json!(format!("{}ms", limit.as_millis())))
        })
        .collect()
}

fn cluster(cluster: &ClusterSettings<'_>) -> Value {
    let arg = |name: &str, value: &str| json!({ "name": name, "value": value });
    // Where there is one of each, an election would only be waited for.
    let elect = if cluster.control_planes.len() > 1 { "true" } else { "false" };
    let networking = &cluster.spec.networking;
    let mut names = vec![json!("localhost"), json!("127.0.0.1")];
    names.extend(networking.ip_family.has_ipv6().then(|| json!("::1")));
    names.push(json!(cluster.api_server_address));
    let mut document = json!({
        "apiVersion": Settings::of(cluster.kubernetes_version).kubeadm_api,
        "kind": "ClusterConfiguration",
        "clusterName": cluster.name,
        "kubernetesVersion": cluster.kubernetes_version.to_string(),
        // Made in a millisecond each, where RSA takes a second for all of them.
        "encryptionAlgorithm": "ECDSA-P256",
        "networking": {
            "podSubnet": comma_separated(&networking.pod_subnets()),
            "serviceSubnet": comma_separated(&networking.service_subnets()),
            "dnsDomain": "cluster.local",
        },
        "apiServer": {
            "certSANs": names,
        },
        "controllerManager": {
            "extraArgs": [
                arg("leader-elect", elect),
                // The plan knows which node has which part of the pod subnet, and its routes do.
                arg("allocate-node-cidrs", "false"),
                // Each controller asks for an account of its own before the first one starts, one
                // after the other: at the default of 20 requests a second that alone takes four
                // seconds.
                arg("kube-api-qps", "300"),
                arg("kube-api-burst", "600"),
            ],
        },
        "scheduler": { "extraArgs": [arg("leader-elect", elect)] },
        "etcd": {
            "local": {
                "dataDir": "/var/lib/etcd",
                // The cluster is as durable as the page cache: a power cut may cost it.
                "extraArgs": [arg("unsafe-no-fsync", "true")],
            },
        },
    });
    let gates = &cluster.spec.feature_gates;
    if !gates.is_empty() {
        for component in ["apiServer", "controllerManager", "scheduler"] {
            add(&mut document[component]["extraArgs"], "feature-gates", &list(gates));
        }
    }
    if !cluster.spec.runtime_config.is_empty() {
        let apis = list(&cluster.spec.runtime_config);
        add(&mut document["apiServer"]["extraArgs"], "runtime-config", &apis);
    }
    if let Some(balancer) = cluster.balancer {
        document["controlPlaneEndpoint"] = json!(SocketAddr::new(balancer, API_PORT));
        // kubeadm has each member compare itself with the others before it answers anybody. When all
        // start at once, all wait for each other until that times out, after 27 s.
        if let Some(args) = document["etcd"]["local"]["extraArgs"].as_array_mut() {
            let (name, value) =
                Settings::of(cluster.kubernetes_version).no_initial_corruption_check;
            args.push(arg(name, value));
        }
    }
    document
}

/// Gives a list of arguments or variables one more, unless it has one of that name.
pub(super) fn add(list: &mut Value, name: &str, value: &str) {
    if list.is_null() {
        *list = json!([]);
    }
    if !has(list, name)
        && let Some(all) = list.as_array_mut()
    {
        all.push(json!({ "name": name, "value": value }));
    }
}

/// Whether a list of arguments or variables has one of that name.
pub(super) fn has(list: &Value, name: &str) -> bool {
    list.as_array().is_some_and(|all| all.iter().any(|one| one["name"] == name))
}

/// `a=b,c=d`, as flags of Kubernetes take it.
fn list<V: Display>(pairs: &BTreeMap<String, V>) -> String {
    pairs.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}

fn kubelet(cluster: &ClusterSettings<'_>) -> Value {
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
        "featureGates": cluster.spec.feature_gates,
    });
    document["featureGates"]["KubeletInUserNamespace"] = json!(true);
    let cgroups = match cluster.cgroups {
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

fn kube_proxy(cluster: &ClusterSettings<'_>) -> Value {
    let networking = &cluster.spec.networking;
    let mode = networking.kube_proxy_mode.name();
    let mut document = json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": mode,
        "clusterCIDR": comma_separated(&networking.pod_subnets()),
        "featureGates": cluster.spec.feature_gates,
        mode: { "minSyncPeriod": "100ms" },
        // The host's own tables: a user namespace may not resize them or change their timeouts.
        "conntrack": {
            "maxPerCore": 0,
            "tcpEstablishedTimeout": "0s",
            "tcpCloseWaitTimeout": "0s",
        },
    });
    if networking.kube_proxy_mode == KubeProxyMode::Nftables {
        // This mode takes NodePorts at the address by which Kubernetes knows the node alone, and the
        // only control plane is known by one that nobody outside reaches.
        let everywhere: Vec<&str> = ANY_ADDRESS.each(networking.ip_family);
        document["nodePortAddresses"] = json!(everywhere);
    }
    document
}

/// kubeadm's patches: they change what it makes, not what it does.
pub(super) fn patches(cluster: &ClusterSettings<'_>) -> Vec<NodeFile> {
    let patch = |target: &str, patch: Value| {
        NodeFile::new(&format!("kubeadm/patches/{target}+strategic.json"), format!("{patch:#}\n"))
    };
    // One CoreDNS is enough for one node, and kubeadm's two are for more. It is ready when it says
    // so, not up to ten seconds later: it is the last that is waited for, on a slow machine too.
    let coredns = json!({ "spec": {
        "replicas": cluster.nodes.min(2),
        "template": { "spec": { "containers": [{
            "name": "coredns",
            "readinessProbe": { "periodSeconds": 1 },
        }] } },
    } });
    // So are the static pods. They have kubeadm's four minutes, times the machine's factor. kubeadm has those that
    // tell whether they are ready asked each second, and all whether they live, every ten.
    let every = |seconds| tuning::every(cluster.timeouts, seconds);
    let static_pods = [
        ("etcd", true),
        ("kube-apiserver", true),
        ("kube-controller-manager", false),
        ("kube-scheduler", true),
    ];
    let probes = |name: &str, tells: bool| {
        let mut container = json!({
            "name": name,
            "startupProbe": { "periodSeconds": every(1), "failureThreshold": 240 },
            "livenessProbe": { "periodSeconds": every(10) },
        });
        if tells {
            container["readinessProbe"] = json!({ "periodSeconds": every(1) });
        }
        json!({ "spec": { "containers": [container] } })
    };
    let mut files: Vec<_> =
        static_pods.iter().map(|&(name, tells)| patch(name, probes(name, tells))).collect();
    files.push(patch("corednsdeployment", coredns));
    files
}
