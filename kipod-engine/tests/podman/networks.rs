use kipod_engine::podman::{NetworkOptions, Podman, PodmanError};
use kipod_engine::spec::Subnet6;

use crate::support::{Corner, can_run};

#[tokio::test]
async fn a_network_is_created_listed_and_removed() {
    if !can_run("networks::a_network_is_created_listed_and_removed") {
        return;
    }
    let corner = Corner::new().await;
    let made = corner.network("n").await;

    let found = corner.podman.networks(&corner.label()).await.unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].name, made.name);
    assert_eq!(found[0].subnets, [made.subnet.as_str()]);
    assert_eq!(found[0].labels, made.labels);
    let by_key = corner.podman.networks("io.kipod.contract").await.unwrap();
    assert!(by_key.iter().any(|network| network.name == made.name), "{by_key:?}");
    let all = corner.podman.networks("").await.unwrap();
    assert!(all.iter().any(|network| network.name == "podman"), "{all:?}");
    assert_eq!(corner.podman.networks("io.kipod.contract=nobody").await.unwrap(), []);

    assert!(corner.podman.remove_network(&made.name).await.unwrap());
    assert!(!corner.podman.remove_network(&made.name).await.unwrap());
}

#[tokio::test]
async fn a_name_and_a_subnet_in_use_are_told_apart() {
    if !can_run("networks::a_name_and_a_subnet_in_use_are_told_apart") {
        return;
    }
    let corner = Corner::new().await;
    let made = corner.network("n").await;

    let same_name = NetworkOptions {
        subnet: "10.198.7.0/24".into(),
        gateway: [10, 198, 7, 1].into(),
        ..made.clone()
    };
    let error = corner.podman.create_network(&same_name).await.unwrap_err();
    assert!(matches!(error, PodmanError::NameInUse { kind: "network", .. }), "{error:?}");
    assert_eq!(error.to_string(), format!("network `{}` already exists", made.name));

    let same_subnet = NetworkOptions { name: corner.name("other"), ..made.clone() };
    let error = corner.podman.create_network(&same_subnet).await.unwrap_err();
    assert!(matches!(error, PodmanError::SubnetInUse { .. }), "{error:?}");
    assert_eq!(error.to_string(), format!("subnet {} is in use by another network", made.subnet));
}

#[tokio::test]
async fn a_network_of_both_families_gives_both_addresses() {
    if !can_run("networks::a_network_of_both_families_gives_both_addresses") {
        return;
    }
    let corner = Corner::new().await;
    let podman = &corner.podman;
    // The subnet is known to be free, and the same digits make one of IPv6.
    let made = corner.network("n").await;
    assert!(podman.remove_network(&made.name).await.unwrap());
    let subnet6 = made.subnet.replace('.', ":").replace(":0/24", "::/64");
    let address6 = |last: &str| format!("fd00:{}", subnet6.replace("::/64", last)).parse().unwrap();
    // In the notation that Podman answers in.
    let subnet6 = format!("fd00:{subnet6}").parse::<Subnet6>().unwrap().to_string();
    let both = NetworkOptions { ipv6: Some((subnet6.clone(), address6("::1"))), ..made };
    podman.create_network(&both).await.unwrap();
    let found = podman.networks(&corner.label()).await.unwrap();
    assert_eq!(found[0].subnets, [both.subnet.as_str(), &subnet6]);
    let same_subnet6 = NetworkOptions {
        name: corner.name("other"),
        subnet: "10.198.8.0/24".into(),
        gateway: [10, 198, 8, 1].into(),
        ..both.clone()
    };
    let error = podman.create_network(&same_subnet6).await.unwrap_err();
    assert!(matches!(error, PodmanError::SubnetInUse { .. }), "{error:?}");

    let mut options = corner.options("c", &both, None).await;
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
