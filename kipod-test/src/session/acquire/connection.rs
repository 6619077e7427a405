//! Connections to a cluster.

use kube::{Client, Config};

use crate::client;
use crate::cluster_request::ExistingCluster;
use crate::error::BoxError;
use crate::session::error::SetupError;

/// Access to a cluster, with a client of the background thread.
pub(super) struct Connection {
    pub(super) access: ExistingCluster,
    pub(super) config: Config,
    pub(super) client: Client,
}

impl Connection {
    /// Creates a client. Does not connect yet.
    pub(super) async fn new(access: ExistingCluster, name: &str) -> Result<Self, SetupError> {
        let failed = |source: BoxError| SetupError::Connect { name: name.to_owned(), source };
        let config = client::config(&access).await.map_err(failed)?;
        let client = client::connect_with_timeout(&config).map_err(|error| failed(error.into()))?;
        Ok(Self { access, config, client })
    }
}
