//! What of a cluster is waited for: one that is being created, or one that was there before.

use std::path::PathBuf;

use ipnet::IpNet;

use crate::cluster::{Record, cluster_dir};
use crate::plan::{NodePlan, Plan, status_dir};
use crate::spec::{ClusterName, ClusterSpec, KubeProxyMode};
use crate::util::dirs::Dirs;

/// A cluster, as far as it is waited for.
pub(super) struct WaitTarget {
    pub(super) name: ClusterName,
    /// Where its API server answers, for messages.
    pub(super) server: String,
    pub(super) nodes: Vec<WatchedNode>,
    /// The names of all its containers.
    pub(super) containers: Vec<String>,
    /// Whether these were created for this: Podman has started none of them again before.
    pub(super) is_new: bool,
    /// Whether cluster DNS can be expected to answer: it finds the API server by a Service.
    pub(super) has_dns: bool,
}

/// A node that is waited for.
pub(super) struct WatchedNode {
    pub(super) name: String,
    pub(super) status_dir: PathBuf,
    pub(super) pod_subnets: Vec<IpNet>,
}

impl WatchedNode {
    /// A node that is being created.
    pub(super) fn planned(node: &NodePlan) -> Self {
        let NodePlan { name, status_dir, pod_subnets, .. } = node.clone();
        Self { name, status_dir, pod_subnets }
    }
}

impl WaitTarget {
    /// A cluster that is being created.
    pub(super) fn planned(plan: &Plan, spec: &ClusterSpec) -> Self {
        let nodes = plan.nodes.iter().map(WatchedNode::planned);
        Self {
            name: plan.name.clone(),
            server: plan.access.server.clone(),
            nodes: nodes.collect(),
            containers: plan.containers().map(|node| node.name.clone()).collect(),
            is_new: true,
            has_dns: has_dns(spec),
        }
    }

    /// A cluster that was there before.
    pub(super) fn recorded(record: &Record, dirs: &Dirs) -> Self {
        let dir = cluster_dir(&dirs.state, &record.name);
        let nodes = record.nodes.iter().map(|identity| WatchedNode {
            name: identity.name.clone(),
            status_dir: status_dir(&dir, &identity.name),
            pod_subnets: identity.pod_subnets(record.spec.networking.ip_family),
        });
        Self {
            name: record.name.clone(),
            server: format!("https://127.0.0.1:{}", record.api_port),
            nodes: nodes.collect(),
            containers: record.containers().collect(),
            is_new: false,
            has_dns: has_dns(&record.spec),
        }
    }
}

fn has_dns(spec: &ClusterSpec) -> bool {
    spec.networking.kube_proxy_mode != KubeProxyMode::None
}
