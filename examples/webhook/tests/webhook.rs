//! The webhook, called by a real API server. It runs in the test process.

use std::time::Duration;

use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kipod::{BoxError, Cluster, FromTestContext, TestContext};
use kube::api::{Api, PostParams};
use kube::{Client, Resource};
use serde_json::json;

/// A webhook that is called for each pod in the namespace of the test.
struct Webhook;

impl FromTestContext for Webhook {
    async fn from_test_context(context: &TestContext) -> Result<Self, BoxError> {
        let client = context.client().await?;
        let listener = Cluster::from_test_context(context).await?.listen().await?;
        let namespace = kipod::Namespace::from_test_context(context).await?;
        let owner = Api::<Namespace>::all(client.clone()).get(&namespace).await?;
        let configuration = json!({
            // The configuration is cluster-scoped. It has a unique name, selects the namespace of the
            // test, and is deleted with the namespace, which owns it.
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
        // The API server does not report when it has loaded the configuration: wait until it denies a pod.
        let denied = async {
            while dry_run_pod(&client, "nginx:latest").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let timeout = Duration::from_secs(30);
        tokio::time::timeout(timeout, denied).await.map_err(|_| "the webhook denies nothing")?;
        Ok(Self)
    }
}

/// Requests the creation of a pod as a dry run.
async fn dry_run_pod(client: &Client, image: &str) -> kube::Result<Pod> {
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
async fn webhook_denies_images_without_tag(
    client: Client,
    _webhook: Webhook,
) -> anyhow::Result<()> {
    dry_run_pod(&client, "nginx:1.29").await?;
    for image in ["nginx", "registry.example:5000/nginx:latest"] {
        let error = dry_run_pod(&client, image).await.unwrap_err();
        let kube::Error::Api(status) = &error else { panic!("{error}") };
        let reason = format!("denied the request: images need a tag other than latest: {image}");
        assert!(status.message.ends_with(&reason), "{}", status.message);
    }
    Ok(())
}
