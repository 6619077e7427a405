//! Tests of registries with a scripted Podman.

use super::*;
use crate::podman::{NetworkOptions, Scripted, VolumeOptions};
use crate::util::Hint;
use crate::util::text::error_chain;
use std::time::Duration;

fn options(name: &RegistryName) -> RegistryOptions<'_> {
    RegistryOptions {
        name,
        port: None,
        reserved_ports: Vec::new(),
        image: "registry",
        cgroup_parent: None,
        used_subnets: vec!["10.89.0.0/16".parse().unwrap()],
        host_networks: Vec::new(),
        timeout: Duration::ZERO,
    }
}

#[tokio::test]
async fn unready_registry_is_reported_and_removable() {
    let podman = Scripted::new();
    let name = RegistryName::default();
    let used = vec!["10.89.0.0/24".parse().unwrap()];
    let error = create(&podman, &RegistryOptions { used_subnets: used, ..options(&name) })
        .await
        .unwrap_err();
    assert!(matches!(error, RegistryError::NotReady { .. }), "{error}");
    let created = podman.created("kipod-registry").unwrap();
    assert!(!created.systemd && created.command.is_empty());
    let all = registries(&podman).await.unwrap();
    let [summary] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!(summary.address.to_string(), "10.89.1.2");
    assert_eq!(summary.host, format!("localhost:{}", created.ports[0].host_port.unwrap()));
    assert_eq!(orphaned(&podman).await.unwrap(), []);
    assert!(remove(&podman, &name).await.unwrap());
    assert!(podman.is_empty());
    assert!(!remove(&podman, &name).await.unwrap());
}

#[tokio::test]
async fn create_reports_missing_subnet_and_used_port() {
    let podman = Scripted::new();
    let name = RegistryName::default();
    let error = create(&podman, &options(&name)).await.unwrap_err();
    assert!(matches!(error, RegistryError::NoSubnet), "{error}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let error =
        create(&podman, &RegistryOptions { port: Some(port), ..options(&name) }).await.unwrap_err();
    let expected = format!("registry `kipod-registry` cannot listen on 127.0.0.1:{port}");
    assert_eq!(error.to_string(), expected);
    assert!(std::error::Error::source(&error).is_some());
    assert!(podman.is_empty());
}

#[tokio::test]
async fn create_refuses_the_port_of_a_stopped_registry() {
    let podman = Scripted::new();
    let first: RegistryName = "first".parse().unwrap();
    let used = vec!["10.89.0.0/24".parse().unwrap()];
    create(&podman, &RegistryOptions { used_subnets: used, ..options(&first) }).await.unwrap_err();
    podman.stop_container("first").await.unwrap();
    let port = registries(&podman).await.unwrap()[0].port;
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
async fn registry_without_a_container_is_orphaned() {
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
    let found = orphaned(&podman).await.unwrap();
    assert_eq!(found, ["a".parse().unwrap(), "b".parse().unwrap()]);
}

#[tokio::test]
async fn remove_includes_unlisted_files() {
    let podman = Scripted::new();
    let name = RegistryName::default();
    podman.leave_partial("kipod-registry");
    let used = vec!["10.89.0.0/24".parse().unwrap()];
    let error = create(&podman, &RegistryOptions { used_subnets: used, ..options(&name) })
        .await
        .unwrap_err();
    assert!(error_chain(&error).ends_with("container `kipod-registry` already exists"), "{error}");
    assert!(remove(&podman, &name).await.unwrap());
    assert!(podman.is_empty());
}
