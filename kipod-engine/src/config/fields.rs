//! The fields of both formats: type, default, description; for unsupported fields of kind, the reason.

use super::tables::Kind::{
    Boolean, Constant, Integer, List, Map, Names, Object as Of, Objects, Quantity, Refused, Text,
};
use super::tables::{Field, Object, field};
use crate::kubernetes::Role;
use crate::spec::{IpFamily, KubeProxyMode, Propagation, Protocol};

/// The API version of kind's format.
pub(super) const KIND: &str = "kind.x-k8s.io/v1alpha4";
/// The API version of kipod's format.
pub(super) const KIPOD: &str = "kipod.io/v1alpha1";

const PORTS: (i64, i64) = (1, 65535);

const NO_CONTAINERD: &str = "nodes run CRI-O instead of containerd: in kipod.io/v1alpha1, use `registries` for mirrors and insecure registries, and `crio.dropIns` for other settings";

const NAME: Field = field(
    "name",
    Text,
    "The cluster's name: up to 47 characters of a-z, 0-9 and -. `--name` takes precedence.",
)
.default("kipod");
const NODES: &str = "The nodes. Default: one control plane.";
const NETWORKING: &str = "The networking settings.";
const FEATURE_GATES: Field =
    field("featureGates", Map(&Boolean), "The Kubernetes feature gates of all components.");
const RUNTIME_CONFIG: Field = field(
    "runtimeConfig",
    Map(&Text),
    "The API server's --runtime-config: APIs such as `api/alpha` or `batch/v1`, each \"true\" or \"false\".",
);
const PATCHES: Field = field(
    "kubeadmConfigPatches",
    List(&Text),
    "Merge patches (RFC 7386) of the kubeadm configuration. Each is YAML with the `kind` of the object to patch: ClusterConfiguration, InitConfiguration, JoinConfiguration, KubeletConfiguration or KubeProxyConfiguration. With an `apiVersion`, the patch applies to that version only. Patches of the cluster are applied before patches of a node. Entries of `extraArgs`, `kubeletExtraArgs` and `certSANs` that a patch does not name are kept.",
);
const JSON_PATCHES: Field = field(
    "kubeadmConfigPatchesJSON6902",
    Objects(&JSON_PATCH),
    "JSON patches (RFC 6902) of the kubeadm configuration, applied after the merge patches.",
);

static JSON_PATCH: Object = Object {
    name: "JSONPatch",
    about: "A JSON patch (RFC 6902) of the kubeadm configuration.",
    fields: &[
        field("group", Text, "The group of the target's API version. Default: any."),
        field("version", Text, "The version of the target's API version. Default: any."),
        field("kind", Text, "The kind of the target.").required(),
        field("patch", Text, "The list of operations, in YAML or JSON.").required(),
    ],
};

static MOUNT: Object = Object {
    name: "Mount",
    about: "A file or directory of the host that is mounted into a node.",
    fields: &[
        field(
            "hostPath",
            Text,
            "The path on the host. A relative path starts at the current directory.",
        )
        .required(),
        field("containerPath", Text, "The absolute path inside the node.").required(),
        field("readOnly", Boolean, "Mounts the path read-only.").default("false"),
        field(
            "selinuxRelabel",
            Boolean,
            "Relabels the host's files for containers, on hosts with SELinux.",
        )
        .default("false"),
        field("propagation", Names(Propagation::NAMES), "The mount propagation.").default("None"),
    ],
};

const CONTAINER_PORT: &str = "The port inside the node.";
const LISTEN_ADDRESS: Field =
    field("listenAddress", Text, "The listen address on the host.").default("0.0.0.0");
const PROTOCOL: Field = field("protocol", Names(Protocol::NAMES), "The protocol.").default("TCP");

static KIPOD_PORT: Object = Object {
    name: "PortMapping",
    about: "A host port that is forwarded to a node.",
    fields: &[
        field("containerPort", Integer(PORTS.0, PORTS.1), CONTAINER_PORT).required(),
        field(
            "hostPort",
            Integer(PORTS.0, PORTS.1),
            "The port on the host. Default: a free port, which stays the same while the cluster exists.",
        ),
        LISTEN_ADDRESS,
        PROTOCOL,
    ],
};

static KIND_PORT: Object = Object {
    name: "PortMapping",
    about: "A host port that is forwarded to a node.",
    fields: &[
        field("containerPort", Integer(PORTS.0, PORTS.1), CONTAINER_PORT).required(),
        field(
            "hostPort",
            Integer(-1, PORTS.1),
            "The port on the host. Default, 0 and -1: a free port.",
        ),
        LISTEN_ADDRESS,
        PROTOCOL,
    ],
};

const ROLE: Field =
    field("role", Names(Role::NAMES), "The role of the node.").default("control-plane");
