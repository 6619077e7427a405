//! The existing nodes of a cluster, while a node is added or removed.

use std::time::Duration;

use crate::actions::change_error::ChangeError;
use crate::actions::start_node::archive;
use crate::cluster;
use crate::kubernetes::Role;
use crate::node::NodeFile;
use crate::pki::{Authorities, KeyPairPem, SigningKey};
use crate::plan::{NodeIdentity, balancer_files, has_balancer, load_balancer_name, routes_file};
use crate::podman::{Podman, PodmanError};
use crate::spec::{ClusterName, ClusterSpec};
use crate::util::retry::retry;

/// Timeout for draining a node, in seconds.
const DRAIN_SECONDS: u32 = 120;
/// Uses the API server of the node itself: the load balancer may select the node being removed.
const KUBECTL: [&str; 3] =
    ["kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", "--server=https://127.0.0.1:6443"];
/// Attempts of kubectl. The API server fails while etcd, after losing a member, elects a new leader.
const KUBECTL_ATTEMPTS: u32 = 4;
const KUBECTL_RETRY_INTERVAL: Duration = Duration::from_secs(2);
/// Files that control planes share, below `/etc/kubernetes/pki`.
const AUTHORITIES: [&str; 8] = [
    "ca.crt",
    "ca.key",
    "etcd/ca.crt",
    "etcd/ca.key",
    "front-proxy-ca.crt",
    "front-proxy-ca.key",
    "sa.pub",
    "sa.key",
];

/// The existing nodes of a cluster.
pub(super) struct ExistingNodes<'a> {
    podman: &'a dyn Podman,
    cluster: &'a ClusterName,
    identities: &'a [NodeIdentity],
    running: Vec<String>,
}

impl<'a> ExistingNodes<'a> {
    pub(super) async fn new(
        podman: &'a dyn Podman,
        cluster: &'a ClusterName,
        identities: &'a [NodeIdentity],
    ) -> Result<Self, ChangeError> {
        let nodes = cluster::containers(podman, Some(cluster)).await.map_err(ChangeError::list)?;
        let running = nodes.into_iter().filter(|node| node.state.is_running());
        let running = running.map(|node| node.name).collect();
        Ok(Self { podman, cluster, identities, running })
    }

    fn is_running(&self, node: &str) -> bool {
        self.running.iter().any(|running| running == node)
    }

    /// Returns a running control plane other than `except`.
    pub(super) fn control_plane(&self, except: Option<&NodeIdentity>) -> Result<&str, ChangeError> {
        let mut control_planes =
            self.identities.iter().filter(|identity| identity.role == Role::ControlPlane);
        control_planes
            .find(|identity| Some(*identity) != except && self.is_running(&identity.name))
            .map(|identity| identity.name.as_str())
            .ok_or_else(|| ChangeError::NotRunning { cluster: self.cluster.clone() })
    }

    /// Fails if the cluster cannot work without the node.
    pub(super) fn check_removable(&self, identity: &NodeIdentity) -> Result<(), ChangeError> {
        let control_planes =
            self.identities.iter().filter(|identity| identity.role == Role::ControlPlane);
        let count = control_planes.clone().count();
        if identity.role == Role::ControlPlane && count == 1 {
            return Err(ChangeError::LastControlPlane { node: identity.name.clone() });
        }
        self.control_plane(Some(identity))?;
        if identity.role != Role::ControlPlane {
            return Ok(());
        }
        // etcd rejects the removal of a member that would cost its quorum, and kubeadm ignores the
        // rejection.
        let others =
            control_planes.filter(|other| *other != identity && self.is_running(&other.name));
        let (others, needed) = (others.count(), (count - 1) / 2 + 1);
        if others < needed {
            return Err(ChangeError::Quorum { node: identity.name.clone(), others, needed });
        }
        // The node must remove its own member from etcd, or it would still count for the quorum.
        if !self.is_running(&identity.name) {
            return Err(ChangeError::NodeStopped { node: identity.name.clone() });
        }
        Ok(())
    }

