//! Building a cluster specification from typed values.

use std::path::PathBuf;
use std::time::Duration;

use super::check::TypedCheck;
use super::{
    ClusterSpec, ImageReference, Networking, NodeSpec, Proxy, RawProxy, RawRegistry, RawSpec,
    Registry, ValidationErrors,
};
use crate::kubernetes::{Role, Version};

/// A builder of a [`ClusterSpec`], created by [`ClusterSpec::builder`].
///
/// ```
/// use kipod_engine::kubernetes::Role;
/// use kipod_engine::spec::{ClusterSpec, ExtraMount, IpFamily, Networking, NodeSpec};
///
/// let mut build_node = NodeSpec::new(Role::Worker);
/// build_node.extra_mounts.push(ExtraMount::new("./src", "/src"));
///
/// let spec = ClusterSpec::builder("demo")
///     .kubernetes("1.36".parse()?)
///     .control_planes(3)
///     .workers(2)
///     .node(build_node)
///     .networking(Networking::of(IpFamily::Dual))
///     .feature_gate("AllBeta", true)
///     .build()?;
/// assert_eq!((spec.count(Role::ControlPlane), spec.count(Role::Worker)), (3, 3));
///
/// let errors = ClusterSpec::builder("demo").control_planes(2).build().unwrap_err();
/// assert_eq!(
///     errors.to_string(),
///     "invalid configuration: 1 error\n  control planes: 2 control planes tolerate no more failures than 1: use an odd number"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing before `build`"]
pub struct ClusterSpecBuilder {
    name: String,
    control_planes: Option<usize>,
    workers: usize,
    nodes: Vec<NodeSpec>,
    /// The typed values.
    spec: ClusterSpec,
    /// The values that are text and are validated by `build`.
    raw: RawSpec,
}

impl ClusterSpec {
    /// Creates a builder for a cluster with this name.
    pub fn builder(name: impl Into<String>) -> ClusterSpecBuilder {
        ClusterSpecBuilder {
            name: name.into(),
            control_planes: None,
            workers: 0,
            nodes: Vec::new(),
            spec: Self::default(),
            raw: RawSpec::default(),
        }
    }
}

impl ClusterSpecBuilder {
    /// Sets the Kubernetes version. The cluster is created from the newest node image of this version,
    /// in place of [`image`](Self::image).
    pub fn kubernetes(mut self, version: Version) -> Self {
        self.spec.kubernetes = Some(version);
        self
    }

    /// Sets the node image.
    pub fn image(mut self, image: ImageReference) -> Self {
        self.spec.image = image;
        self
    }

    /// Sets the number of control planes with default settings. Default: 1, or 0 if
    /// [`node`](Self::node) adds a control plane.
    pub fn control_planes(mut self, count: usize) -> Self {
        self.control_planes = Some(count);
        self
    }

    /// Sets the number of workers with default settings. Default: 0.
    pub fn workers(mut self, count: usize) -> Self {
        self.workers = count;
        self
    }

    /// Adds a node.
    pub fn node(mut self, node: NodeSpec) -> Self {
        self.nodes.push(node);
        self
    }

    /// Sets the networking settings.
    pub fn networking(mut self, networking: Networking) -> Self {
        self.spec.networking = networking;
        self
    }

    /// Enables or disables a Kubernetes feature gate.
    pub fn feature_gate(mut self, name: impl Into<String>, enabled: bool) -> Self {
        self.raw.feature_gates.push((name.into().into(), enabled));
        self
    }

    /// Enables or disables an API of the API server, such as `api/alpha` or `batch/v1`.
    pub fn runtime_config(mut self, api: impl Into<String>, enabled: bool) -> Self {
        self.raw.runtime_config.push((api.into().into(), enabled.to_string().into()));
        self
    }

    /// Adds a merge patch of the kubeadm configuration: YAML with the `kind` of the object to patch.
    pub fn kubeadm_patch(mut self, yaml: impl Into<String>) -> Self {
        self.raw.kubeadm_patches.merge.push(yaml.into().into());
        self
    }

    /// Adds a CRI-O drop-in with TOML content.
    pub fn crio_drop_in(mut self, file_name: impl Into<String>, toml: impl Into<String>) -> Self {
        self.raw.crio_drop_ins.push((file_name.into().into(), toml.into().into()));
        self
    }

