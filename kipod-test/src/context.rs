//! The context of a test, and the arguments that are created from it.

use std::sync::Arc;

use kube::{Client, Config};
use tokio::sync::OnceCell;

use crate::client;
use crate::cluster::Cluster;
use crate::error::{BoxError, Error};
use crate::lease::ClusterLease;
use crate::namespace::Namespace;
use crate::site::TestSite;

/// The context of a test: its cluster, namespace and name. All arguments are created from it, and it
/// can be an argument itself. Clones refer to the same context.
///
/// ```no_run
/// # mod tests {
/// #[kipod::test]
/// async fn context_has_a_client(context: kipod::TestContext) -> anyhow::Result<()> {
///     let client = context.client().await?;
///     println!("{} runs on {}", context.test_name(), client.apiserver_version().await?.git_version);
///     Ok(())
/// }
/// # }
/// ```
#[derive(Clone)]
pub struct TestContext {
    inner: Arc<Inner>,
}

struct Inner {
    site: TestSite,
    lease: Arc<ClusterLease>,
    namespace: Option<String>,
    client: OnceCell<Client>,
}

impl TestContext {
    pub(crate) fn new(site: TestSite, lease: Arc<ClusterLease>, namespace: Option<String>) -> Self {
        Self { inner: Arc::new(Inner { site, lease, namespace, client: OnceCell::new() }) }
    }

    /// Returns the path of the test without the crate name, as `cargo test` prints it.
    pub fn test_name(&self) -> &'static str {
        self.inner.site.name()
    }

    /// Returns the ID of the run: eight hexadecimal digits, the same for all tests that one
    /// `cargo test` or `cargo nextest run` starts.
    pub fn run_id(&self) -> &str {
        &self.inner.lease.run.id
    }

    /// Returns the namespace of the test; `None` with `namespace = false`.
    pub fn namespace(&self) -> Option<Namespace> {
        self.inner.namespace.clone().map(Namespace)
    }

    /// Returns the cluster of the test.
    pub fn cluster(&self) -> Cluster {
        Cluster::new(self.inner.lease.clone(), self.inner.namespace.clone())
    }

    /// Returns a client with the administrator's permissions. Its default namespace is the test's.
    /// The client belongs to the test's runtime; every call returns the same one.
    ///
    /// # Errors
    ///
    /// If the cluster's credentials cannot be used.
    pub async fn client(&self) -> Result<Client, Error> {
        let create = async || {
            let mut config = self.config();
            if let Some(namespace) = &self.inner.namespace {
                config.default_namespace.clone_from(namespace);
            }
            client::connect(config).map_err(|source| Error::Client {
                cluster: self.cluster().name().to_owned(),
                source: Box::new(source),
            })
        };
        Ok(self.inner.client.get_or_try_init(create).await?.clone())
    }

    /// Returns the configuration of the test's clients.
    fn config(&self) -> Config {
        let mut config = self.inner.lease.config.clone();
        if self.inner.site.start_paused {
            // A paused clock advances to the next timer whenever the test waits for the network, so
            // every timeout would expire at once.
            config.connect_timeout = None;
            config.read_timeout = None;
            config.write_timeout = None;
        }
        config
    }

    /// Returns a client with the permissions of a ServiceAccount in the test's namespace, which must
    /// exist, for example from a fixture. [`ClientAs`](crate::ClientAs) creates the account, too.
    ///
    /// # Errors
    ///
    /// If the test has no namespace, or the account does not exist.
    pub async fn client_as(&self, account: &str) -> Result<Client, Error> {
        let namespace = self.namespace().ok_or(Error::NoNamespace)?;
        let admin = self.client().await?;
        client::connect_as(&admin, self.config(), &namespace, account)
            .await
            .map_err(|source| Error::Token { account: account.to_owned(), source })
    }
}

impl std::fmt::Debug for TestContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TestContext")
            .field("test", &self.test_name())
            .field("cluster", &self.inner.lease.name)
            .field("namespace", &self.inner.namespace)
            .finish_non_exhaustive()
    }
}

/// An argument of a `#[kipod::test]`.
///
/// kipod implements it for [`kube::Client`], [`Namespace`], [`Cluster`] and [`TestContext`].
/// Implement it for your own type to create a value for each test that takes one. The value can be
/// created from other arguments:
///
/// ```no_run
/// # mod tests {
/// use kipod::k8s_openapi::api::core::v1::ConfigMap;
/// use kipod::{BoxError, FromTestContext, TestContext};
/// use kube::{Api, Client};
///
/// /// A ConfigMap that is created before the test begins.
/// struct Settings(ConfigMap);
///
/// impl FromTestContext for Settings {
///     async fn from_test_context(context: &TestContext) -> Result<Self, BoxError> {
///         let client = Client::from_test_context(context).await?;
///         let mut map = ConfigMap::default();
///         map.metadata.name = Some("settings".to_owned());
///         let maps: Api<ConfigMap> = Api::default_namespaced(client);
///         Ok(Self(maps.create(&Default::default(), &map).await?))
///     }
/// }
///
/// #[kipod::test]
/// async fn reads_its_settings(settings: Settings) {
///     assert!(settings.0.metadata.uid.is_some());
/// }
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a `#[kipod::test]`",
    label = "kipod cannot create this type",
    note = "kipod creates `kube::Client`, `kipod::Namespace`, `kipod::Cluster` and `kipod::TestContext`",
    note = "implement `kipod::FromTestContext` for your own types",
    note = "`Client` of another version of kube is a different type: use `kipod::kube`, or the kubeconfig of `kipod::Cluster`"
)]
pub trait FromTestContext: Sized {
    /// Creates the argument, on the test's runtime and within its timeout.
    ///
    /// # Errors
    ///
    /// If it cannot be created. The test then fails, with the name of the argument in the message.
    #[expect(async_fn_in_trait, reason = "arguments are created on one task and need not be Send")]
    async fn from_test_context(context: &TestContext) -> Result<Self, BoxError>;
}

impl FromTestContext for TestContext {
    async fn from_test_context(context: &TestContext) -> Result<Self, BoxError> {
        Ok(context.clone())
    }
}

impl FromTestContext for Client {
    async fn from_test_context(context: &TestContext) -> Result<Self, BoxError> {
        Ok(context.client().await?)
    }
}

impl FromTestContext for Cluster {
    async fn from_test_context(context: &TestContext) -> Result<Self, BoxError> {
        Ok(context.cluster())
    }
}

impl FromTestContext for Namespace {
    async fn from_test_context(context: &TestContext) -> Result<Self, BoxError> {
        Ok(context.namespace().ok_or(Error::NoNamespace)?)
    }
}
