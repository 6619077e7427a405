//! The nodes and containers that `Waiter` waits for, from a plan or a record.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ipnet::IpNet;

use crate::cluster::{Record, cluster_dir};
use crate::plan::{NodePlan, Plan, status_dir};
use crate::spec::{ClusterName, ClusterSpec, KubeProxyMode, is_kubelet_label};
use crate::util::dirs::Dirs;

/// The nodes and containers of a cluster that are waited for.
pub(super) struct WaitTarget {
    pub(super) name: ClusterName,
    /// The URL of the API server, for messages.
    pub(super) server: String,
    pub(super) nodes: Vec<TargetNode>,
    /// The names of all containers.
    pub(super) containers: Vec<String>,
    /// `true` if the containers are new, so that Podman has not restarted any of them before.
    pub(super) is_new: bool,
    /// `true` if cluster DNS can become ready: it reaches the API server through a Service.
    pub(super) has_dns: bool,
}

/// A node that is waited for.
pub(super) struct TargetNode {
    pub(super) name: String,
    pub(super) status_dir: PathBuf,
    pub(super) pod_subnets: Vec<IpNet>,
    /// The labels that its kubelet must not set.
    pub(super) labels: BTreeMap<String, String>,
}

impl TargetNode {
    /// Returns the target for a node that is being created.
    pub(super) fn planned(node: &NodePlan) -> Self {
        let NodePlan { name, status_dir, pod_subnets, .. } = node.clone();
        Self { name, status_dir, pod_subnets, labels: BTreeMap::new() }
    }
}

impl WaitTarget {
    /// Returns the target for a cluster that is being created.
    pub(super) fn planned(plan: &Plan, spec: &ClusterSpec) -> Self {
        let nodes = plan.nodes.iter().zip(&spec.nodes).map(|(node, spec)| {
            let mut labels = spec.labels.clone();
            labels.retain(|key, _| !is_kubelet_label(key));
            TargetNode { labels, ..TargetNode::planned(node) }
        });
        Self {
            name: plan.name.clone(),
            server: plan.access.server.clone(),
            nodes: nodes.collect(),
            containers: plan.containers().map(|node| node.name.clone()).collect(),
            is_new: true,
            has_dns: has_dns(spec),
        }
    }

    /// Returns the target for an existing cluster.
    pub(super) fn recorded(record: &Record, dirs: &Dirs) -> Self {
        let dir = cluster_dir(&dirs.state, &record.name);
        let nodes = record.nodes.iter().map(|identity| TargetNode {
            name: identity.name.clone(),
            status_dir: status_dir(&dir, &identity.name),
            pod_subnets: identity.pod_subnets(record.spec.networking.ip_family),
            labels: BTreeMap::new(),
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
