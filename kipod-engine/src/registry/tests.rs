//! Registries against a scripted Podman.

use super::*;
use crate::podman::{NetworkOptions, Scripted, VolumeOptions};
use std::time::Duration;

fn options(name: &RegistryName) -> RegistryOptions<'_> {
    RegistryOptions {
        name,
        port: None,
        spoken_for: Vec::new(),
        image: "registry",
        cgroup_parent: None,
        used: vec!["10.89.0.0/16".parse().unwrap()],
        around: Vec::new(),
        limit: Duration::ZERO,
    }
}

#[tokio::test]
async fn one_that_does_not_answer_is_said_and_can_be_removed() {
    let podman = Scripted::new();
    let name = RegistryName::default();
    let used = vec!["10.89.0.0/24".parse().unwrap()];
    let error = create(&podman, &RegistryOptions { used, ..options(&name) }).await.unwrap_err();
    assert!(matches!(error, RegistryError::Silent { .. }), "{error}");
    let made = podman.created("kipod-registry").unwrap();
    assert!(!made.systemd && made.command.is_empty());
    let all = registries(&podman).await.unwrap();
    let [summary] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!(summary.registry.address.to_string(), "10.89.1.2");
    assert_eq!(summary.host, format!("localhost:{}", made.ports[0].host_port.unwrap()));
    assert_eq!(leftovers(&podman).await.unwrap(), []);
    assert!(remove(&podman, &name).await.unwrap());
    assert!(podman.is_empty());
    assert!(!remove(&podman, &name).await.unwrap());
}

#[tokio::test]
async fn what_cannot_be_had_is_said() {
    let podman = Scripted::new();
    let name = RegistryName::default();
    let error = create(&podman, &options(&name)).await.unwrap_err();
    assert!(matches!(error, RegistryError::NoSubnet), "{error}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let error =
        create(&podman, &RegistryOptions { port: Some(port), ..options(&name) }).await.unwrap_err();
    let expected = format!("registry `kipod-registry` cannot listen on 127.0.0.1:{port}: ");
    assert!(error.to_string().starts_with(&expected), "{error}");
    assert!(podman.is_empty());
}

#[tokio::test]
async fn no_two_have_one_port_even_if_one_is_stopped() {
    let podman = Scripted::new();
    let first: RegistryName = "first".parse().unwrap();
    let used = vec!["10.89.0.0/24".parse().unwrap()];
    create(&podman, &RegistryOptions { used, ..options(&first) }).await.unwrap_err();
    podman.stop_container("first").await.unwrap();
    let port = registries(&podman).await.unwrap()[0].registry.port;
    let name = RegistryName::default();
    let error =
        create(&podman, &RegistryOptions { port: Some(port), ..options(&name) }).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "registry `kipod-registry` cannot listen on 127.0.0.1:{port}: registry `first` has that port"
        )
    );
    assert!(error.hint().unwrap().contains("kipod delete registry first"));
    assert_eq!(registries(&podman).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_has_no_container_is_left_over() {
    let podman = Scripted::new();
    let network = NetworkOptions {
        name: network_name("a"),
        subnet: "10.89.0.0/24".to_owned(),
        gateway: [10, 89, 0, 1].into(),
        ipv6: None,
        labels: labels("a"),
    };
    podman.create_network(&network).await.unwrap();
    let volume = VolumeOptions { name: "b".to_owned(), labels: labels("b") };
    podman.create_volume(&volume).await.unwrap();
    let left = leftovers(&podman).await.unwrap();
    assert_eq!(left, ["a".parse().unwrap(), "b".parse().unwrap()]);
}

#[tokio::test]
async fn what_podman_has_only_files_of_goes_too() {
    let podman = Scripted::new();
    let name = RegistryName::default();
    podman.leave_partial("kipod-registry");
    let used = vec!["10.89.0.0/24".parse().unwrap()];
    let error = create(&podman, &RegistryOptions { used, ..options(&name) }).await.unwrap_err();
    assert!(error.to_string().ends_with("container `kipod-registry` already exists"), "{error}");
    assert!(remove(&podman, &name).await.unwrap());
    assert!(podman.is_empty());
}
