//! The handle of an existing cluster.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use super::{AddNode, Engine, Error, StartCluster};
use crate::actions::{self, ImageSource, LoadRequest, Loaded, NodeAction};
use crate::cluster::{self as clusters, NodeSummary, OpenError, Record};
use crate::kubeconfig::{UserKubeconfig, client};
use crate::kubernetes::{Role, Version};
use crate::podman::{Archive, ExecOutput, Podman};
use crate::spec::ClusterName;

/// An existing cluster.
///
/// The handle holds nothing open: dropping it leaves the cluster as it is.
///
/// ```no_run
/// # async fn example(engine: kipod_engine::Engine) -> Result<(), Box<dyn std::error::Error>> {
/// let cluster = engine.cluster(&"demo".parse()?)?;
/// cluster.load_image("localhost/controller:dev").await?;
/// for node in cluster.nodes().await? {
///     println!("{} is {}", node.name, node.state);
/// }
/// cluster.stop().await?;
/// cluster.start().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Cluster {
    pub(super) engine: Engine,
    pub(super) entry: clusters::ClusterEntry,
}

impl Cluster {
    pub(super) fn new(engine: Engine, entry: clusters::ClusterEntry) -> Self {
        Self { engine, entry }
    }

    /// Returns the cluster's name.
    pub fn name(&self) -> &ClusterName {
        self.entry.name()
    }

    /// Returns the Kubernetes version of the control plane, such as `v1.36.2`.
    pub fn kubernetes_version(&self) -> &Version {
        &self.record().kubernetes_version
    }

    /// Returns the host's address of the API server.
    pub fn api_server(&self) -> SocketAddr {
        let record = self.record();
        let address: IpAddr = record.spec.networking.api_server_address;
        SocketAddr::new(address, record.api_port)
    }

    /// Returns the host's address at which node ports and LoadBalancer Services are reached.
    pub fn service_address(&self) -> Option<Ipv4Addr> {
        self.record().service_address
    }

    /// Returns the record of the cluster.
    #[doc(hidden)]
    pub fn record(&self) -> &Record {
        self.entry.record()
    }

    /// Returns the file of the cluster's own kubeconfig.
    pub fn kubeconfig_path(&self) -> &Path {
        self.entry.kubeconfig_path()
    }

