//! The handle to a test's cluster.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Service, ServicePort};
use kube::config::Kubeconfig;

use crate::engine_api::{NODE_PORTS, UDP_NODE_PORTS};
use crate::error::{BoxError, Error};
use crate::lease::ClusterLease;
use crate::listener::Listener;
use crate::source::NodeOutput;

/// The cluster of a test.
///
/// ```no_run
/// # mod tests {
/// #[kipod::test]
/// async fn nodes_run_kubelet(cluster: kipod::Cluster) -> anyhow::Result<()> {
///     for node in cluster.nodes().await? {
///         assert!(!cluster.journal(&node, "kubelet").await?.is_empty());
///     }
///     Ok(())
/// }
/// # }
/// ```
#[derive(Clone)]
pub struct Cluster {
    lease: Arc<ClusterLease>,
    namespace: Option<String>,
}

impl Cluster {
    pub(crate) fn new(lease: Arc<ClusterLease>, namespace: Option<String>) -> Self {
        Self { lease, namespace }
    }

    /// Returns the name; of an external cluster, the name of its context.
    pub fn name(&self) -> &str {
        self.lease.access.context.as_deref().unwrap_or(&self.lease.name)
    }

    /// Returns the Kubernetes version, as `v1.36.2`, if known.
    pub fn kubernetes_version(&self) -> Option<&str> {
        self.lease.access.version.as_deref()
    }

    /// Returns the path of the kubeconfig file, which all tests in the cluster share.
    pub fn kubeconfig_path(&self) -> &Path {
        &self.lease.access.path
    }

    /// Returns a kubeconfig as YAML: for other programs, and for clients of another version of kube.
    /// It has the administrator's permissions. Its only context has the test's namespace as its
    /// default.
    ///
    /// # Errors
    ///
    /// If the cluster's kubeconfig lacks the context.
    pub fn kubeconfig(&self) -> Result<String, Error> {
        self.namespaced_kubeconfig()
            .map_err(|source| Error::Kubeconfig { cluster: self.name().to_owned(), source })
    }

    fn namespaced_kubeconfig(&self) -> Result<String, BoxError> {
        let access = &self.lease.access;
        let mut kubeconfig = Kubeconfig::from_yaml(&access.kubeconfig)?;
        if let Some(context) = &access.context {
            kubeconfig.current_context = Some(context.clone());
        }
        let current = kubeconfig.current_context.clone().unwrap_or_default();
        kubeconfig.contexts.retain(|context| context.name == current);
        let context = kubeconfig.contexts.first_mut().and_then(|named| named.context.as_mut());
        let context = context.ok_or_else(|| format!("context `{current}` not found"))?;
        if let Some(namespace) = &self.namespace {
            context.namespace = Some(namespace.clone());
        }
        // JSON is valid YAML, and the only format in which kube's types include all secrets.
        Ok(serde_json::to_string_pretty(&kubeconfig)?)
    }

    /// Returns the names of the nodes.
    ///
    /// # Errors
    ///
    /// If Podman does not respond, or the cluster is external.
    pub async fn nodes(&self) -> Result<Vec<String>, Error> {
        self.lease
            .source
            .nodes(&self.lease.name)
            .await
            .map_err(|error| Error::Nodes { cluster: self.name().to_owned(), source: error.into() })
    }

    /// Binds a TCP listener of this process that the cluster can reach, for webhooks and other
    /// servers. See [`Listener`].
    ///
    /// # Errors
    ///
    /// If the network of a node cannot be entered, or the cluster is external.
    pub async fn listen(&self) -> Result<Listener, Error> {
        Listener::bind(&self.lease)
            .await
            .map_err(|source| Error::Listen { cluster: self.name().to_owned(), source })
    }

