//! A lease on a cluster: the right of this process to use it.

use kipod_engine::lease::{ClusterFiles, Lock};
use kube::{Client, Config};

use crate::cluster_request::ExistingCluster;
use crate::site::TestSite;

use crate::source::ClusterSource;
use crate::test_run::TestRun;

/// A cluster that this process uses. The cluster is not deleted while the lease exists.
pub(crate) struct ClusterLease {
    pub(crate) source: &'static dyn ClusterSource,
    /// Name of the cluster in its source.
    pub(crate) name: String,
    pub(crate) access: ExistingCluster,
    /// Client configuration; each test creates its own client from it.
    pub(crate) config: Config,
    /// Client of the background thread.
    pub(crate) client: Client,
    pub(crate) files: ClusterFiles,
    pub(crate) run: TestRun,
    /// A test of this binary, used to start the binary again.
    pub(crate) site: TestSite,
    /// The shared lock on the cluster.
    pub(crate) _lock: Lock,
}
