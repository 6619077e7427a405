//! Errors of the public API.

/// An error of any type, as [`FromTestContext`](crate::FromTestContext) returns it. Every error type
/// converts into it with `?`.
///
/// ```
/// fn parse(text: &str) -> Result<u16, kipod::BoxError> {
///     Ok(text.parse()?)
/// }
/// assert!(parse("many").is_err());
/// ```
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// An error of a method of [`Cluster`](crate::Cluster) or [`TestContext`](crate::TestContext).
///
/// The message describes the failed operation, [`source`](std::error::Error::source) its cause. It
/// converts with `?` into [`BoxError`], `anyhow::Error` and the like:
///
/// ```no_run
/// # mod tests {
/// #[kipod::test]
/// async fn listens(cluster: kipod::Cluster) -> anyhow::Result<()> {
///     let listener = cluster.listen().await?;
///     println!("{}", listener.address());
///     Ok(())
/// }
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The kubeconfig cannot be parsed, or lacks the context.
    #[error("invalid kubeconfig of cluster `{cluster}`")]
    Kubeconfig {
        /// The cluster.
        cluster: String,
        /// The cause.
        source: BoxError,
    },
    /// The credentials of the cluster cannot be used.
    #[error("failed to create a client for cluster `{cluster}`")]
    Client {
        /// The cluster.
        cluster: String,
        /// The cause.
        source: Box<kube::Error>,
    },
    /// The operation needs a namespace, and the test has none.
    #[error("the test has no namespace (`namespace = false`)")]
    NoNamespace,
    /// The API server issued no token for a ServiceAccount.
    #[error("failed to request a token for ServiceAccount `{account}`")]
    Token {
        /// The ServiceAccount.
        account: String,
        /// The cause.
        source: BoxError,
    },
    /// The nodes cannot be listed.
    #[error("failed to list the nodes of cluster `{cluster}`")]
    Nodes {
        /// The cluster.
        cluster: String,
        /// The cause.
        source: BoxError,
    },
    /// A command could not be started on a node.
    #[error("failed to run `{command}` on node `{node}`")]
    Exec {
        /// The node.
        node: String,
        /// The first word of the command.
        command: String,
        /// The cause.
        source: BoxError,
    },
    /// The images of a node cannot be listed.
    #[error("failed to list the images of node `{node}`")]
    Images {
        /// The node.
        node: String,
        /// The cause.
        source: BoxError,
    },
    /// No listener could be created in the network of a node.
    #[error("failed to listen in cluster `{cluster}`")]
    Listen {
        /// The cluster.
        cluster: String,
        /// The cause.
        source: BoxError,
    },
    /// The Service does not have the port.
    #[error("Service `{service}` has no port {port}")]
    NoPort {
        /// The Service.
        service: String,
        /// The port.
        port: u16,
    },
    /// The port of the Service has no node port.
    #[error("port {port} of Service `{service}` has no node port")]
    NoNodePort {
        /// The Service.
        service: String,
        /// The port.
        port: u16,
    },
    /// The node port is not in the published range of its protocol.
    #[error(
        "node port {node_port} ({protocol}) of Service `{service}` is not published on this host"
    )]
    NotPublished {
        /// The Service.
        service: String,
        /// The node port.
        node_port: u16,
        /// The protocol: `TCP`, `UDP` or `SCTP`.
        protocol: String,
    },
    /// The cluster publishes no Services on this host.
    #[error("cluster `{cluster}` has no address for Services on this host")]
    NoServiceAddress {
        /// The cluster.
        cluster: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_converts_to_anyhow_with_its_source() {
        fn listen() -> Result<(), Error> {
            Err(Error::Listen { cluster: "demo".to_owned(), source: "no node".into() })
        }
        fn test() -> anyhow::Result<()> {
            Ok(listen()?)
        }
        fn argument() -> Result<(), BoxError> {
            Ok(listen()?)
        }
        let error = format!("{:#}", test().unwrap_err());
        assert_eq!(error, "failed to listen in cluster `demo`: no node");
        assert!(argument().is_err());
    }
}
