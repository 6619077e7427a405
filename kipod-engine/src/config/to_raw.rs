//! Converts the YAML tree of kipod's format to `RawSpec`. Values of a wrong type are skipped, because the
//! structural validation reports them.

use super::cursor::Cursor;
use crate::spec::{
    RawJsonPatch, RawMount, RawNode, RawPatches, RawPort, RawProxy, RawRegistry, RawSpec, RawValue,
};

/// Converts a tree of kipod's format.
pub(super) fn cluster(at: &Cursor<'_>) -> RawSpec {
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
        nodes_location: nodes.as_ref().map(Cursor::location),
        nodes: nodes.iter().flat_map(Cursor::items).map(|at| node(&at)).collect(),
        feature_gates: pairs(at.field("featureGates"), |at| at.boolean()),
        runtime_config: pairs(at.field("runtimeConfig"), |at| at.text()),
        kubeadm_patches: patches(at),
        crio_drop_ins: pairs(at.field("crio").and_then(|at| at.field("dropIns")), |at| at.text()),
        registries: list(at, "registries", registry),
        registry_auth_file: text(at, "registryAuthFile"),
        proxy: at.field("proxy").map(|at| proxy(&at)).unwrap_or_default(),
        host_proxy: at.field("hostProxy").and_then(|at| at.boolean()),
        ca_certificates: at.field("caCertificates").map(|at| texts(&at)).unwrap_or_default(),
        host_ca_certificates: at.field("hostCaCertificates").is_some_and(is_true),
    }
}

fn node(at: &Cursor<'_>) -> RawNode {
    RawNode {
        location: Some(at.location()),
        role: text(at, "role"),
        image: text(at, "image"),
        labels: pairs(at.field("labels"), |at| at.text()),
        mounts: list(at, "extraMounts", |at| RawMount {
            location: Some(at.location()),
            host_path: text(at, "hostPath"),
            container_path: text(at, "containerPath"),
            read_only: at.field("readOnly").is_some_and(is_true),
            selinux_relabel: at.field("selinuxRelabel").is_some_and(is_true),
            propagation: text(at, "propagation"),
        }),
        ports: list(at, "extraPortMappings", |at| RawPort {
            location: Some(at.location()),
            container_port: at.field("containerPort").and_then(|at| at.integer()),
            host_port: at.field("hostPort").and_then(|at| at.integer()),
            listen_address: text(at, "listenAddress"),
            protocol: text(at, "protocol"),
        }),
        kubeadm_patches: patches(at),
        cpus: at.field("resources").and_then(|at| text(&at, "cpus")),
        memory: at.field("resources").and_then(|at| text(&at, "memory")),
        devices: at.field("devices").map(|at| texts(&at)).unwrap_or_default(),
        env: pairs(at.field("env"), |at| at.text()),
    }
}

fn patches(at: &Cursor<'_>) -> RawPatches {
    RawPatches {
        merge: at.field("kubeadmConfigPatches").map(|at| texts(&at)).unwrap_or_default(),
        json: list(at, "kubeadmConfigPatchesJSON6902", |at| RawJsonPatch {
            location: Some(at.location()),
            group: text(at, "group"),
            version: text(at, "version"),
            kind: text(at, "kind"),
            patch: text(at, "patch"),
        }),
    }
}

fn proxy(at: &Cursor<'_>) -> RawProxy {
    RawProxy {
        http: text(at, "httpProxy"),
        https: text(at, "httpsProxy"),
        no_proxy: at.field("noProxy").map(|at| texts(&at)),
    }
}

fn registry(at: &Cursor<'_>) -> RawRegistry {
    RawRegistry {
        defined_at: Some(at.location()),
        prefix: text(at, "prefix"),
        location: text(at, "location"),
        insecure: at.field("insecure").is_some_and(is_true),
        mirrors: list(at, "mirrors", registry),
    }
}

/// Returns the text at a key. As in kind, empty text counts as not set.
fn text(at: &Cursor<'_>, name: &str) -> Option<RawValue> {
    at.field(name)?.text().filter(|value| !value.text.is_empty())
}

fn texts(at: &Cursor<'_>) -> Vec<RawValue> {
    at.items().iter().filter_map(Cursor::text).collect()
}

fn list<T>(at: &Cursor<'_>, name: &str, item: impl Fn(&Cursor<'_>) -> T) -> Vec<T> {
    at.field(name).iter().flat_map(Cursor::items).map(|at| item(&at)).collect()
}

fn pairs<T>(
    at: Option<Cursor<'_>>,
    value: impl Fn(&Cursor<'_>) -> Option<T>,
) -> Vec<(RawValue, T)> {
    let pairs = at.iter().flat_map(Cursor::pairs);
    pairs.filter_map(|(name, at)| Some((name, value(&at)?))).collect()
}

fn is_true(at: Cursor<'_>) -> bool {
    at.boolean() == Some(true)
}