    /// Returns the address on this host at which a port of a Service is published. The Service must
    /// have node ports, as those of type `NodePort` and `LoadBalancer` do. It need not have
    /// endpoints.
    ///
    /// ```no_run
    /// # use kipod::k8s_openapi::api::core::v1::Service;
    /// # async fn example(cluster: kipod::Cluster, client: kipod::kube::Client) -> anyhow::Result<()> {
    /// let services: kipod::kube::Api<Service> = kube::Api::default_namespaced(client);
    /// let address = cluster.service_address(&services.get("web").await?, 80)?;
    /// let stream = tokio::net::TcpStream::connect(address).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the Service has no such port, or no node port for it, or if the node port is not published:
    /// for UDP, 30000-30085 are published, for SCTP none. Also if the cluster has no address on this
    /// host. That is the case if it is external, IPv6-only, created with `loadBalancer: false` or by
    /// an earlier version of kipod, if its first control plane has been removed, or if no address was
    /// free when it was created, of which the creation warned.
    pub fn service_address(&self, service: &Service, port: u16) -> Result<SocketAddr, Error> {
        let name = || service.metadata.name.clone().unwrap_or_default();
        let mut ports = service.spec.iter().flat_map(|spec| spec.ports.iter().flatten());
        let found = ports
            .find(|found| found.port == i32::from(port))
            .ok_or_else(|| Error::NoPort { service: name(), port })?;
        let node_port = found
            .node_port
            .and_then(|node_port| u16::try_from(node_port).ok())
            .ok_or_else(|| Error::NoNodePort { service: name(), port })?;
        if !is_published(found, node_port) {
            let protocol = found.protocol.clone().unwrap_or_else(|| "TCP".to_owned());
            return Err(Error::NotPublished { service: name(), node_port, protocol });
        }
        match self.lease.access.service_address {
            Some(address) => Ok(SocketAddr::from((address, node_port))),
            None => Err(Error::NoServiceAddress { cluster: self.name().to_owned() }),
        }
    }

    /// Runs a command on a node, as root and outside of any pod. A non-zero exit status is not an
    /// error.
    ///
    /// # Errors
    ///
    /// If the command cannot be started, or the cluster is external.
    pub async fn exec(&self, node: &str, command: &[&str]) -> Result<NodeOutput, Error> {
        self.lease.source.exec(node, command).await.map_err(|error| Error::Exec {
            node: node.to_owned(),
            command: command.first().copied().unwrap_or_default().to_owned(),
            source: error.into(),
        })
    }

    /// Returns the journal of a systemd unit on a node, such as `kubelet` or `crio`.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or the cluster is external.
    pub async fn journal(&self, node: &str, unit: &str) -> Result<String, Error> {
        let command = ["journalctl", "--no-pager", "--output=short-precise", "-u", unit];
        Ok(self.exec(node, &command).await?.stdout)
    }

    /// Returns the names of all images on a node.
    ///
    /// # Errors
    ///
    /// If the node does not respond, or the cluster is external.
    pub async fn images(&self, node: &str) -> Result<Vec<String>, Error> {
        let output = self.exec(node, &["crictl", "images", "--output=json"]).await?;
        parse_images(&output).map_err(|source| Error::Images { node: node.to_owned(), source })
    }
}

/// Parses the output of `crictl images --output=json`.
fn parse_images(output: &NodeOutput) -> Result<Vec<String>, BoxError> {
    #[derive(serde::Deserialize)]
    struct Images {
        images: Vec<Image>,
    }
    #[derive(serde::Deserialize)]
    struct Image {
        #[serde(rename = "repoTags", default)]
        tags: Vec<String>,
    }
    if output.status != 0 {
        return Err(format!("`crictl images` failed: {}", output.stderr.trim()).into());
    }
    let images: Images = serde_json::from_str(&output.stdout)?;
    Ok(images.images.into_iter().flat_map(|image| image.tags).collect())
}

/// Returns whether nodes publish a node port on the host.
fn is_published(port: &ServicePort, node_port: u16) -> bool {
    match port.protocol.as_deref() {
        None | Some("TCP") => NODE_PORTS.contains(&node_port),
        Some("UDP") => UDP_NODE_PORTS.contains(&node_port),
        Some(_) => false,
    }
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster").field("name", &self.lease.name).finish_non_exhaustive()
    }
}
