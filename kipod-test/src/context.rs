//! What a test runs in, and the arguments that can be made of it.

use std::sync::Arc;

use kube::{Client, Config};
use tokio::sync::OnceCell;

use crate::access;
use crate::account;
use crate::cluster::Cluster;
use crate::error::BoxError;
use crate::harness::Held;
use crate::namespace::Namespace;
use crate::site::TestSite;

/// What a test runs in: its cluster, its namespace, its name. Every argument is made of it, and it
/// is an argument itself. Clones are the same context.
#[derive(Clone)]
pub struct TestContext {
    inner: Arc<Inner>,
}

struct Inner {
    site: TestSite,
    held: Arc<Held>,
    namespace: Option<String>,
    client: OnceCell<Client>,
}

impl TestContext {
    pub(crate) fn new(site: TestSite, held: Arc<Held>, namespace: Option<String>) -> Self {
        Self { inner: Arc::new(Inner { site, held, namespace, client: OnceCell::new() }) }
    }

    /// The test's path without its crate, as `cargo test` prints it.
    pub fn test_name(&self) -> &'static str {
        self.inner.site.name()
    }

    /// The run of tests: eight hexadecimal digits, which all tests that one `cargo test` or one
    /// `cargo nextest run` starts have in common.
    pub fn run_id(&self) -> &str {
        &self.inner.held.run.id
    }

    /// The test's namespace; `None` with `namespace = false`.
    pub fn namespace(&self) -> Option<Namespace> {
        self.inner.namespace.clone().map(Namespace)
    }

    /// The test's cluster.
    pub fn cluster(&self) -> Cluster {
        Cluster::new(self.inner.held.clone(), self.inner.namespace.clone())
    }

    /// A client with the administrator's rights, whose default namespace is the test's. It is made
    /// for this test and its runtime alone; every call answers with the same one.
    ///
    /// # Errors
    ///
    /// When the cluster's credentials cannot be used.
    pub async fn client(&self) -> Result<Client, BoxError> {
        let make = async || {
            let mut config = self.config();
            if let Some(namespace) = &self.inner.namespace {
                config.default_namespace.clone_from(namespace);
            }
            access::connect(config)
        };
        Ok(self.inner.client.get_or_try_init(make).await?.clone())
    }

    /// How a client of the test's own reaches the cluster.
    fn config(&self) -> Config {
        let mut config = self.inner.held.hold.config.clone();
        if self.inner.site.start_paused {
            // A clock that stands still jumps to the next timer whenever the test waits for the
            // network: every limit would be over at once.
            config.connect_timeout = None;
            config.read_timeout = None;
            config.write_timeout = None;
        }
        config
    }

    /// A client with the rights of a ServiceAccount that is in the test's namespace, because a
    /// fixture brought it, and no others. [`ClientAs`](crate::ClientAs) makes the account, too.
    ///
    /// # Errors
    ///
    /// When the test has no namespace, or the account is not there.
    pub async fn client_as(&self, account: &str) -> Result<Client, BoxError> {
        let namespace = self.namespace().ok_or("a ServiceAccount needs a namespace")?;
        let config = self.config();
        account::client_as(&self.client().await?, config, &namespace, account).await
    }
}

impl std::fmt::Debug for TestContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TestContext")
            .field("test", &self.test_name())
            .field("cluster", &self.inner.held.name)
            .field("namespace", &self.inner.namespace)
            .finish_non_exhaustive()
    }
}

/// What can be an argument of a `#[kipod::test]`.
///
/// kipod knows [`kube::Client`], [`Namespace`], [`Cluster`] and [`TestContext`]. Implement this for
/// a type of your own to have it made for each test that takes it; it may be made of others:
///
/// ```no_run
/// # mod tests {
/// use kipod::k8s_openapi::api::core::v1::ConfigMap;
/// use kipod::{BoxError, FromTestContext, TestContext};
/// use kube::{Api, Client};
///
/// /// A ConfigMap that is there before the test begins.
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
    label = "kipod does not know how to make one",
    note = "kipod makes `kube::Client`, `kipod::Namespace`, `kipod::Cluster` and `kipod::TestContext`",
    note = "for a type of your own implement `kipod::FromTestContext`",
    note = "`Client` of another version of kube is another type: use `kipod::kube`, or the kubeconfig of `kipod::Cluster`"
)]
pub trait FromTestContext: Sized {
    /// Makes the argument, on the test's runtime and within its time.
    ///
    /// # Errors
    ///
    /// When it cannot be made; the test fails, and says so with the argument's name.
    #[expect(async_fn_in_trait, reason = "arguments are made on one task, which need not be Send")]
    async fn from_test_context(context: &TestContext) -> Result<Self, BoxError>;
}

impl FromTestContext for TestContext {
    async fn from_test_context(context: &TestContext) -> Result<Self, BoxError> {
        Ok(context.clone())
    }
}

impl FromTestContext for Client {
    async fn from_test_context(context: &TestContext) -> Result<Self, BoxError> {
        context.client().await
    }
}

impl FromTestContext for Cluster {
    async fn from_test_context(context: &TestContext) -> Result<Self, BoxError> {
        Ok(context.cluster())
    }
}

impl FromTestContext for Namespace {
    async fn from_test_context(context: &TestContext) -> Result<Self, BoxError> {
        let none = "the test has no namespace: its attribute says `namespace = false`";
        context.namespace().ok_or_else(|| none.into())
    }
}
