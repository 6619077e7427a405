use kipod_engine::podman::{NetworkOptions, Podman, PodmanError};
use kipod_engine::spec::Subnet6;

use crate::support::Fixture;

#[tokio::test]
#[ignore = "needs rootless Podman and a static busybox"]
async fn a_network_is_created_listed_and_removed() {
    let fixture = Fixture::new().await;
    let network = fixture.network("n").await;

    let found = fixture.podman.networks(&fixture.label()).await.unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].name, network.name);
    assert_eq!(found[0].subnets, [network.subnet.as_str()]);
    assert_eq!(found[0].labels, network.labels);
    let by_key = fixture.podman.networks("io.kipod.contract").await.unwrap();
    assert!(by_key.iter().any(|listed| listed.name == network.name), "{by_key:?}");
    let all = fixture.podman.networks("").await.unwrap();
    assert!(all.iter().any(|network| network.name == "podman"), "{all:?}");
    assert_eq!(fixture.podman.networks("io.kipod.contract=missing").await.unwrap(), []);

    assert!(fixture.podman.remove_network(&network.name).await.unwrap());
    assert!(!fixture.podman.remove_network(&network.name).await.unwrap());
}

#[tokio::test]
#[ignore = "needs rootless Podman and a static busybox"]
async fn create_network_distinguishes_used_names_and_subnets() {
    let fixture = Fixture::new().await;
    let network = fixture.network("n").await;

    let same_name = NetworkOptions {
        subnet: "10.198.7.0/24".into(),
        gateway: [10, 198, 7, 1].into(),
        ..network.clone()
    };
    let error = fixture.podman.create_network(&same_name).await.unwrap_err();
    assert!(matches!(error, PodmanError::NameInUse { kind: "network", .. }), "{error:?}");
    assert_eq!(error.to_string(), format!("network `{}` already exists", network.name));

    let same_subnet = NetworkOptions { name: fixture.name("other"), ..network.clone() };
    let error = fixture.podman.create_network(&same_subnet).await.unwrap_err();
    assert!(matches!(error, PodmanError::SubnetInUse { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        format!("subnet {} is in use by another network", network.subnet)
    );
}

#[tokio::test]
#[ignore = "needs rootless Podman and a static busybox"]
async fn dual_stack_networks_assign_both_addresses() {
    let fixture = Fixture::new().await;
    let podman = &fixture.podman;
    // This subnet is free. Its digits also make an IPv6 subnet.
    let network = fixture.network("n").await;
    assert!(podman.remove_network(&network.name).await.unwrap());
    let subnet6 = network.subnet.replace('.', ":").replace(":0/24", "::/64");
    let address6 = |last: &str| format!("fd00:{}", subnet6.replace("::/64", last)).parse().unwrap();
    // In Podman's notation.
    let subnet6 = format!("fd00:{subnet6}").parse::<Subnet6>().unwrap().to_string();
    let both = NetworkOptions { ipv6: Some((subnet6.clone(), address6("::1"))), ..network };
    podman.create_network(&both).await.unwrap();
    let found = podman.networks(&fixture.label()).await.unwrap();
    assert_eq!(found[0].subnets, [both.subnet.as_str(), &subnet6]);
    let same_subnet6 = NetworkOptions {
        name: fixture.name("other"),
        subnet: "10.198.8.0/24".into(),
        gateway: [10, 198, 8, 1].into(),
        ..both.clone()
    };
    let error = podman.create_network(&same_subnet6).await.unwrap_err();
    assert!(matches!(error, PodmanError::SubnetInUse { .. }), "{error:?}");

    let mut options = fixture.options("c", &both, None).await;
    options.network.address6 = Some(address6("::10"));
    podman.create_container(&options).await.unwrap();
    for start in ["first", "second"] {
        podman.start_container(&options.name).await.unwrap();
        let output = podman.exec(&options.name, &["ip", "-o", "addr", "show", "eth0"]).await;
        let seen = String::from_utf8(output.unwrap().stdout).unwrap();
        for address in
            [format!("{}/24", options.network.address), format!("{}/64", address6("::10"))]
        {
            assert!(seen.contains(&format!(" {address} ")), "{start} start: no {address}: {seen}");
        }
        podman.stop_container(&options.name).await.unwrap();
    }
}
