//! The test's handle on its cluster.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Service;
use kipod_engine::plan::{NODE_PORTS, UDP_NODE_PORTS};
use kube::config::Kubeconfig;

use crate::error::BoxError;
use crate::harness::Held;
use crate::listen::Listener;
use crate::source::NodeOutput;

/// The cluster a test runs in.
#[derive(Clone)]
pub struct Cluster {
    held: Arc<Held>,
    namespace: Option<String>,
}

impl Cluster {
    pub(crate) fn new(held: Arc<Held>, namespace: Option<String>) -> Self {
        Self { held, namespace }
    }

    /// Its name. Of somebody else's cluster, the name of its context.
    pub fn name(&self) -> &str {
        self.held.hold.access.context.as_deref().unwrap_or(&self.held.name)
    }

    /// Its Kubernetes version, as `v1.36.2`.
    pub fn kubernetes_version(&self) -> Option<&str> {
        self.held.hold.access.version.as_deref()
    }

    /// The file with its kubeconfig, which every test in the cluster shares.
    pub fn kubeconfig_path(&self) -> &Path {
        &self.held.hold.access.path
    }

    /// A kubeconfig as YAML, with the administrator's rights, whose only context has the test's
    /// namespace as its default: for programs, and for clients of another version of kube.
    ///
    /// # Errors
    ///
    /// When the cluster's kubeconfig lacks the context.
    pub fn kubeconfig(&self) -> Result<String, BoxError> {
        let access = &self.held.hold.access;
        let mut kubeconfig = Kubeconfig::from_yaml(&access.kubeconfig)?;
        if let Some(context) = &access.context {
            kubeconfig.current_context = Some(context.clone());
        }
        let current = kubeconfig.current_context.clone().unwrap_or_default();
        kubeconfig.contexts.retain(|context| context.name == current);
        let context = kubeconfig.contexts.first_mut().and_then(|named| named.context.as_mut());
        let context = context.ok_or_else(|| format!("there is no context `{current}`"))?;
        if let Some(namespace) = &self.namespace {
            context.namespace = Some(namespace.clone());
        }
        // JSON is YAML, and kube's types write every secret only this way.
        Ok(serde_json::to_string_pretty(&kubeconfig)?)
    }

    /// The names of its nodes.
    ///
    /// # Errors
    ///
    /// When the source of clusters does not answer, or the cluster is somebody else's.
    pub async fn nodes(&self) -> Result<Vec<String>, BoxError> {
        Ok(self.held.source.nodes(&self.held.name).await?)
    }

    /// A TCP listener of this process that the cluster reaches, for webhooks and the like: see
    /// [`Listener`].
    ///
    /// # Errors
    ///
    /// When the network of a node cannot be entered, or the cluster is somebody else's.
    pub async fn listen(&self) -> Result<Listener, BoxError> {
        Listener::bind(&self.held).await
    }

    /// Where a port of a Service answers the test's own process: of a Service that has node ports, as
    /// those of type `NodePort` and `LoadBalancer` have. Whether somebody serves it is another matter.
    ///
    /// ```no_run
    /// # use kipod::k8s_openapi::api::core::v1::Service;
    /// # async fn example(cluster: kipod::Cluster, client: kipod::kube::Client) -> Result<(), kipod::BoxError> {
    /// let services: kipod::kube::Api<Service> = kube::Api::default_namespaced(client);
    /// let address = cluster.service_address(&services.get("web").await?, 80)?;
    /// let stream = tokio::net::TcpStream::connect(address).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the Service has no such port or no node port for it, or one that is not published: of UDP
    /// those of 30000-30085 are, and none of SCTP. And when the cluster has no address on this machine: it
    /// is somebody else's, of IPv6 alone, made with `loadBalancer: false` or by an earlier kipod, lost its
    /// first control plane, or there was no address to be had, of which its creation warns.
    pub fn service_address(&self, service: &Service, port: u16) -> Result<SocketAddr, BoxError> {
        let name = service.metadata.name.as_deref().unwrap_or_default();
        let mut ports = service.spec.iter().flat_map(|spec| spec.ports.iter().flatten());
        let found = ports.find(|found| found.port == i32::from(port));
        let found = found.ok_or_else(|| format!("Service `{name}` has no port {port}"))?;
        let node_port = found.node_port.and_then(|node_port| u16::try_from(node_port).ok());
        let node_port =
            node_port.ok_or_else(|| format!("port {port} of Service `{name}` has no node port"))?;
        let published = match found.protocol.as_deref() {
            None | Some("TCP") => NODE_PORTS.contains(&node_port),
            Some("UDP") => UDP_NODE_PORTS.contains(&node_port),
            Some(_) => false,
        };
        if !published {
            let protocol = found.protocol.as_deref().unwrap_or("TCP");
            return Err(format!(
                "node port {node_port} ({protocol}) of Service `{name}` is not reached from this machine"
            )
            .into());
        }
        let address = self.held.hold.access.service_address;
        let address = address.ok_or_else(|| {
            format!("cluster `{}` has no address for Services on this machine", self.name())
        })?;
        Ok(SocketAddr::from((address, node_port)))
    }

    /// Runs a command on a node, as root and outside any pod.
    ///
    /// # Errors
    ///
    /// When it cannot be run, or the cluster is somebody else's. A command that fails is no error.
    pub async fn exec(&self, node: &str, command: &[&str]) -> Result<NodeOutput, BoxError> {
        Ok(self.held.source.exec(node, command).await?)
    }

    /// The journal of a unit on a node since the test's cluster began: `kubelet`, `crio`, ...
    ///
    /// # Errors
    ///
    /// When it cannot be read, or the cluster is somebody else's.
    pub async fn journal(&self, node: &str, unit: &str) -> Result<String, BoxError> {
        let command = ["journalctl", "--no-pager", "--output=short-precise", "-u", unit];
        Ok(self.exec(node, &command).await?.stdout)
    }

    /// The names of every image that a node has.
    ///
    /// # Errors
    ///
    /// When the node does not answer, or the cluster is somebody else's.
    pub async fn images(&self, node: &str) -> Result<Vec<String>, BoxError> {
        #[derive(serde::Deserialize)]
        struct Images {
            images: Vec<Image>,
        }
        #[derive(serde::Deserialize)]
        struct Image {
            #[serde(rename = "repoTags", default)]
            tags: Vec<String>,
        }
        let output = self.exec(node, &["crictl", "images", "--output=json"]).await?;
        if output.status != 0 {
            return Err(format!("`crictl images` on `{node}`: {}", output.stderr.trim()).into());
        }
        let images: Images = serde_json::from_str(&output.stdout)?;
        Ok(images.images.into_iter().flat_map(|image| image.tags).collect())
    }
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster").field("name", &self.held.name).finish_non_exhaustive()
    }
}
