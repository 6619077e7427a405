//! Tests that share the cluster of the setup script, and one with an exclusive cluster. nextest runs each
//! test in its own process.

use k8s_openapi::api::core::v1::ConfigMap;
use kipod::Cluster;
use kube::Client;
use kube::api::{Api, ObjectMeta, PostParams};

/// Creates a ConfigMap. Fails if another test has created it in the same namespace.
async fn create_config_map(client: Client) -> anyhow::Result<()> {
    let maps: Api<ConfigMap> = Api::default_namespaced(client);
    let metadata = ObjectMeta { name: Some("config".to_owned()), ..ObjectMeta::default() };
    let map = ConfigMap { metadata, ..ConfigMap::default() };
    maps.create(&PostParams::default(), &map).await?;
    Ok(())
}

#[kipod::test]
#[ignore = "creates a real cluster"]
async fn first_test_creates_a_config_map(client: Client, cluster: Cluster) -> anyhow::Result<()> {
    // The setup script sets the variable.
    if let Ok(name) = std::env::var("KIPOD_CLUSTER") {
        assert_eq!(cluster.name(), name);
    }
    create_config_map(client).await
}

#[kipod::test]
#[ignore = "creates a real cluster"]
async fn second_test_has_another_namespace(client: Client) -> anyhow::Result<()> {
    create_config_map(client).await
}

/// Tests in the group `exclusive-cluster` of `.config/nextest.toml`.
mod exclusive_cluster {
    use super::*;

    #[kipod::test(exclusive)]
    #[ignore = "creates a real cluster"]
    async fn exclusive_test_has_its_own_cluster(
        client: Client,
        cluster: Cluster,
    ) -> anyhow::Result<()> {
        assert!(cluster.name().starts_with("test-"), "{}", cluster.name());
        create_config_map(client).await
    }
}
