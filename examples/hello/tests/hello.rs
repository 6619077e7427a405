//! A test with a real cluster. It needs rootless Podman and a node image, which
//! `kipod build node-image` or the first `kipod create cluster` makes.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, ObjectMeta, PostParams};
use kube::{Client, ResourceExt};

/// The client's default namespace is this test's own.
#[kipod::test]
#[ignore = "needs rootless Podman and a node image (creates a cluster)"]
async fn what_is_written_can_be_read(client: Client) -> anyhow::Result<()> {
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