const LABELS: Field = field("labels", Map(&Text), "Kubernetes labels of the node.");
const MOUNTS: Field = field(
    "extraMounts",
    Objects(&MOUNT),
    "Files and directories of the host that are mounted into the node.",
);
const EXTRA_PORTS: &str = "Host ports that are forwarded to the node.";

static KIPOD_NODE: Object = Object {
    name: "Node",
    about: "A node of the cluster.",
    fields: &[
        ROLE,
        field("image", Text, "The node image. Default: the image of the cluster."),
        LABELS,
        MOUNTS,
        field("extraPortMappings", Objects(&KIPOD_PORT), EXTRA_PORTS),
        PATCHES,
        JSON_PATCHES,
        field(
            "resources",
            Of(&RESOURCES),
            "The resource limits, which kubelet reports as allocatable. They need delegated cgroup controllers.",
        ),
        field(
            "devices",
            List(&Text),
            "Devices of the host: paths below /dev, or names of the Container Device Interface, such as `vendor.com/gpu=all`.",
        ),
        field(
            "env",
            Map(&Text),
            "Environment variables of commands in the node, and of CRI-O, kubelet and kubeadm.",
        ),
    ],
};

static RESOURCES: Object = Object {
    name: "Resources",
    about: "The resource limits of a node.",
    fields: &[
        field("cpus", Quantity, "The number of processors, such as `2`, `1.5` or `1500m`."),
        field("memory", Quantity, "The memory, such as `2Gi` or `500M`."),
    ],
};

static KIND_NODE: Object = Object {
    name: "Node",
    about: "A node of the cluster.",
    fields: &[
        ROLE,
        field(
            "image",
            Text,
            "The node image. kind's image `kindest/node:VERSION` is replaced by kipod's image of the same version, `localhost/kipod-node:VERSION`.",
        ),
        LABELS,
        MOUNTS,
        field("extraPortMappings", Objects(&KIND_PORT), EXTRA_PORTS),
        PATCHES,
        JSON_PATCHES,
    ],
};

const IP_FAMILY: Field =
    field("ipFamily", Names(IpFamily::NAMES), "The IP families of pods and Services.")
        .default("ipv4");
const ADDRESS: Field =
    field("apiServerAddress", Text, "The host address on which the API server is published.")
        .default("127.0.0.1");
const POD_SUBNET: Field = field(
    "podSubnet",
    Text,
    "The pod subnet; with `dual`, one of each family, separated by a comma. Each node gets a /24, or a /64 of IPv6. Default for IPv6: fd00:10:244::/56.",
)
.default("10.244.0.0/16");
const SERVICE_SUBNET: Field = field(
    "serviceSubnet",
    Text,
    "The Service subnet; with `dual`, one of each family, separated by a comma. Default for IPv6: fd00:10:96::/112.",
)
.default("10.96.0.0/16");
const NO_CNI: Field = field(
    "disableDefaultCNI",
    Boolean,
    "Disables the default pod network. Nodes are not ready until you install one.",
)
.default("false");
const PROXY_MODE: Field =
    field("kubeProxyMode", Names(KubeProxyMode::NAMES), "The mode of kube-proxy.")
        .default("iptables");
const DNS_SEARCH: Field = field(
    "dnsSearch",
    List(&Text),
    "The DNS search domains of the nodes. Default: those of the host.",
);
const API_PORT: &str = "The host port on which the API server is published. Default: a free port.";

static KIPOD_NETWORKING: Object = Object {
    name: "Networking",
    about: NETWORKING,
    fields: &[
        IP_FAMILY,
        ADDRESS,
        field("apiServerPort", Integer(PORTS.0, PORTS.1), API_PORT),
        POD_SUBNET,
        SERVICE_SUBNET,
        NO_CNI,
        PROXY_MODE,
        DNS_SEARCH,
    ],
};

static KIND_NETWORKING: Object = Object {
    name: "Networking",
    about: NETWORKING,
    fields: &[
        IP_FAMILY,
        ADDRESS,
        field("apiServerPort", Integer(-1, PORTS.1), API_PORT),
        POD_SUBNET,
        SERVICE_SUBNET,
        NO_CNI,
        PROXY_MODE,
        DNS_SEARCH,
    ],
};

static CRIO: Object = Object {
    name: "CRIO",
    about: "The CRI-O settings of all nodes.",
    fields: &[field(
        "dropIns",
        Map(&Text),
        "Files of /etc/crio/crio.conf.d: TOML by file name. They take precedence over kipod's own settings.",
    )],
};

