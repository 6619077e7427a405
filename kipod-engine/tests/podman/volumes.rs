use kipod_engine::podman::{Podman, PodmanError, VolumeInfo, VolumeOptions};

use crate::support::{Corner, can_run};

#[tokio::test]
async fn a_volume_is_created_listed_and_removed() {
    if !can_run("volumes::a_volume_is_created_listed_and_removed") {
        return;
    }
    let corner = Corner::new().await;
    let name = corner.volume("v").await;
    let found = corner.podman.volumes(&corner.label()).await.unwrap();
    assert_eq!(found, [VolumeInfo { name: name.clone(), labels: corner.labels() }]);
    assert!(corner.podman.volumes("").await.unwrap().contains(&found[0]));

    let again = VolumeOptions { name: name.clone(), labels: corner.labels() };
    let error = corner.podman.create_volume(&again).await.unwrap_err();
    assert!(matches!(error, PodmanError::NameInUse { kind: "volume", .. }), "{error:?}");

    assert!(corner.podman.remove_volume(&name).await.unwrap());
    assert!(!corner.podman.remove_volume(&name).await.unwrap());
}

#[tokio::test]
async fn what_a_container_uses_is_not_removed() {
    if !can_run("volumes::what_a_container_uses_is_not_removed") {
        return;
    }
    let corner = Corner::new().await;
    let (network, volume) = (corner.network("n").await, corner.volume("v").await);
    let options = corner.options("c", &network, Some(&volume)).await;
    corner.podman.create_container(&options).await.unwrap();

    let error = corner.podman.remove_volume(&volume).await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("remove volume `{volume}`: ")), "{error}");
    assert_eq!(error.matches("volume is being used").count(), 1, "{error}");
    let error = corner.podman.remove_network(&network.name).await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("remove network `{}`: ", network.name)), "{error}");
    let found = corner.podman.containers(&corner.label()).await.unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
}

#[tokio::test]
async fn a_folder_that_no_volume_has_is_taken_in() {
    if !can_run("volumes::a_folder_that_no_volume_has_is_taken_in") {
        return;
    }
    let corner = Corner::new().await;
    let name = corner.name("v");
    // As a Podman leaves it that was killed before it knew of the volume.
    let folder = corner.say(&["info", "--format", "{{.Store.VolumePath}}"]);
    let folder = std::path::Path::new(&folder).join(&name);
    std::fs::create_dir_all(folder.join("_data")).unwrap();
    assert_eq!(corner.podman.volumes(&corner.label()).await.unwrap(), []);

    assert!(!corner.podman.remove_volume(&name).await.unwrap());
    assert!(folder.exists());
    assert_eq!(corner.volume("v").await, name);
    assert!(corner.podman.remove_volume(&name).await.unwrap());
    assert!(!folder.exists());
}
