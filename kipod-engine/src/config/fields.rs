//! The tables of both formats. They have the same nouns; where kipod's lacks a field of kind's, or
//! takes less, its reason stands here.

use super::format::Kind::{
    Boolean, Constant, Integer, List, Map, Object as Of, Objects, Refused, Text, Words,
};
use super::format::{Field, Object, field};
use crate::kubernetes::Role;
use crate::spec::{IpFamily, KubeProxyMode, Propagation, Protocol};

/// The API version of kind's format.
pub(super) const KIND: &str = "kind.x-k8s.io/v1alpha4";
/// The API version of kipod's format.
pub(super) const KIPOD: &str = "kipod.io/v1alpha1";

const PORTS: (i64, i64) = (1, 65535);

const NO_CONTAINERD: &str = "nodes run CRI-O, which has no such configuration: in kipod.io/v1alpha1, `registries` has mirrors and insecure registries, and `crio.dropIns` everything else";

const NAME: Field = field(
    "name",
    Text,
    "The cluster's name: up to 47 characters of a-z, 0-9 and -. `--name` has the last word.",
)
.default("kipod");
const NODES: &str = "The nodes. One control plane where it is left out.";
const NETWORKING: &str = "The addresses, and how they are reached.";
const FEATURE_GATES: Field = field(
    "featureGates",
    Map(&Boolean),
    "Kubernetes' feature gates, for every component, on or off.",
);
const RUNTIME_CONFIG: Field = field(
    "runtimeConfig",
    Map(&Text),
    "The API server's --runtime-config: APIs such as `api/alpha` or `batch/v1`, each \"true\" or \"false\".",
);
const PATCHES: Field = field(
    "kubeadmConfigPatches",
    List(&Text),
    "Merge patches (RFC 7386) of the documents that kubeadm reads, each YAML with the `kind` of the document it is for: ClusterConfiguration, InitConfiguration, JoinConfiguration, KubeletConfiguration or KubeProxyConfiguration. Where it names an `apiVersion`, it is for that one alone. A cluster's patches come before its nodes'. Of `extraArgs`, `kubeletExtraArgs` and `certSANs`, what a patch does not name stays.",
);
const JSON_PATCHES: Field = field(
    "kubeadmConfigPatchesJSON6902",
    Objects(&JSON_PATCH),
    "JSON patches (RFC 6902) of the documents that kubeadm reads. They come after the merge patches.",
);

static JSON_PATCH: Object = Object {
    name: "JSONPatch",
    about: "A JSON patch (RFC 6902) of a document that kubeadm reads.",
    fields: &[
        field("group", Text, "The group of the document's API version; any where it is left out."),
        field("version", Text, "The version of the document's API version."),
        field("kind", Text, "The document's kind.").required(),
        field("patch", Text, "The list of operations, in YAML or JSON.").required(),
    ],
};

static MOUNT: Object = Object {
    name: "Mount",
    about: "A file or folder of the host that a node sees.",
    fields: &[
        field(
            "hostPath",
            Text,
            "The path on the host. One that is not absolute starts at the current folder.",
        )
        .required(),
        field("containerPath", Text, "The absolute path inside the node.").required(),
        field("readOnly", Boolean, "Whether the node may not write to it.").default("false"),
        field(
            "selinuxRelabel",
            Boolean,
            "Whether the host's files get a label with which every container may use them, where SELinux is on.",
        )
        .default("false"),
        field(
            "propagation",
            Words(Propagation::WORDS),
            "Which mounts that come later are passed on.",
        )
        .default("None"),
    ],
};

const CONTAINER_PORT: &str = "The port inside the node.";
const LISTEN_ADDRESS: Field =
    field("listenAddress", Text, "The host's address.").default("0.0.0.0");
const PROTOCOL: Field = field("protocol", Words(Protocol::WORDS), "The protocol.").default("TCP");

static KIPOD_PORT: Object = Object {
    name: "PortMapping",
    about: "A port of the host that is passed on to a node.",
    fields: &[
        field("containerPort", Integer(PORTS.0, PORTS.1), CONTAINER_PORT).required(),
        field(
            "hostPort",
            Integer(PORTS.0, PORTS.1),
            "The port on the host; any free one where it is left out, the same for the cluster's life.",
        ),
        LISTEN_ADDRESS,
        PROTOCOL,
    ],
};

static KIND_PORT: Object = Object {
    name: "PortMapping",
    about: "A port of the host that is passed on to a node.",
    fields: &[
        field("containerPort", Integer(PORTS.0, PORTS.1), CONTAINER_PORT).required(),
        field(
            "hostPort",
            Integer(-1, PORTS.1),
            "The port on the host; any free one where it is left out, 0 or -1.",
        ),
        LISTEN_ADDRESS,
        PROTOCOL,
    ],
};

const ROLE: Field =
    field("role", Words(Role::WORDS), "What the node does.").default("control-plane");
const LABELS: Field = field("labels", Map(&Text), "Labels of the node in Kubernetes.");
const MOUNTS: Field =
    field("extraMounts", Objects(&MOUNT), "Files and folders of the host that it sees.");
const EXTRA_PORTS: &str = "Ports of the host that are passed on to it.";

