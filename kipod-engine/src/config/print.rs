//! Printing of a cluster in kipod's format.

use super::fields::KIPOD;
use crate::spec::{
    ClusterSpec, ExtraMount, ExtraPort, KubeadmPatches, Networking, NodeResources, NodeSpec, Proxy,
    Registry, comma_separated, format_duration, format_memory, format_milli_cpus,
};
use crate::util::yaml::{self, Node, Value};

/// Prints a cluster in kipod's format, including defaults. Reading the text returns the same cluster.
/// [`ClusterSpec::kubernetes`] is not part of the format.
///
/// ```
/// use kipod_engine::{config, spec::ClusterSpec};
///
/// let text = config::print(&ClusterSpec::default());
/// assert!(text.contains("podSubnet: 10.244.0.0/16\n"), "{text}");
/// assert_eq!(config::read(&text, "-").check().unwrap(), ClusterSpec::default());
/// ```
pub fn print(spec: &ClusterSpec) -> String {
    let mut keys = vec![
        ("apiVersion", text(KIPOD)),
        ("kind", text("Cluster")),
        ("name", text(spec.name.as_str())),
        ("image", text(spec.image.as_str())),
        ("nodes", list(&spec.nodes, node)),
        ("networking", networking(&spec.networking)),
    ];
    if !spec.feature_gates.is_empty() {
        let gates = spec.feature_gates.iter().map(|(gate, on)| (gate.as_str(), plain(on)));
        keys.push(("featureGates", Node::map(gates)));
    }
    if !spec.runtime_config.is_empty() {
        let apis = spec.runtime_config.iter().map(|(api, on)| (api.as_str(), quoted(on)));
        keys.push(("runtimeConfig", Node::map(apis)));
    }
    patches(&mut keys, &spec.kubeadm_patches);
    if !spec.crio_drop_ins.is_empty() {
        let files = spec.crio_drop_ins.iter().map(|(file, text)| (file.as_str(), quoted(text)));
        keys.push(("crio", Node::map([("dropIns", Node::map(files))])));
    }
    if !spec.registries.is_empty() {
        keys.push(("registries", list(&spec.registries, registry)));
    }
    if let Some(file) = &spec.registry_auth_file {
        keys.push(("registryAuthFile", text(&file.to_string_lossy())));
    }
    let proxy = proxy(&spec.proxy);
    if !proxy.is_empty() {
        keys.push(("proxy", Node::map(proxy)));
    }
    keys.push(("hostProxy", plain(spec.host_proxy)));
    if !spec.ca_certificates.is_empty() {
        keys.push((
            "caCertificates",
            list(&spec.ca_certificates, |file| text(&file.to_string_lossy())),
        ));
    }
    keys.push(("hostCaCertificates", plain(spec.host_ca_certificates)));
    keys.push(("hostImages", plain(spec.host_images)));
    if !spec.preload.is_empty() {
        keys.push(("preload", list(&spec.preload, |image| text(image.as_str()))));
    }
    keys.push(("loadBalancer", plain(spec.load_balancer)));
    keys.push(("metrics", plain(spec.metrics)));
    keys.push(("wait", text(&format_duration(spec.wait))));
    keys.push(("retain", plain(spec.retain)));
    let root = Some(Node::map(keys));
    let document = yaml::Document { root, comments: Vec::new() };
    yaml::write(&document).expect("a tree of text without anchors can be written")
}

type Keys<'a> = Vec<(&'a str, Node)>;

fn node(node: &NodeSpec) -> Node {
    let mut keys: Keys<'_> = vec![("role", text(node.role.name()))];
    if let Some(image) = &node.image {
        keys.push(("image", text(image.as_str())));
    }
    if !node.labels.is_empty() {
        let labels = node.labels.iter().map(|(key, value)| (key.as_str(), quoted(value)));
        keys.push(("labels", Node::map(labels)));
    }
    if !node.extra_mounts.is_empty() {
        keys.push(("extraMounts", list(&node.extra_mounts, mount)));
    }
    if !node.extra_port_mappings.is_empty() {
        keys.push(("extraPortMappings", list(&node.extra_port_mappings, port)));
    }
    patches(&mut keys, &node.kubeadm_patches);
    if node.resources.is_limited() {
        keys.push(("resources", resources(node.resources)));
    }
    if !node.devices.is_empty() {
        keys.push(("devices", list(&node.devices, |device| text(device))));
    }
    if !node.env.is_empty() {
        let env = node.env.iter().map(|(name, value)| (name.as_str(), quoted(value)));
        keys.push(("env", Node::map(env)));
    }
    Node::map(keys)
}

