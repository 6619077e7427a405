//! Namespaces and clusters that earlier runs have kept.

use kipod_engine::lease::{ClusterFiles, Lock};

use super::identity::test_label;
use crate::lease::ClusterLease;
use crate::namespace;
use crate::site::TestSite;

/// Releases what earlier runs of the same test have kept. A namespace in a shared cluster is deleted
/// now; an exclusive cluster is deleted when this run ends. Errors are ignored: they do not concern
/// this run.
pub(super) async fn release(lease: &ClusterLease, site: &TestSite) {
    let test = test_label(site);
    let clusters = match lease.source.state_dir() {
        Ok(state_dir) if site.exclusive => ClusterFiles::all(&state_dir),
        _ => vec![lease.files.clone()],
    };
    for files in clusters {
        for kept in files.all_kept() {
            // The namespace of a run that has not ended may still be in use.
            let has_reaper = || Lock::is_locked_exclusively(&files.reaper(&kept.run));
            if kept.test != test || kept.run == lease.run.id || has_reaper() {
                continue;
            }
            if site.exclusive || namespace::delete(&lease.client, &kept.namespace).await.is_ok() {
                files.unkeep(&kept.namespace);
            }
        }
    }
}
