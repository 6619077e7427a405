//! The namespace of one test.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;

use k8s_openapi::api::core::v1;
use kube::Client;
use kube::api::{Api, DeleteParams, ListParams, ObjectMeta, PostParams};

use crate::error::SetupError;
use crate::wait;

/// Labels and annotations of the namespaces kipod creates.
pub(crate) mod label {
    /// The run of tests: eight hexadecimal digits.
    pub(crate) const RUN: &str = "io.kipod.run";
    /// The test: sixteen hexadecimal digits, the same in every run.
    pub(crate) const TEST: &str = "io.kipod.test";
    /// The test's path, which no label can hold. An annotation.
    pub(crate) const TEST_PATH: &str = "io.kipod.test-path";
    /// Who made it, by the recommended name.
    pub(crate) const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
}

/// The namespace of a test: created for it, and deleted after it. An argument of this type is its
/// name; the default namespace of the injected [`kube::Client`] is the same.
///
/// ```no_run
/// # mod tests {
/// use kipod::k8s_openapi::api::core::v1::Pod;
///
/// #[kipod::test]
/// async fn has_a_namespace_of_its_own(namespace: kipod::Namespace, client: kube::Client) {
///     let pods: kube::Api<Pod> = kube::Api::namespaced(client, &namespace);
///     assert!(pods.list(&Default::default()).await.unwrap().items.is_empty());
/// }
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace(pub(crate) String);

impl Namespace {
    /// Its name.
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
) -> Result<(), SetupError> {
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
    if let Err(source) = namespaces.create(&PostParams::default(), &namespace).await {
        return Err(SetupError::Namespace { name: name.to_owned(), source: Box::new(source) });
    }
    // No pod can be created before it is there. A controller makes it, too, in milliseconds; but not
    // while it is busy with the namespaces of a hundred other tests.
    let accounts: Api<v1::ServiceAccount> = Api::namespaced(client.clone(), name);
    let metadata = ObjectMeta { name: Some("default".to_owned()), ..ObjectMeta::default() };
    let account = v1::ServiceAccount { metadata, ..v1::ServiceAccount::default() };
    match accounts.create(&PostParams::default(), &account).await {
        Ok(_) => return Ok(()),
        Err(kube::Error::Api(status)) if status.code == 409 => return Ok(()),
        // Whatever forbids it, the controller may.
        Err(_) => {}
    }
    wait::default_service_account(client, name).await.map_err(SetupError::Account)
}

/// Deletes a namespace, without waiting for its end: its name never comes again. One that is gone
/// is no fault.
pub(crate) async fn delete(client: &Client, name: &str) -> Result<(), kube::Error> {
    let namespaces: Api<v1::Namespace> = Api::all(client.clone());
    match namespaces.delete(name, &DeleteParams::background()).await {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        done => done.map(drop),
    }
}

/// Deletes every namespace of a run but those that have to stay.
pub(crate) async fn delete_of_run(
    client: &Client,
    run: &str,
    kept: &[&str],
) -> Result<(), SetupError> {
    let failed = |name: &str, source| SetupError::Namespace {
        name: name.to_owned(),
        source: Box::new(source),
    };
    let namespaces: Api<v1::Namespace> = Api::all(client.clone());
    let selected = ListParams::default().labels(&format!("{}={run}", label::RUN));
    let found = namespaces.list_metadata(&selected).await.map_err(|error| failed("*", error))?;
    let mut first = Ok(());
    for name in found.items.into_iter().filter_map(|found| found.metadata.name) {
        if !kept.contains(&name.as_str())
            && let Err(error) = delete(client, &name).await
        {
            first = first.and(Err(failed(&name, error)));
        }
    }
    first
}
