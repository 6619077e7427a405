//! The webhook, asked by a real API server. The server is in the test's process.

use std::time::Duration;

use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kipod::{BoxError, Cluster, FromTestContext, TestContext};
use kube::api::{Api, PostParams};
use kube::{Client, Resource};
use serde_json::json;

/// The webhook, asked for each pod of the test's namespace and for no other.
struct Webhook;

impl FromTestContext for Webhook {
    async fn from_test_context(context: &TestContext) -> Result<Self, BoxError> {
        let client = context.client().await?;
        let listener = Cluster::from_test_context(context).await?.listen().await?;
        let namespace = kipod::Namespace::from_test_context(context).await?;
        let owner = Api::<Namespace>::all(client.clone()).get(&namespace).await?;
        let configuration = json!({
            // The configuration is the whole cluster's: a name of its own, the test's namespace as
            // its only concern, and as its owner, with which it goes.
            "metadata": {
                "name": format!("tags.{namespace}"),
                "ownerReferences": [owner.owner_ref(&())],
            },
            "webhooks": [{
                "name": "tags.kipod.example",
                "clientConfig": listener.client_config("/validate"),
                "namespaceSelector": {
                    "matchLabels": { "kubernetes.io/metadata.name": namespace.name() },
                },
                "rules": [{
                    "apiGroups": [""],
                    "apiVersions": ["v1"],
                    "operations": ["CREATE"],
                    "resources": ["pods"],
                }],
                "sideEffects": "None",
                "failurePolicy": "Fail",
                "timeoutSeconds": 5,
                "admissionReviewVersions": ["v1"],
            }],
        });
        let (certificate, key) = (listener.certificate().to_owned(), listener.key().to_owned());
        tokio::spawn(
            async move { webhook::serve(listener.into_inner(), &certificate, &key).await },
        );
        let configurations: Api<ValidatingWebhookConfiguration> = Api::all(client.clone());
        let configuration = serde_json::from_value(configuration)?;
        configurations.create(&PostParams::default(), &configuration).await?;
        // Nothing tells when the API server has read it; a pod that has to be refused does.
        let refused = async {
            while try_pod(&client, "nginx:latest").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let limit = Duration::from_secs(30);
        tokio::time::timeout(limit, refused).await.map_err(|_| "the webhook refuses nothing")?;
        Ok(Self)
    }
}

/// Has the API server judge a pod without creating it.
async fn try_pod(client: &Client, image: &str) -> kube::Result<Pod> {
    let pod = json!({
        "metadata": { "name": "web" },
        "spec": { "containers": [{ "name": "web", "image": image }] },
    });
    let pod: Pod = serde_json::from_value(pod).map_err(kube::Error::SerdeError)?;
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    pods.create(&PostParams { dry_run: true, ..PostParams::default() }, &pod).await
}

#[kipod::test(timeout = "2m")]
#[ignore = "creates a real cluster"]
async fn images_need_a_tag(client: Client, _webhook: Webhook) -> anyhow::Result<()> {
    try_pod(&client, "nginx:1.29").await?;
    for image in ["nginx", "registry.example:5000/nginx:latest"] {
        let refused = try_pod(&client, image).await.unwrap_err();
        let kube::Error::Api(status) = &refused else { panic!("{refused}") };
        let why = format!("denied the request: images need a tag other than latest: {image}");
        assert!(status.message.ends_with(&why), "{}", status.message);
    }
    Ok(())
}
