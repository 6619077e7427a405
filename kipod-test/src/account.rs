//! Clients with the rights of a ServiceAccount, so that a controller can be proved to work with its
//! own rights and not with the administrator's.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use k8s_openapi::api::rbac::v1::PolicyRule;
use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Client, Config, Resource};
use serde_json::{Value, json};

use crate::access;
use crate::context::{FromTestContext, TestContext};
use crate::error::BoxError;
use crate::view::{text, view};

/// How long a token is good for: longer than a test takes, and not shorter than the ten minutes
/// below which the API server refuses.
const TOKEN_SECONDS: i64 = 3600;

/// The rights of a ServiceAccount that a test declares, for [`ClientAs`].
pub trait DeclaredAccount: 'static {
    /// The ServiceAccount's name; it is created in the test's namespace.
    const NAME: &'static str;

    /// What it may do in the test's namespace; nothing by default.
    fn rules() -> Vec<PolicyRule> {
        Vec::new()
    }

    /// What it may do in the whole cluster; nothing by default. These rights go with the test's
    /// namespace.
    fn cluster_rules() -> Vec<PolicyRule> {
        Vec::new()
    }
}

/// A client with the rights of a ServiceAccount that is made for the test, and no others. Its
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
/// async fn reads_maps_and_no_secrets(controller: ClientAs<Controller>) {
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
    /// The client.
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
        let namespace = context.namespace().ok_or("a ServiceAccount needs a namespace")?;
        let admin = context.client().await?;
        declare::<A>(&admin, &namespace).await?;
        let client = context.client_as(A::NAME).await?;
        Ok(Self { client, account: PhantomData })
    }
}

/// Makes the account and binds its rights to it.
async fn declare<A: DeclaredAccount>(client: &Client, namespace: &str) -> Result<(), BoxError> {
    let subjects = json!([{"kind": "ServiceAccount", "name": A::NAME, "namespace": namespace}]);
    let account = object("v1", "ServiceAccount", json!({"name": A::NAME}), json!({}))?;
    apply(client, Some(namespace), account).await?;
    let own = json!({"name": A::NAME});
    let rules = A::rules();
    if !rules.is_empty() {
        let (role, binding) = role("Role", &own, &rules, &subjects)?;
        apply(client, Some(namespace), role).await?;
        apply(client, Some(namespace), binding).await?;
    }
    let rules = A::cluster_rules();
    if !rules.is_empty() {
        let namespaces: Api<Namespace> = Api::all(client.clone());
        let uid = namespaces.get(namespace).await?.metadata.uid.unwrap_or_default();
        // Owned by the namespace, they go when it goes.
        let owned = json!({"name": format!("{namespace}-{}", A::NAME), "ownerReferences": [
            {"apiVersion": "v1", "kind": "Namespace", "name": namespace, "uid": uid}]});
        let (role, binding) = role("ClusterRole", &owned, &rules, &subjects)?;
        apply(client, None, role).await?;
        apply(client, None, binding).await?;
    }
    Ok(())
}

const RBAC: &str = "rbac.authorization.k8s.io";

/// A role with its binding, both of one name.
fn role(
    kind: &str,
    meta: &Value,
    rules: &[PolicyRule],
    subjects: &Value,
) -> Result<(DynamicObject, DynamicObject), BoxError> {
    let version = format!("{RBAC}/v1");
    let role = object(&version, kind, meta.clone(), json!({"rules": rules}))?;
    let reference = json!({"apiGroup": RBAC, "kind": kind, "name": meta["name"]});
    let rest = json!({"roleRef": reference, "subjects": subjects});
    let binding = object(&version, &format!("{kind}Binding"), meta.clone(), rest)?;
    Ok((role, binding))
}

fn object(version: &str, kind: &str, meta: Value, rest: Value) -> Result<DynamicObject, BoxError> {
    let mut object = rest;
    object["apiVersion"] = version.into();
    object["kind"] = kind.into();
    object["metadata"] = meta;
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

/// A client with the rights of an account that is there. `config` is the administrator's.
pub(crate) async fn client_as(
    admin: &Client,
    mut config: Config,
    namespace: &str,
    account: &str,
) -> Result<Client, BoxError> {
    let accounts: Api<ServiceAccount> = Api::namespaced(admin.clone(), namespace);
    let request = json!({"spec": {"audiences": [], "expirationSeconds": TOKEN_SECONDS}});
    let request: TokenRequest = serde_json::from_value(request)?;
    let made = accounts.create_token_request(account, &PostParams::default(), &request).await?;
    let made = view(&made);
    let token = text(&made["status"]["token"]).ok_or("the API server answered with no token")?;
    // Nothing of the administrator's may be left in it.
    config.auth_info = serde_json::from_value(json!({"token": token}))?;
    namespace.clone_into(&mut config.default_namespace);
    Ok(access::connect(config)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_and_its_binding_belong_together() {
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