    /// Adds the pull settings of a registry.
    pub fn registry(mut self, registry: Registry) -> Self {
        let mirrors = registry.mirrors.into_iter().map(|mirror| RawRegistry {
            location: Some(mirror.location.into()),
            insecure: mirror.insecure,
            ..RawRegistry::default()
        });
        self.raw.registries.push(RawRegistry {
            prefix: Some(registry.prefix.into()),
            location: registry.location.map(Into::into),
            insecure: registry.insecure,
            mirrors: mirrors.collect(),
            ..RawRegistry::default()
        });
        self
    }

    /// Sets the file with the registry credentials of the nodes.
    pub fn registry_auth_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.spec.registry_auth_file = Some(path.into());
        self
    }

    /// Sets the HTTP proxies of nodes. Values that are not set come from the environment.
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        let value = |text: Option<String>| text.map(Into::into);
        self.raw.proxy = RawProxy {
            http: value(proxy.http),
            https: value(proxy.https),
            no_proxy: proxy.no_proxy.map(|all| all.into_iter().map(Into::into).collect()),
        };
        self
    }

    /// Sets whether nodes use the proxies of the environment. Default: `true`.
    pub fn host_proxy(mut self, enabled: bool) -> Self {
        self.spec.host_proxy = enabled;
        self
    }

    /// Adds a PEM file with certificate authorities that nodes trust.
    pub fn ca_certificates(mut self, path: impl Into<PathBuf>) -> Self {
        self.spec.ca_certificates.push(path.into());
        self
    }

    /// Sets whether nodes trust the certificate authorities of the host. Default: `false`.
    pub fn host_ca_certificates(mut self, enabled: bool) -> Self {
        self.spec.host_ca_certificates = enabled;
        self
    }

    /// Sets whether pods can use the images of the user's Podman store. Default: `true`.
    pub fn host_images(mut self, enabled: bool) -> Self {
        self.spec.host_images = enabled;
        self
    }

    /// Adds an image that is loaded into the new cluster.
    pub fn preload(mut self, image: ImageReference) -> Self {
        if !self.spec.preload.contains(&image) {
            self.spec.preload.push(image);
        }
        self
    }

    /// Sets whether Services of type `LoadBalancer` get an address. Default: `true`.
    pub fn load_balancer(mut self, enabled: bool) -> Self {
        self.spec.load_balancer = enabled;
        self
    }

    /// Sets whether the cluster has metrics-server. Default: `false`.
    pub fn metrics(mut self, enabled: bool) -> Self {
        self.spec.metrics = enabled;
        self
    }

    /// Sets the timeout for the cluster to become ready. Zero does not wait. Default: 5 minutes.
    pub fn wait(mut self, timeout: Duration) -> Self {
        self.spec.wait = timeout;
        self
    }

    /// Sets whether the resources of a failed creation are kept. Default: `false`.
    pub fn retain(mut self, enabled: bool) -> Self {
        self.spec.retain = enabled;
        self
    }

    /// Validates all values.
    ///
    /// # Errors
    ///
    /// All errors at once.
    pub fn build(self) -> Result<ClusterSpec, ValidationErrors> {
        let nodes = self.nodes();
        let Self { name, mut spec, raw, .. } = self;
        let mut check = TypedCheck { errors: Vec::new() };
        spec.name = check.name(&name);
        check.kubernetes(spec.kubernetes.as_ref());
        spec.nodes = check.nodes(nodes);
        check.networking(&spec.networking);
        check.settings(&raw, &mut spec);
        check.finish(spec)
    }

    /// Returns all nodes: those with default settings and those that were added.
    fn nodes(&self) -> Vec<NodeSpec> {
        let has_control_plane = self.nodes.iter().any(|node| node.role == Role::ControlPlane);
        let control_planes = self.control_planes.unwrap_or(usize::from(!has_control_plane));
        // Too many nodes are refused, so they need not all exist.
        let of = |role, count: usize| {
            std::iter::repeat_n(NodeSpec::new(role), count.min(super::MAX_NODES + 1))
        };
        of(Role::ControlPlane, control_planes)
            .chain(of(Role::Worker, self.workers))
            .chain(self.nodes.iter().cloned())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{DualStack, ExtraMount, ExtraPort, IpFamily, RawPatches};

    #[test]
    fn builder_default_is_the_default_cluster() {
        let spec = ClusterSpec::builder("kipod").build().unwrap();
        assert_eq!(spec, ClusterSpec::default());
        assert_eq!(spec, RawSpec::default().check().unwrap());
    }

    #[test]
    fn builder_and_text_give_the_same_cluster() {
        let built = ClusterSpec::builder("demo")
            .control_planes(3)
            .workers(2)
            .feature_gate("AllBeta", true)
            .runtime_config("api/all", true)
            .kubeadm_patch("kind: KubeletConfiguration")
            .crio_drop_in("10-log.conf", "[crio]\n")
            .registry(Registry::new("docker.io"))
            .preload("quay.io/a:1".parse().unwrap())
            .build();
        let raw = RawSpec {
            name: Some("demo".into()),
            control_planes: Some("3".into()),
            workers: Some("2".into()),
            feature_gates: vec![("AllBeta".into(), true)],
            runtime_config: vec![("api/all".into(), "true".into())],
            kubeadm_patches: RawPatches {
                merge: vec!["kind: KubeletConfiguration".into()],
                json: Vec::new(),
            },
            crio_drop_ins: vec![("10-log.conf".into(), "[crio]\n".into())],
            registries: vec![RawRegistry {
                prefix: Some("docker.io".into()),
                ..RawRegistry::default()
            }],
            preload: vec!["quay.io/a:1".into()],
            ..RawSpec::default()
        };
        assert_eq!(built.unwrap(), raw.check().unwrap());
    }

    #[test]
    fn build_returns_all_errors() {
        let mut node = NodeSpec::new(Role::Worker);
        node.labels.insert("-".to_owned(), String::new());
        node.extra_mounts = vec![ExtraMount::new("", "/var/"), ExtraMount::new("/a", "b")];
        let mut port = ExtraPort::new(0);
        port.host_port = Some(80);
        node.extra_port_mappings =
            vec![port, ExtraPort { host_port: Some(80), ..ExtraPort::new(1) }];
        let networking = Networking {
            pod_subnet: DualStack::new(
                "127.0.0.0/16".parse().unwrap(),
                "fd00:172:31::/48".parse().unwrap(),
            ),
            api_server_port: Some(0),
            dns_search: Some(vec!["a..b".to_owned()]),
            ..Networking::of(IpFamily::Dual)
        };
        let errors = ClusterSpec::builder("Demo")
            .kubernetes("1.30".parse().unwrap())
            .node(node)
            .networking(networking)
            .feature_gate("allBeta", true)
            .kubeadm_patch("kind: ClusterConfig")
            .registry(Registry::new("https://docker.io"))
            .build()
            .unwrap_err();
        insta::assert_snapshot!(errors, @r"
        invalid configuration: 15 errors
          cluster name: `Demo` has `D`, where only a-z, 0-9 and - are allowed
          Kubernetes version: Kubernetes v1.30 is not supported: the oldest supported version is 1.32, the first whose kubeadm can patch cluster DNS
          label: `-` is not a label key: expected up to 63 letters, digits, `-`, `_` and `.`, starting and ending with a letter or digit, with an optional domain and `/` before it
          host path: the path is empty
          container path: `/var` is reserved for the node: use a path below
          container path: `b` is not an absolute path
          container port: `0` is not a port number from 1 to 65535
          host port: port 80 (TCP) of `0.0.0.0` is already used by another mapping, on `0.0.0.0`
          pod subnet: `127.0.0.0/16` overlaps `127.0.0.0/8`, which is reserved for loopback
          pod subnet: `fd00:172:31::/48` contains `fd00:172:31:255::1`, the internal address of nodes
          API server port: `0` is not a port number from 1 to 65535
          DNS search: `a..b` is not a DNS domain, such as `example.com`
          feature gate: `allBeta` is not a feature gate, such as `AllBeta`
          kubeadm patch: `ClusterConfig` is not a kind of the kubeadm configuration; did you mean `ClusterConfiguration`?
          registry: `https://docker.io` starts with `https://`: use `docker.io`, with `insecure: true` for HTTP
        ");
    }

    #[test]
    fn build_refuses_too_many_nodes() {
        let errors = ClusterSpec::builder("demo").workers(usize::MAX).build().unwrap_err();
        assert!(errors.to_string().contains("nodes are too many: the maximum is 250"), "{errors}");
    }

    #[test]
    fn build_refuses_a_pod_subnet_without_room() {
        let networking = Networking {
            pod_subnet: DualStack::new(
                "10.0.0.0/22".parse().unwrap(),
                Networking::default().pod_subnet.v6,
            ),
            ..Networking::default()
        };
        let errors = ClusterSpec::builder("demo").workers(4).networking(networking).build();
        insta::assert_snapshot!(errors.unwrap_err(), @r"
        invalid configuration: 1 error
          pod subnet: `10.0.0.0/22` is too small: each of 5 nodes needs a /24, and it has 4
        ");
    }
}
