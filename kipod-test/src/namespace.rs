//! The namespace of a test.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;

use k8s_openapi::api::core::v1;
use kube::Client;
use kube::api::{Api, DeleteParams, ListParams, ObjectMeta, PostParams};

/// Labels and annotations of test namespaces.
mod label {
    /// The run: eight hexadecimal digits.
    pub(super) const RUN: &str = "io.kipod.run";
    /// The test: sixteen hexadecimal digits, the same in every run.
    pub(super) const TEST: &str = "io.kipod.test";
    /// Path of the test. An annotation, because `:` is not allowed in label values.
    pub(super) const TEST_PATH: &str = "io.kipod.test-path";
    /// Recommended label for the managing tool.
    pub(super) const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
}

/// A request for a namespace that failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NamespaceError {
    /// The namespace was not created.
    #[error("failed to create namespace `{name}`")]
    Create { name: String, source: Box<kube::Error> },
    /// The namespaces of a run were not listed.
    #[error("failed to list the namespaces of run {run}")]
    List { run: String, source: Box<kube::Error> },
    /// The namespace was not deleted.
    #[error("failed to delete namespace `{name}`")]
    Delete { name: String, source: Box<kube::Error> },
}

/// The namespace of a test. It is created before the test and deleted after it. As an argument, it
/// is the name of the namespace; the injected [`kube::Client`] has it as its default.
///
/// ```no_run
/// # mod tests {
/// use kipod::k8s_openapi::api::core::v1::Pod;
///
/// #[kipod::test]
/// async fn namespace_is_empty(namespace: kipod::Namespace, client: kube::Client) {
///     let pods: kube::Api<Pod> = kube::Api::namespaced(client, &namespace);
///     assert!(pods.list(&Default::default()).await.unwrap().items.is_empty());
/// }
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace(pub(crate) String);

impl Namespace {
    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl Deref for Namespace {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Namespace {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Namespace> for String {
    fn from(namespace: Namespace) -> Self {
        namespace.0
    }
}

/// Creates a test's namespace.
pub(crate) async fn create(
    client: &Client,
    name: &str,
    run: &str,
    test: &str,
    path: &str,
) -> Result<(), NamespaceError> {
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let labels = [pair(label::RUN, run), pair(label::TEST, test), pair(label::MANAGED_BY, "kipod")];
    let namespace = v1::Namespace {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            labels: Some(BTreeMap::from(labels)),
            annotations: Some(BTreeMap::from([pair(label::TEST_PATH, path)])),
            ..ObjectMeta::default()
        },
        ..v1::Namespace::default()
    };
    let namespaces: Api<v1::Namespace> = Api::all(client.clone());
    match namespaces.create(&PostParams::default(), &namespace).await {
        Ok(_) => Ok(()),
        Err(source) => {
            Err(NamespaceError::Create { name: name.to_owned(), source: Box::new(source) })
        }
    }
}

/// Creates the default ServiceAccount of a namespace, which pods require. A controller creates it,
/// too: within milliseconds, but not while it handles the namespaces of a hundred other tests.
/// Returns whether the ServiceAccount exists; if not, the controller may still be able to create it.
pub(crate) async fn create_default_service_account(client: &Client, namespace: &str) -> bool {
    let accounts: Api<v1::ServiceAccount> = Api::namespaced(client.clone(), namespace);
    let metadata = ObjectMeta { name: Some("default".to_owned()), ..ObjectMeta::default() };
    let account = v1::ServiceAccount { metadata, ..v1::ServiceAccount::default() };
    match accounts.create(&PostParams::default(), &account).await {
        Ok(_) => true,
        Err(kube::Error::Api(status)) => status.code == 409,
        Err(_) => false,
    }
}

/// Deletes a namespace if it exists. Does not wait until it is gone: its name is not reused.
pub(crate) async fn delete(client: &Client, name: &str) -> Result<(), NamespaceError> {
    let namespaces: Api<v1::Namespace> = Api::all(client.clone());
    match namespaces.delete(name, &DeleteParams::background()).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        Err(source) => {
            Err(NamespaceError::Delete { name: name.to_owned(), source: Box::new(source) })
        }
    }
}

/// Deletes all namespaces of a run except the kept ones. Returns the first error, after all
/// namespaces have been tried.
pub(crate) async fn delete_all_of_run(
    client: &Client,
    run: &str,
    kept: &[&str],
) -> Result<(), NamespaceError> {
    let namespaces: Api<v1::Namespace> = Api::all(client.clone());
    let selected = ListParams::default().labels(&format!("{}={run}", label::RUN));
    let found = namespaces
        .list_metadata(&selected)
        .await
        .map_err(|source| NamespaceError::List { run: run.to_owned(), source: Box::new(source) })?;
    let mut result = Ok(());
    for name in found.items.into_iter().filter_map(|found| found.metadata.name) {
        if !kept.contains(&name.as_str()) {
            result = result.and(delete(client, &name).await);
        }
    }
    result
}
