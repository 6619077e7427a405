//! Tests that share the cluster of the setup script, and one that does not. nextest runs each in a
//! process of its own.

use k8s_openapi::api::core::v1::ConfigMap;
use kipod::Cluster;
use kube::Client;
use kube::api::{Api, ObjectMeta, PostParams};

/// Writes what only one test can write in one namespace.
async fn write(client: Client) -> anyhow::Result<()> {
    let maps: Api<ConfigMap> = Api::default_namespaced(client);
    let metadata = ObjectMeta { name: Some("mine".to_owned()), ..ObjectMeta::default() };
    let map = ConfigMap { metadata, ..ConfigMap::default() };
    maps.create(&PostParams::default(), &map).await?;
    Ok(())
}

#[kipod::test]
#[ignore = "creates a real cluster"]
async fn writes(client: Client, cluster: Cluster) -> anyhow::Result<()> {
    // Under nextest with its setup script, this is the cluster that the script made.
    if let Ok(name) = std::env::var("KIPOD_CLUSTER") {
        assert_eq!(cluster.name(), name);
    }
    write(client).await
}

#[kipod::test]
#[ignore = "creates a real cluster"]
async fn writes_the_same_elsewhere(client: Client) -> anyhow::Result<()> {
    write(client).await
}

/// In a group of its own in `.config/nextest.toml`.
mod own_cluster {
    use super::*;

    #[kipod::test(exclusive)]
    #[ignore = "creates a real cluster"]
    async fn is_nobody_elses(client: Client, cluster: Cluster) -> anyhow::Result<()> {
        assert!(cluster.name().starts_with("test-"), "{}", cluster.name());
        write(client).await
    }
}