    /// Reads the cluster's own kubeconfig, as YAML.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub fn kubeconfig(&self) -> Result<String, Error> {
        Ok(self.entry.kubeconfig()?)
    }

    /// Returns a kubeconfig for other containers of the user, as YAML. It works in the cluster's Podman
    /// network, `kipod-NAME`, and in other bridge networks.
    ///
    /// # Errors
    ///
    /// When the cluster's own kubeconfig cannot be read.
    pub fn internal_kubeconfig(&self) -> Result<String, Error> {
        Ok(self.entry.internal_kubeconfig()?)
    }

    /// Adds the cluster to the user's kubeconfig. Deleting the cluster removes the entry.
    ///
    /// # Errors
    ///
    /// When the cluster's or the user's kubeconfig cannot be read or written.
    pub fn export_kubeconfig(&self, user: &UserKubeconfig) -> Result<(), Error> {
        Ok(self.entry.export_kubeconfig(self.engine.dirs(), user)?)
    }

    /// Creates a client with administrator rights. It belongs to the current tokio runtime.
    ///
    /// # Errors
    ///
    /// When the kubeconfig cannot be read or used.
    pub async fn client(&self) -> Result<kube::Client, Error> {
        Ok(client::connect(&self.kubeconfig()?).await?)
    }

    /// Lists the nodes, and the load balancer of several control planes.
    ///
    /// # Errors
    ///
    /// When Podman does not respond.
    pub async fn nodes(&self) -> Result<Vec<NodeSummary>, Error> {
        self.engine.nodes(Some(self.name())).await
    }

    /// Adds a node and waits until it is ready. Returns its name.
    ///
    /// ```no_run
    /// # async fn example(cluster: kipod_engine::Cluster) -> Result<(), Box<dyn std::error::Error>> {
    /// use kipod_engine::Role;
    ///
    /// let node = cluster.add_node(Role::Worker).await?;
    /// cluster.remove_node(&node).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the role is a control plane and the cluster has no load balancer, or the node does not
    /// become ready. The cluster is then as before.
    pub fn add_node(&self, role: Role) -> AddNode {
        AddNode::new(self.clone(), role)
    }

    /// Drains a node and removes it.
    ///
    /// # Errors
    ///
    /// When there is no such node, it is the only control plane, or its pods cannot be moved.
    pub async fn remove_node(&self, node: &str) -> Result<(), Error> {
        let context = self.engine.context(&*self.engine.inner.events).await?;
        Ok(actions::remove_node(context, self.name(), node).await?)
    }

    /// Stops a node. Its state stays.
    ///
    /// # Errors
    ///
    /// When there is no such node, or Podman refuses.
    pub async fn stop_node(&self, node: &str) -> Result<(), Error> {
        self.act(node, NodeAction::Stop).await
    }

    /// Starts a stopped node.
    ///
    /// # Errors
    ///
    /// When there is no such node, or Podman refuses.
    pub async fn start_node(&self, node: &str) -> Result<(), Error> {
        self.act(node, NodeAction::Start).await
    }

    /// Freezes every process of a node.
    ///
    /// # Errors
    ///
    /// When there is no such node, or Podman refuses.
    pub async fn pause_node(&self, node: &str) -> Result<(), Error> {
        self.act(node, NodeAction::Pause).await
    }

    /// Resumes a paused node.
    ///
    /// # Errors
    ///
    /// When there is no such node, or Podman refuses.
    pub async fn unpause_node(&self, node: &str) -> Result<(), Error> {
        self.act(node, NodeAction::Unpause).await
    }

    async fn act(&self, node: &str, action: NodeAction) -> Result<(), Error> {
        let context = self.engine.context(&*self.engine.inner.events).await?;
        Ok(actions::node(context, self.name(), node, action).await?)
    }

    /// Stops all nodes. State, addresses and the API server's port stay.
    ///
    /// # Errors
    ///
    /// When another process works on the cluster, or Podman refuses.
    pub async fn stop(&self) -> Result<(), Error> {
        let context = self.engine.context(&*self.engine.inner.events).await?;
        Ok(actions::stop(context, self.name()).await?)
    }

    /// Starts all nodes and waits until they and cluster DNS are ready.
    ///
    /// # Errors
    ///
    /// When another process works on the cluster, Podman refuses, or it is not ready in time. The
    /// cluster then stays as it is.
    pub fn start(&self) -> StartCluster {
        StartCluster::new(self.clone())
    }

    /// Loads an image of the user's Podman store, by name or id.
    ///
    /// # Errors
    ///
    /// When there is no such image, it is for another platform, or a copy fails.
    pub async fn load_image(&self, image: &str) -> Result<Loaded, Error> {
        self.load(ImageSource::Store(vec![image.to_owned()]), Vec::new()).await
    }

    /// Loads all images of an archive of `podman save`, `docker save`, or an OCI archive.
    ///
    /// # Errors
    ///
    /// When the archive cannot be read, holds no image, or a copy fails.
    pub async fn load_archive(&self, file: impl Into<PathBuf>) -> Result<Loaded, Error> {
        self.load(ImageSource::Archive(Archive::File(file.into())), Vec::new()).await
    }

    /// Loads images, and verifies that these nodes see them; all nodes where `nodes` is empty.
    #[doc(hidden)]
    pub async fn load(&self, source: ImageSource, nodes: Vec<String>) -> Result<Loaded, Error> {
        let inner = &self.engine.inner;
        let (cluster, cancel) = (self.name().clone(), inner.cancel.clone());
        let request = LoadRequest { cluster, source, nodes, cancel };
        Ok(actions::load_images(self.engine.context(&*inner.events).await?, &request).await?)
    }

    /// Runs a command inside a node and returns its output and exit status.
    ///
    /// # Errors
    ///
    /// When the node is not running, or Podman refuses.
    pub async fn exec(&self, node: &str, command: &[&str]) -> Result<ExecOutput, Error> {
        self.engine.exec(node, command).await
    }

    /// Returns the process ID of a node's init; `None` while the node is not running.
    #[doc(hidden)]
    pub async fn node_pid(&self, node: &str) -> Result<Option<u32>, Error> {
        Ok(self.engine.podman().await?.inspect_container(node).await?.pid)
    }

    /// Writes the logs of all nodes into a directory. Returns what is missing, a line each.
    ///
    /// # Errors
    ///
    /// When the nodes cannot be listed, or the directory cannot be written.
    pub async fn export_logs(&self, dir: impl Into<PathBuf>) -> Result<Vec<String>, Error> {
        self.engine.export_logs(self.name(), dir).await
    }

    /// Deletes the cluster with everything that belongs to it.
    ///
    /// # Errors
    ///
    /// When another process works on the cluster, or something of it cannot be removed.
    pub async fn delete(self) -> Result<(), Error> {
        self.engine.delete(self.name()).await.map(drop)
    }
}

