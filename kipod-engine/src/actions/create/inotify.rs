//! inotify instances: a node whose programs get none waits for them until the creation times out.

use std::path::Path;

use super::{CreateError, Request};
use crate::cluster::Record;
use crate::kubernetes::Role;
use crate::lease::NameLock;
use crate::plan::has_balancer;
use crate::spec::{ClusterName, ClusterSpec};

/// The instances of a control plane: systemd 3, CRI-O 4, kubelet 7, kube-proxy 1, kube-apiserver 6 and
/// kube-controller-manager 7. Measured with Kubernetes 1.36.
const OF_CONTROL_PLANE: usize = 28;
/// The instances of a worker: those of a control plane without kube-apiserver and kube-controller-manager.
const OF_WORKER: usize = 15;
/// The instances of a load balancer: systemd.
const OF_BALANCER: usize = 3;

/// The supply of instances for a cluster.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Supply {
    /// There are enough.
    Enough,
    /// There may be enough once the clusters that are being created have theirs.
    Later,
    /// There are not: this number is left.
    Exhausted(usize),
}

/// Compares the instances that are left with those that the cluster needs. Clusters that are being created
/// at the moment count too: their nodes may not have started their programs yet.
pub(super) fn supply(request: &Request, state: &Path) -> Result<Supply, CreateError> {
    let own = needed(&request.spec);
    let being_created = |name: &ClusterName, record: &Record| {
        *name != request.spec.name && !record.complete && NameLock::is_taken(state, name)
    };
    let records = Record::all(state)?.into_iter();
    let others: usize = records
        .filter_map(|(name, record)| record.filter(|record| being_created(&name, record)))
        .map(|record| needed(&record.spec))
        .sum();
    let left = (request.available_inotify_instances)(own + others);
    Ok(match left {
        _ if left < own => Supply::Exhausted(left),
        _ if left < own + others => Supply::Later,
        _ => Supply::Enough,
    })
}

/// Returns the error for a cluster for which there are too few instances.
pub(super) fn exhausted(spec: &ClusterSpec, left: usize) -> CreateError {
    CreateError::InotifyInstances { needed: needed(spec), left }
}

/// Returns the number of instances that a cluster needs.
fn needed(spec: &ClusterSpec) -> usize {
    let balancer = if has_balancer(spec) { OF_BALANCER } else { 0 };
    spec.count(Role::ControlPlane) * OF_CONTROL_PLANE
        + spec.count(Role::Worker) * OF_WORKER
        + balancer
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::record;

    fn request(available: fn(usize) -> usize) -> Request {
        let request = crate::actions::tests::request();
        Request { available_inotify_instances: available, ..request }
    }

    #[test]
    fn clusters_being_created_count() {
        let directory = tempfile::tempdir().unwrap();
        let state = directory.path();
        let supply = |available| supply(&request(available), state).unwrap();
        assert_eq!(supply(|wanted| wanted.min(28)), Supply::Enough);
        assert_eq!(supply(|_| 27), Supply::Exhausted(27));
        let mut other = record("other");
        other.complete = false;
        other.write(state).unwrap();
        assert_eq!(supply(|wanted| wanted.min(28)), Supply::Enough, "it is not being created");
        let _lock = NameLock::take(state, &other.name).unwrap();
        assert_eq!(supply(|wanted| wanted.min(28)), Supply::Later);
        assert_eq!(supply(|wanted| wanted), Supply::Enough);
        other.complete = true;
        other.write(state).unwrap();
        assert_eq!(supply(|wanted| wanted.min(28)), Supply::Enough, "it has its instances");
    }

    #[test]
    fn every_node_counts() {
        let spec = ClusterSpec::builder("a").control_planes(3).workers(2).build().unwrap();
        assert_eq!(needed(&spec), 3 * 28 + 2 * 15 + 3);
    }
}