    /// Drains the node, if it is running.
    pub(super) async fn drain(&self, identity: &NodeIdentity) -> Result<(), ChangeError> {
        if !self.is_running(&identity.name) {
            return Ok(());
        }
        let timeout = format!("--timeout={DRAIN_SECONDS}s");
        let words = [
            "drain",
            &identity.name,
            "--ignore-daemonsets",
            "--delete-emptydir-data",
            "--force",
            &timeout,
        ];
        let control_plane = self.control_plane(Some(identity))?;
        let drained = self.exec(control_plane, &[&KUBECTL, &words[..]].concat()).await;
        if drained.is_err() {
            // The node stays, so it must accept pods again.
            let uncordon = [&KUBECTL[..], &["uncordon", &identity.name]].concat();
            let _ = self.exec(control_plane, &uncordon).await;
        }
        drained.map(drop)
    }

    /// Removes the etcd member of a control plane, if it is running. Fails if the node never became a
    /// member, which is ignored.
    pub(super) async fn leave_etcd(&self, identity: &NodeIdentity) {
        if identity.role == Role::ControlPlane && self.is_running(&identity.name) {
            let words = ["kubeadm", "reset", "phase", "remove-etcd-member"];
            let _ = self.exec(&identity.name, &words).await;
        }
    }

    /// Deletes the node object.
    pub(super) async fn delete_object(&self, identity: &NodeIdentity) -> Result<(), ChangeError> {
        let words = ["delete", "node", &identity.name, "--ignore-not-found"];
        let (node, command) =
            (self.control_plane(Some(identity))?, [&KUBECTL, &words[..]].concat());
        let delete = async || self.exec(node, &command).await.map(drop);
        retry(KUBECTL_ATTEMPTS, KUBECTL_RETRY_INTERVAL, |_| true, delete).await
    }

    /// Reads the certificate authorities of the cluster.
    pub(super) async fn authorities(&self) -> Result<Authorities, ChangeError> {
        let node = self.control_plane(None)?;
        let mut texts = Vec::new();
        for file in AUTHORITIES {
            texts.push(self.exec(node, &["cat", &format!("/etc/kubernetes/pki/{file}")]).await?);
        }
        let [ca, ca_key, etcd, etcd_key, proxy, proxy_key, public, private] =
            texts.try_into().unwrap_or_default();
        Ok(Authorities {
            ca: KeyPairPem { certificate: ca, key: ca_key },
            etcd_ca: KeyPairPem { certificate: etcd, key: etcd_key },
            front_proxy_ca: KeyPairPem { certificate: proxy, key: proxy_key },
            service_accounts: SigningKey { public, private },
        })
    }

    /// Updates the routes of all nodes, and the backends of the load balancer. Stopped nodes read their
    /// routes at their start.
    pub(super) async fn update(
        &self,
        spec: &ClusterSpec,
        identities: &[NodeIdentity],
    ) -> Result<(), ChangeError> {
        for identity in self.identities {
            let file = routes_file(spec, identities, identity);
            let apply = ["/usr/local/lib/kipod/routes"];
            self.write(&identity.name, &[file], &apply).await?;
        }
        if has_balancer(spec) {
            let apply = ["systemctl", "reload", "kipod-balancer.service"];
            let name = load_balancer_name(self.cluster);
            self.write(&name, &balancer_files(spec, identities), &apply).await?;
        }
        Ok(())
    }

    async fn write(
        &self,
        node: &str,
        files: &[NodeFile],
        apply: &[&str],
    ) -> Result<(), ChangeError> {
        let failed = |source: PodmanError| ChangeError::Podman { node: node.to_owned(), source };
        self.podman.upload(node, "/var", archive(files)).await.map_err(failed)?;
        if self.is_running(node) {
            self.exec(node, apply).await?;
        }
        Ok(())
    }

    async fn exec(&self, node: &str, command: &[&str]) -> Result<String, ChangeError> {
        let output = self.podman.exec(node, command).await;
        let output =
            output.map_err(|source| ChangeError::Podman { node: node.to_owned(), source })?;
        if output.status == 0 {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(ChangeError::Command {
            node: node.to_owned(),
            command: command.join(" "),
            status: output.status,
            output: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        })
    }
}
