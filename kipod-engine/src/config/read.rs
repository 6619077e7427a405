//! From a tree to what the user asked for. What does not fit is passed over: the check of the shape
//! has told it already.

use super::at::At;
use crate::spec::{
    RawJsonPatch, RawMount, RawNode, RawPatches, RawPort, RawRegistry, RawSpec, Written,
};

/// What a tree of kipod's format asks for.
pub(super) fn cluster(at: &At<'_>) -> RawSpec {
    let networking = at.field("networking");
    let network = |name: &str| networking.as_ref().and_then(|at| at.field(name));
    let nodes = at.field("nodes");
    RawSpec {
        name: text(at, "name"),
        image: text(at, "image"),
        ip_family: network("ipFamily").and_then(|at| at.text()),
        api_server_address: network("apiServerAddress").and_then(|at| at.text()),
        api_server_port: network("apiServerPort").and_then(|at| at.integer()),
        pod_subnet: network("podSubnet").and_then(|at| at.text()),
        service_subnet: network("serviceSubnet").and_then(|at| at.text()),
        disable_default_cni: network("disableDefaultCNI").is_some_and(is_true),
        kube_proxy_mode: network("kubeProxyMode").and_then(|at| at.text()),
        dns_search: network("dnsSearch").map(|at| texts(&at)),
        wait: text(at, "wait"),
        retain: at.field("retain").is_some_and(is_true),
        host_images: at.field("hostImages").and_then(|at| at.boolean()),
        preload: at.field("preload").map(|at| texts(&at)).unwrap_or_default(),
        load_balancer: at.field("loadBalancer").and_then(|at| at.boolean()),
        metrics: at.field("metrics").is_some_and(is_true),
        control_planes: None,
        workers: None,
        nodes_place: nodes.as_ref().map(At::place),
        nodes: nodes.iter().flat_map(At::items).map(|at| node(&at)).collect(),
        feature_gates: pairs(at.field("featureGates"), |at| at.boolean()),
        runtime_config: pairs(at.field("runtimeConfig"), |at| at.text()),
        kubeadm_patches: patches(at),
        crio_drop_ins: pairs(at.field("crio").and_then(|at| at.field("dropIns")), |at| at.text()),
        registries: list(at, "registries", registry),
        registry_auth_file: text(at, "registryAuthFile"),
    }
}

fn node(at: &At<'_>) -> RawNode {
    RawNode {
        place: Some(at.place()),
        role: text(at, "role"),
        image: text(at, "image"),
        labels: pairs(at.field("labels"), |at| at.text()),
        mounts: list(at, "extraMounts", |at| RawMount {
            place: Some(at.place()),
            host_path: text(at, "hostPath"),
            container_path: text(at, "containerPath"),
            read_only: at.field("readOnly").is_some_and(is_true),
            selinux_relabel: at.field("selinuxRelabel").is_some_and(is_true),
            propagation: text(at, "propagation"),
        }),
        ports: list(at, "extraPortMappings", |at| RawPort {
            place: Some(at.place()),
            container_port: at.field("containerPort").and_then(|at| at.integer()),
            host_port: at.field("hostPort").and_then(|at| at.integer()),
            listen_address: text(at, "listenAddress"),
            protocol: text(at, "protocol"),
        }),
        kubeadm_patches: patches(at),
    }
}

fn patches(at: &At<'_>) -> RawPatches {
    RawPatches {
        merge: at.field("kubeadmConfigPatches").map(|at| texts(&at)).unwrap_or_default(),
        json: list(at, "kubeadmConfigPatchesJSON6902", |at| RawJsonPatch {
            place: Some(at.place()),
            group: text(at, "group"),
            version: text(at, "version"),
            kind: text(at, "kind"),
            patch: text(at, "patch"),
        }),
    }
}

fn registry(at: &At<'_>) -> RawRegistry {
    RawRegistry {
        place: Some(at.place()),
        prefix: text(at, "prefix"),
        location: text(at, "location"),
        insecure: at.field("insecure").is_some_and(is_true),
        mirrors: list(at, "mirrors", registry),
    }
}

/// The text at a key. Empty text is as good as none to kind, and so it is here.
fn text(at: &At<'_>, name: &str) -> Option<Written> {
    at.field(name)?.text().filter(|written| !written.text.is_empty())
}

fn texts(at: &At<'_>) -> Vec<Written> {
    at.items().iter().filter_map(At::text).collect()
}

fn list<T>(at: &At<'_>, name: &str, item: impl Fn(&At<'_>) -> T) -> Vec<T> {
    at.field(name).iter().flat_map(At::items).map(|at| item(&at)).collect()
}

fn pairs<T>(at: Option<At<'_>>, value: impl Fn(&At<'_>) -> Option<T>) -> Vec<(Written, T)> {
    let pairs = at.iter().flat_map(At::pairs);
    pairs.filter_map(|(name, at)| Some((name, value(&at)?))).collect()
}

fn is_true(at: At<'_>) -> bool {
    at.boolean() == Some(true)
}
