//! Looking up an existing cluster.

use std::time::{Duration, Instant};

use kipod_engine::lease::{ClusterFiles, Phase};
use kube::Client;

use super::connection::Connection;
use super::locks::is_in_use;
use crate::client;
use crate::cluster_request::{ClusterRequest, ExistingCluster, Mismatch};
use crate::engine_api::error_chain;
use crate::error::BoxError;
use crate::session::error::{NotRecreated, Problem, SetupError};

use crate::source::{ClusterSource, Progress, ProgressEvent};
use crate::test_run::TestRun;

/// Timeout of one request to the API server.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// Poll interval for the readiness of the API server.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// Waiting time after which the reason is reported.
const NOTICE_DELAY: Duration = Duration::from_millis(500);

/// The result of a lookup.
pub(super) enum Found {
    /// The cluster is ready and meets the request.
    Usable(Box<Connection>),
    /// There is no cluster, or its creation or deletion was interrupted.
    Missing,
    /// The cluster cannot be used.
    Unusable(Unusable),
}

/// A cluster that cannot be used.
pub(super) struct Unusable {
    /// `true` if tests created the cluster.
    ours: bool,
    /// Identity of a cluster that is healthy, but does not meet the request.
    identity: Option<String>,
    problem: Problem,
}

impl Unusable {
    /// Returns the problem if the cluster may be recreated. Otherwise returns an error.
    pub(super) async fn check_recreate(
        self,
        files: &ClusterFiles,
        run: &TestRun,
        name: &str,
    ) -> Result<Problem, SetupError> {
        let kept = match self.ours {
            false => NotRecreated::NotOurs,
            true if is_in_use(files, run, self.identity.as_deref()).await? => NotRecreated::InUse,
            true => return Ok(self.problem),
        };
        Err(SetupError::Unusable { name: name.to_owned(), kept, source: self.problem })
    }
}

/// Looks up a cluster without changing anything. The caller holds the gate.
pub(super) async fn look_up(
    source: &dyn ClusterSource,
    files: &ClusterFiles,
    request: &ClusterRequest,
    progress: Progress<'_>,
    timeout: Duration,
) -> Result<Found, SetupError> {
    let name = &request.name;
    let failed = |source| SetupError::Acquire { name: name.clone(), source };
    let Some(access) = source.open(name).await.map_err(failed)? else {
        return Ok(Found::Missing);
    };
    let ours = match files.phase()? {
        Some(phase @ Phase::Deleting(_)) if phase.is_of(&access.identity) => {
            return Ok(Found::Missing);
        }
        phase => phase.is_some_and(|phase| phase.is_of(&access.identity)),
    };
    let mismatched = |access: &ExistingCluster, mismatch: Mismatch| {
        let identity = Some(access.identity.clone());
        Found::Unusable(Unusable { ours, identity, problem: mismatch.into() })
    };
    if let Some(mismatch) = request.mismatch(&access) {
        return Ok(mismatched(&access, mismatch));
    }
    let mut connection = Connection::new(access, name).await?;
    if let Err(source) = wait_until_ready(&connection.client, name, progress, timeout).await {
        let problem = Problem::Unhealthy { waited: timeout, source };
        return Ok(Found::Unusable(Unusable { ours, identity: None, problem }));
    }
    // Only the API server of an external cluster knows its version.
    if connection.access.version.is_none() {
        connection.access.version = query_version(&connection.client, request).await?;
        if let Some(mismatch) = request.mismatch(&connection.access) {
            return Ok(mismatched(&connection.access, mismatch));
        }
    }
    Ok(Found::Usable(Box::new(connection)))
}

/// Queries the Kubernetes version. An error counts only if the request has a version: the user may
/// not have the permission.
async fn query_version(
    client: &Client,
    request: &ClusterRequest,
) -> Result<Option<String>, SetupError> {
    match client.apiserver_version().await {
        Ok(info) => Ok(Some(info.git_version)),
        Err(error) if request.version.is_some() => {
            Err(SetupError::Connect { name: request.name.clone(), source: error.into() })
        }
        Err(_) => Ok(None),
    }
}

/// Waits until the API server is ready. Returns the last error on timeout.
async fn wait_until_ready(
    client: &Client,
    name: &str,
    progress: Progress<'_>,
    timeout: Duration,
) -> Result<(), BoxError> {
    let started = Instant::now();
    let mut reported = false;
    loop {
        let response = tokio::time::timeout(REQUEST_TIMEOUT, client::check_ready(client)).await;
        let error: BoxError = match response {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error.into(),
            Err(_) => format!("no response within {}s", REQUEST_TIMEOUT.as_secs()).into(),
        };
        let waited = started.elapsed();
        if waited > timeout {
            return Err(error);
        }
        if !reported && waited > NOTICE_DELAY {
            let error = error_chain(error.as_ref());
            let text = format!("waiting for the API server of cluster `{name}`: {error}");
            progress(ProgressEvent::Message(&text));
            reported = true;
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}