impl Engine {
    /// Returns the container of the first control plane of a cluster, complete or not, and with
    /// `node` that container after checking that it belongs to the cluster. Does not need Podman.
    #[doc(hidden)]
    pub fn node_container(&self, name: &ClusterName, node: Option<&str>) -> Result<String, Error> {
        // Also of a cluster that is not complete: users look into one that failed and was retained.
        let record = Record::read(&self.dirs().state, name)?
            .ok_or_else(|| OpenError::Missing { name: name.clone() })?;
        let first = record.control_plane();
        let Some(node) = node.filter(|node| *node != first) else { return Ok(first) };
        let changing = record.changing.iter().map(|identity| identity.name.clone());
        let names: Vec<String> = record.containers().chain(changing).collect();
        match names.iter().any(|name| name == node) {
            true => Ok(node.to_owned()),
            false => {
                let (cluster, node) = (name.clone(), node.to_owned());
                Err(actions::ChangeError::NoNode { cluster, node, names }.into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{identity, record};
    use crate::util::Hint;
    use crate::util::dirs::Dirs;

    #[test]
    fn node_container_accepts_nodes_of_the_cluster_only() {
        let root = tempfile::tempdir().unwrap();
        let engine = Engine::builder().dirs(Dirs::below(root.path())).open().unwrap();
        let name: ClusterName = "demo".parse().unwrap();
        let container = |node| engine.node_container(&name, node);
        let missing = container(None).unwrap_err();
        assert_eq!(missing.to_string(), "cluster `demo` not found");

        let worker = identity("demo-worker-0", Role::Worker, 1);
        let first = identity("demo-control-plane-0", Role::ControlPlane, 0);
        let changing = Some(identity("demo-worker-1", Role::Worker, 2));
        let nodes = vec![first, worker];
        let record = Record { nodes, changing, complete: false, ..record("demo") };
        record.write(&engine.dirs().state).unwrap();
        assert_eq!(container(None).unwrap(), "demo-control-plane-0");
        for node in ["demo-control-plane-0", "demo-worker-0", "demo-worker-1"] {
            assert_eq!(container(Some(node)).unwrap(), node);
        }
        // The first is a node of the cluster `demo-b`.
        for node in ["demo-b-worker-0", "demo-worker-7", "nope"] {
            let error = container(Some(node)).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!(
                    "node `{node}` not found in cluster `demo`, which has demo-control-plane-0, demo-worker-0, demo-worker-1"
                )
            );
            assert_eq!(error.hint().as_deref(), Some("`kipod get nodes demo` lists the nodes"));
        }
    }
}