static PROXY: Object = Object {
    name: "Proxy",
    about: "The HTTP proxies of CRI-O, kubelet, kubeadm and the control plane. Pods do not use them.",
    fields: &[
        field("httpProxy", Text, "The proxy of `http` URLs, such as `http://proxy.example:3128`."),
        field(
            "httpsProxy",
            Text,
            "The proxy of `https` URLs, such as `http://proxy.example:3128`.",
        ),
        field(
            "noProxy",
            List(&Text),
            "Hosts, domains and subnets that are reached without a proxy. Nodes, pods and Services of the cluster are added.",
        ),
    ],
};

const INSECURE: Field =
    field("insecure", Boolean, "Allows HTTP and untrusted certificates.").default("false");

static MIRROR: Object = Object {
    name: "Mirror",
    about: "A mirror of a registry.",
    fields: &[
        field("location", Text, "The location that replaces the prefix.").required(),
        INSECURE,
    ],
};

static REGISTRY: Object = Object {
    name: "Registry",
    about: "The pull settings of a registry.",
    fields: &[
        field(
            "prefix",
            Text,
            "The prefix of the image names that the settings apply to, such as `docker.io`, or `*.example.com` for all hosts of a domain.",
        )
        .required(),
        field("location", Text, "The location that replaces the prefix. Default: the prefix itself."),
        INSECURE,
        field("mirrors", Objects(&MIRROR), "The mirrors to try first, in order."),
    ],
};

/// kind's format.
pub(super) static KIND_CLUSTER: Object = Object {
    name: "Cluster",
    about: "A cluster in kind's format.",
    fields: &[
        field("kind", Constant("Cluster"), "The kind of the object.").required(),
        field("apiVersion", Constant(KIND), "The API version of the format.").required(),
        NAME,
        field("nodes", Objects(&KIND_NODE), NODES),
        field("networking", Of(&KIND_NETWORKING), NETWORKING),
        FEATURE_GATES,
        RUNTIME_CONFIG,
        PATCHES,
        JSON_PATCHES,
        field("containerdConfigPatches", Refused(NO_CONTAINERD), ""),
        field("containerdConfigPatchesJSON6902", Refused(NO_CONTAINERD), ""),
    ],
};

/// kipod's format.
pub(super) static KIPOD_CLUSTER: Object = Object {
    name: "Cluster",
    about: "A kipod cluster.",
    fields: &[
        field("apiVersion", Constant(KIPOD), "The API version of the format.").required(),
        field("kind", Constant("Cluster"), "The kind of the object.").required(),
        NAME,
        field("image", Text, "The node image of all nodes without an own one.")
            .default("localhost/kipod-node:latest"),
        field("nodes", Objects(&KIPOD_NODE), NODES),
        field("networking", Of(&KIPOD_NETWORKING), NETWORKING),
        FEATURE_GATES,
        RUNTIME_CONFIG,
        PATCHES,
        JSON_PATCHES,
        field("crio", Of(&CRIO), "The CRI-O settings of all nodes."),
        field("registries", Objects(&REGISTRY), "The pull settings of registries."),
        field(
            "registryAuthFile",
            Text,
            "The file with the registry credentials of the nodes, as `podman login --authfile` writes it. A relative path starts at the current directory.",
        ),
        field("proxy", Of(&PROXY), "The HTTP proxies of nodes."),
        field(
            "hostProxy",
            Boolean,
            "Lets nodes use HTTP_PROXY, HTTPS_PROXY and NO_PROXY of the environment, in upper or lower case, unless `proxy` has the value.",
        )
        .default("true"),
        field(
            "caCertificates",
            List(&Text),
            "PEM files with certificate authorities that nodes trust in addition. A relative path starts at the current directory.",
        ),
        field(
            "hostCaCertificates",
            Boolean,
            "Lets nodes trust the certificate authorities of the host.",
        )
        .default("false"),
        field(
            "hostImages",
            Boolean,
            "Lets pods use all images of your Podman store. Root on a node can then read all of them.",
        )
        .default("true"),
        field(
            "preload",
            List(&Text),
            "Images that are loaded into the new cluster from your Podman store. Missing ones are pulled first.",
        ),
        field(
            "loadBalancer",
            Boolean,
            "Gives the cluster a loopback address of the host for its node ports, and assigns it to Services of type LoadBalancer. Disable it if another controller assigns their addresses.",
        )
        .default("true"),
        field(
            "metrics",
            Boolean,
            "Installs metrics-server, which `kubectl top` and autoscalers need.",
        )
        .default("false"),
        field(
            "wait",
            Text,
            "The timeout for nodes and DNS to become ready, such as `90s` or `5m`. `0s` does not wait.",
        )
        .default("5m"),
        field("retain", Boolean, "Keeps the resources of a failed creation.").default("false"),
        field("containerdConfigPatches", Refused(NO_CONTAINERD), ""),
        field("containerdConfigPatchesJSON6902", Refused(NO_CONTAINERD), ""),
    ],
};
