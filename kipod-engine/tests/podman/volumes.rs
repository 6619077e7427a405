use kipod_engine::podman::{Podman, PodmanError, VolumeInfo, VolumeOptions};

use crate::support::Fixture;

#[tokio::test]
#[ignore = "needs rootless Podman and a static busybox"]
async fn a_volume_is_created_listed_and_removed() {
    let fixture = Fixture::new().await;
    let name = fixture.volume("v").await;
    let found = fixture.podman.volumes(&fixture.label()).await.unwrap();
    assert_eq!(found, [VolumeInfo { name: name.clone(), labels: fixture.labels() }]);
    assert!(fixture.podman.volumes("").await.unwrap().contains(&found[0]));

    let again = VolumeOptions { name: name.clone(), labels: fixture.labels() };
    let error = fixture.podman.create_volume(&again).await.unwrap_err();
    assert!(matches!(error, PodmanError::NameInUse { kind: "volume", .. }), "{error:?}");

    assert!(fixture.podman.remove_volume(&name).await.unwrap());
    assert!(!fixture.podman.remove_volume(&name).await.unwrap());
}

#[tokio::test]
#[ignore = "needs rootless Podman and a static busybox"]
async fn volumes_and_networks_in_use_are_not_removed() {
    let fixture = Fixture::new().await;
    let (network, volume) = (fixture.network("n").await, fixture.volume("v").await);
    let options = fixture.options("c", &network, Some(&volume)).await;
    fixture.podman.create_container(&options).await.unwrap();

    let error = fixture.podman.remove_volume(&volume).await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("remove volume `{volume}`: ")), "{error}");
    assert_eq!(error.matches("volume is being used").count(), 1, "{error}");
    let error = fixture.podman.remove_network(&network.name).await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("remove network `{}`: ", network.name)), "{error}");
    let found = fixture.podman.containers(&fixture.label()).await.unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
}

#[tokio::test]
#[ignore = "needs rootless Podman and a static busybox"]
async fn create_volume_adopts_an_existing_directory() {
    let fixture = Fixture::new().await;
    let name = fixture.name("v");
    // A Podman that is killed before it registers a volume leaves its directory.
    let dir = fixture.podman_output(&["info", "--format", "{{.Store.VolumePath}}"]);
    let dir = std::path::Path::new(&dir).join(&name);
    std::fs::create_dir_all(dir.join("_data")).unwrap();
    assert_eq!(fixture.podman.volumes(&fixture.label()).await.unwrap(), []);

    assert!(!fixture.podman.remove_volume(&name).await.unwrap());
    assert!(dir.exists());
    assert_eq!(fixture.volume("v").await, name);
    assert!(fixture.podman.remove_volume(&name).await.unwrap());
    assert!(!dir.exists());
}