static KIPOD_NODE: Object = Object {
    name: "Node",
    about: "A node of the cluster.",
    fields: &[
        ROLE,
        field("image", Text, "Its node image; the cluster's where it is left out."),
        LABELS,
        MOUNTS,
        field("extraPortMappings", Objects(&KIPOD_PORT), EXTRA_PORTS),
        PATCHES,
        JSON_PATCHES,
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
            "Its node image. kind's own, `kindest/node:VERSION`, stands for kipod's of that version, `localhost/kipod-node:VERSION`.",
        ),
        LABELS,
        MOUNTS,
        field("extraPortMappings", Objects(&KIND_PORT), EXTRA_PORTS),
        PATCHES,
        JSON_PATCHES,
    ],
};

const IP_FAMILY: Field =
    field("ipFamily", Words(IpFamily::WORDS), "Which IP addresses pods and Services have.")
        .default("ipv4");
const ADDRESS: Field =
    field("apiServerAddress", Text, "The host's address that the API server is published on.")
        .default("127.0.0.1");
const POD_SUBNET: Field = field(
    "podSubnet",
    Text,
    "Where pods get their addresses from; with two families, one of each with a comma between them. Each node gets a /24, or of IPv6 a /64. The default of IPv6 is fd00:10:244::/56.",
)
.default("10.244.0.0/16");
const SERVICE_SUBNET: Field = field(
    "serviceSubnet",
    Text,
    "Where Services get their addresses from; with two families, one of each with a comma between them. The default of IPv6 is fd00:10:96::/112.",
)
.default("10.96.0.0/16");
const NO_CNI: Field = field(
    "disableDefaultCNI",
    Boolean,
    "Whether the network of pods is left to you: nodes are not ready until one is installed.",
)
.default("false");
const PROXY_MODE: Field =
    field("kubeProxyMode", Words(KubeProxyMode::WORDS), "How kube-proxy works.")
        .default("iptables");
const DNS_SEARCH: Field = field(
    "dnsSearch",
    List(&Text),
    "The domains in which nodes search for names; the host's where it is left out.",
);
const API_PORT: &str =
    "The host's port that the API server is published on; any free one where it is left out.";

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
    about: "What CRI-O is told on every node.",
    fields: &[field(
        "dropIns",
        Map(&Text),
        "Files of /etc/crio/crio.conf.d, TOML by file name. They have the last word over kipod's own.",
    )],
};

const INSECURE: Field = field(
    "insecure",
    Boolean,
    "Whether it may speak HTTP, or have a certificate that nobody vouches for.",
)
.default("false");

static MIRROR: Object = Object {
    name: "Mirror",
    about: "Another place with the same images.",
    fields: &[
        field("location", Text, "What is put in the place of the prefix.").required(),
        INSECURE,
    ],
};

static REGISTRY: Object = Object {
    name: "Registry",
    about: "Where the images of a registry are pulled from.",
    fields: &[
        field(
            "prefix",
            Text,
            "What the names of the images it is for begin with, such as `docker.io`, or `*.example.com` for every host below a domain.",
        )
        .required(),
        field("location", Text, "What is put in its place; the name stays where it is left out."),
        INSECURE,
        field("mirrors", Objects(&MIRROR), "Where they are tried to be pulled from first."),
    ],
};

/// kind's format.
pub(super) static KIND_CLUSTER: Object = Object {
    name: "Cluster",
    about: "A cluster, as kind has it.",
    fields: &[
        field("kind", Constant("Cluster"), "What this is.").required(),
        field("apiVersion", Constant(KIND), "The format.").required(),
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
    about: "A cluster of kipod.",
    fields: &[
        field("apiVersion", Constant(KIPOD), "The format.").required(),
        field("kind", Constant("Cluster"), "What this is.").required(),
        NAME,
        field("image", Text, "The node image of every node that names no other.")
            .default("localhost/kipod-node:latest"),
        field("nodes", Objects(&KIPOD_NODE), NODES),
        field("networking", Of(&KIPOD_NETWORKING), NETWORKING),
        FEATURE_GATES,
        RUNTIME_CONFIG,
        PATCHES,
        JSON_PATCHES,
        field("crio", Of(&CRIO), "What CRI-O is told on every node."),
        field("registries", Objects(&REGISTRY), "Where images of registries are pulled from."),
        field(
            "registryAuthFile",
            Text,
            "The file with the credentials that nodes pull images with, as `podman login --authfile` writes it. One that is not absolute starts at the current folder.",
        ),
        field(
            "hostImages",
            Boolean,
            "Whether pods can use every image of your own Podman store. Who is root on a node can then read them all.",
        )
        .default("true"),
        field(
            "preload",
            List(&Text),
            "Images that the cluster has from the start. They come from your own Podman store, into which those that are missing are pulled.",
        ),
        field(
            "loadBalancer",
            Boolean,
            "Whether the cluster gets a loopback address of the host at which its node ports answer, and Services of type LoadBalancer get that address. Turn it off where something else gives them addresses.",
        )
        .default("true"),
        field(
            "metrics",
            Boolean,
            "Whether the cluster has metrics-server, which `kubectl top` and autoscalers ask.",
        )
        .default("false"),
        field(
            "wait",
            Text,
            "How long creation waits until nodes and DNS are ready, such as `90s` or `5m`; `0s` does not wait.",
        )
        .default("5m"),
        field("retain", Boolean, "Whether what a failed creation left is kept.").default("false"),
        field("containerdConfigPatches", Refused(NO_CONTAINERD), ""),
        field("containerdConfigPatchesJSON6902", Refused(NO_CONTAINERD), ""),
    ],
};
