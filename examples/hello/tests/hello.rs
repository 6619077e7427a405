//! A test in a real cluster.
//!
//! It needs rootless Podman and a node image. `kipod build node-image` builds one, and so does the first
//! `kipod create cluster`.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, ObjectMeta, PostParams};
use kube::{Client, ResourceExt};

#[kipod::test]
#[ignore = "needs rootless Podman and a node image (creates a cluster)"]
async fn config_map_can_be_created_and_read(client: Client) -> anyhow::Result<()> {
    // The default namespace of the client belongs to this test only.
    let maps: Api<ConfigMap> = Api::default_namespaced(client);
    let map = ConfigMap {
        metadata: ObjectMeta { name: Some("greeting".into()), ..Default::default() },
        data: Some([("hello".to_owned(), "cluster".to_owned())].into()),
        ..Default::default()
    };
    maps.create(&PostParams::default(), &map).await?;
    let found = maps.get("greeting").await?;
    assert_eq!(found.data, map.data);
    assert_ne!(found.namespace().as_deref(), Some("default"));
    Ok(())
}