fn resources(resources: NodeResources) -> Node {
    let mut keys = Vec::new();
    keys.extend(resources.milli_cpus.map(|cpus| ("cpus", text(&format_milli_cpus(cpus)))));
    keys.extend(resources.memory.map(|memory| ("memory", text(&format_memory(memory)))));
    Node::map(keys)
}

fn mount(mount: &ExtraMount) -> Node {
    Node::map([
        ("hostPath", text(&mount.host_path.to_string_lossy())),
        ("containerPath", text(&mount.container_path)),
        ("readOnly", plain(mount.read_only)),
        ("selinuxRelabel", plain(mount.selinux_relabel)),
        ("propagation", text(mount.propagation.name())),
    ])
}

fn port(port: &ExtraPort) -> Node {
    let mut keys = vec![("containerPort", plain(port.container_port))];
    keys.extend(port.host_port.map(|host_port| ("hostPort", plain(host_port))));
    keys.push(("listenAddress", quoted(&port.listen_address.to_string())));
    keys.push(("protocol", text(port.protocol.name())));
    Node::map(keys)
}

fn networking(networking: &Networking) -> Node {
    let mut keys = vec![
        ("ipFamily", text(networking.ip_family.name())),
        ("apiServerAddress", quoted(&networking.api_server_address.to_string())),
    ];
    keys.extend(networking.api_server_port.map(|port| ("apiServerPort", plain(port))));
    keys.push(("podSubnet", quoted(&comma_separated(&networking.pod_subnets()))));
    keys.push(("serviceSubnet", quoted(&comma_separated(&networking.service_subnets()))));
    keys.push(("disableDefaultCNI", plain(networking.disable_default_cni)));
    keys.push(("kubeProxyMode", text(networking.kube_proxy_mode.name())));
    keys.extend(
        networking.dns_search.as_ref().map(|all| ("dnsSearch", list(all, |one| text(one)))),
    );
    Node::map(keys)
}

fn patches(keys: &mut Keys<'_>, patches: &KubeadmPatches) {
    if !patches.merge.is_empty() {
        let merge = list(&patches.merge, |patch| quoted(&patch.text));
        keys.push(("kubeadmConfigPatches", merge));
    }
    if !patches.json.is_empty() {
        let json = list(&patches.json, |patch| {
            let mut keys = Vec::new();
            if let Some((group, version)) =
                patch.target.api_version.as_deref().and_then(|version| version.split_once('/'))
            {
                keys.extend([("group", text(group)), ("version", text(version))]);
            }
            keys.extend([("kind", text(&patch.target.kind)), ("patch", quoted(&patch.text))]);
            Node::map(keys)
        });
        keys.push(("kubeadmConfigPatchesJSON6902", json));
    }
}

fn proxy(proxy: &Proxy) -> Keys<'_> {
    let mut keys = Vec::new();
    keys.extend(proxy.http.as_ref().map(|url| ("httpProxy", text(url))));
    keys.extend(proxy.https.as_ref().map(|url| ("httpsProxy", text(url))));
    keys.extend(proxy.no_proxy.as_ref().map(|all| ("noProxy", list(all, |one| quoted(one)))));
    keys
}

fn registry(registry: &Registry) -> Node {
    let mut keys = vec![("prefix", text(&registry.prefix))];
    keys.extend(registry.location.as_ref().map(|location| ("location", text(location))));
    keys.push(("insecure", plain(registry.insecure)));
    if !registry.mirrors.is_empty() {
        let mirror = |mirror: &crate::spec::Mirror| {
            let insecure = plain(mirror.insecure);
            Node::map([("location", text(&mirror.location)), ("insecure", insecure)])
        };
        keys.push(("mirrors", list(&registry.mirrors, mirror)));
    }
    Node::map(keys)
}

fn list<T>(items: &[T], item: impl Fn(&T) -> Node) -> Node {
    Value::Seq(items.iter().map(item).collect()).into()
}

/// Creates text, in quotes if a reader could read it as another type.
fn text(text: &str) -> Node {
    Node::text(text)
}

/// Creates text of the user, or text that starts with a digit.
fn quoted(text: &str) -> Node {
    let plain = text.starts_with(|c: char| c.is_ascii_digit()) && text.contains(['/']);
    if plain { Value::Plain(text.to_owned()).into() } else { Node::text(text) }
}

fn plain(value: impl std::fmt::Display) -> Node {
    Value::Plain(value.to_string()).into()
}
