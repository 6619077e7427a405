//! Clients with the permissions of a ServiceAccount. They prove that a controller works with its own
//! permissions instead of the administrator's.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::rbac::v1::PolicyRule;
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Client, Resource};
use serde_json::{Value, json};

use crate::context::{FromTestContext, TestContext};
use crate::error::{BoxError, Error};

/// A ServiceAccount and its permissions, for [`ClientAs`].
///
/// ```
/// use kipod::DeclaredAccount;
/// use kipod::k8s_openapi::api::rbac::v1::PolicyRule;
///
/// struct Reader;
///
/// impl DeclaredAccount for Reader {
///     const NAME: &'static str = "reader";
///
///     fn cluster_rules() -> Vec<PolicyRule> {
///         vec![PolicyRule {
///             api_groups: Some(vec![String::new()]),
///             resources: Some(vec!["nodes".to_owned()]),
///             verbs: vec!["get".to_owned(), "list".to_owned()],
///             ..PolicyRule::default()
///         }]
///     }
/// }
/// ```
pub trait DeclaredAccount: 'static {
    /// Name of the ServiceAccount. It is created in the test's namespace.
    const NAME: &'static str;

    /// Returns the permissions in the test's namespace; none by default.
    fn rules() -> Vec<PolicyRule> {
        Vec::new()
    }

    /// Returns the permissions in the complete cluster; none by default. They are deleted with the
    /// test's namespace.
    fn cluster_rules() -> Vec<PolicyRule> {
        Vec::new()
    }
}

/// A client with only the permissions of a ServiceAccount, which is created for the test. Its
/// default namespace is the test's.
///
/// ```no_run
/// # mod tests {
/// use kipod::k8s_openapi::api::core::v1::{ConfigMap, Secret};
/// use kipod::k8s_openapi::api::rbac::v1::PolicyRule;
/// use kipod::{ClientAs, DeclaredAccount};
/// use kube::Api;
///
/// struct Controller;
///
/// impl DeclaredAccount for Controller {
///     const NAME: &'static str = "controller";
///
///     fn rules() -> Vec<PolicyRule> {
///         vec![PolicyRule {
///             api_groups: Some(vec![String::new()]),
///             resources: Some(vec!["configmaps".to_owned()]),
///             verbs: vec!["list".to_owned()],
///             ..PolicyRule::default()
///         }]
///     }
/// }
///
/// #[kipod::test]
/// async fn lists_config_maps_but_not_secrets(controller: ClientAs<Controller>) {
///     let maps: Api<ConfigMap> = Api::default_namespaced(controller.client());
///     assert!(maps.list(&Default::default()).await.is_ok());
///     let secrets: Api<Secret> = Api::default_namespaced(controller.client());
///     assert!(secrets.list(&Default::default()).await.is_err());
/// }
/// # }
/// ```
pub struct ClientAs<A> {
    client: Client,
    account: PhantomData<fn() -> A>,
}

impl<A> ClientAs<A> {
    /// Returns the client.
    pub fn client(&self) -> Client {
        self.client.clone()
    }
}

impl<A> Deref for ClientAs<A> {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl<A: DeclaredAccount> fmt::Debug for ClientAs<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ClientAs").field(&A::NAME).finish()
    }
}

impl<A: DeclaredAccount> FromTestContext for ClientAs<A> {
    async fn from_test_context(context: &TestContext) -> Result<Self, BoxError> {
        let namespace = context.namespace().ok_or(Error::NoNamespace)?;
        let admin = context.client().await?;
        create_account::<A>(&admin, &namespace).await?;
        let client = context.client_as(A::NAME).await?;
        Ok(Self { client, account: PhantomData })
    }
}

/// Creates the account and its role bindings.
async fn create_account<A: DeclaredAccount>(
    client: &Client,
    namespace: &str,
) -> Result<(), BoxError> {
    let subjects = json!([{"kind": "ServiceAccount", "name": A::NAME, "namespace": namespace}]);
    let account = object("v1", "ServiceAccount", json!({"name": A::NAME}), json!({}))?;
    apply(client, Some(namespace), account).await?;
    let metadata = json!({"name": A::NAME});
    let rules = A::rules();
    if !rules.is_empty() {
        let (role, binding) = role("Role", &metadata, &rules, &subjects)?;
        apply(client, Some(namespace), role).await?;
        apply(client, Some(namespace), binding).await?;
    }
    let rules = A::cluster_rules();
    if !rules.is_empty() {
        let namespaces: Api<Namespace> = Api::all(client.clone());
        let uid = namespaces.get_metadata(namespace).await?.metadata.uid.unwrap_or_default();
        // The owner reference deletes them with the namespace.
        let metadata = json!({"name": format!("{namespace}-{}", A::NAME), "ownerReferences": [
            {"apiVersion": "v1", "kind": "Namespace", "name": namespace, "uid": uid}]});
        let (role, binding) = role("ClusterRole", &metadata, &rules, &subjects)?;
        apply(client, None, role).await?;
        apply(client, None, binding).await?;
    }
    Ok(())
}

const RBAC: &str = "rbac.authorization.k8s.io";

/// Returns a role and its binding, with the same metadata.
fn role(
    kind: &str,
    metadata: &Value,
    rules: &[PolicyRule],
    subjects: &Value,
) -> Result<(DynamicObject, DynamicObject), BoxError> {
    let version = format!("{RBAC}/v1");
    let role = object(&version, kind, metadata.clone(), json!({"rules": rules}))?;
    let reference = json!({"apiGroup": RBAC, "kind": kind, "name": metadata["name"]});
    let rest = json!({"roleRef": reference, "subjects": subjects});
    let binding = object(&version, &format!("{kind}Binding"), metadata.clone(), rest)?;
    Ok((role, binding))
}

fn object(
    version: &str,
    kind: &str,
    metadata: Value,
    rest: Value,
) -> Result<DynamicObject, BoxError> {
    let mut object = rest;
    object["apiVersion"] = version.into();
    object["kind"] = kind.into();
    object["metadata"] = metadata;
    Ok(serde_json::from_value(object)?)
}

async fn apply(
    client: &Client,
    namespace: Option<&str>,
    object: DynamicObject,
) -> Result<(), BoxError> {
    let types = object.types.clone().unwrap_or_default();
    let resource = ApiResource::from_gvk(&GroupVersionKind::try_from(&types)?);
    let api: Api<DynamicObject> = match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    let name = object.meta().name.clone().unwrap_or_default();
    api.patch(&name, &PatchParams::apply("kipod").force(), &Patch::Apply(&object)).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn role_and_binding_have_the_same_name() {
        let rule = PolicyRule { verbs: vec!["get".to_owned()], ..PolicyRule::default() };
        let (role, binding) =
            role("ClusterRole", &json!({"name": "n-c"}), &[rule], &json!([])).unwrap();
        assert_eq!(role.data["rules"][0]["verbs"][0], "get");
        assert_eq!(binding.types.unwrap().kind, "ClusterRoleBinding");
        assert_eq!(binding.data["roleRef"]["kind"], "ClusterRole");
        assert_eq!(binding.data["roleRef"]["name"], "n-c");
        assert_eq!(role.metadata.name, binding.metadata.name);
    }
}
