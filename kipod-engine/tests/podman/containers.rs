use std::net::{Ipv4Addr, TcpListener};

use kipod_engine::podman::{
    Bind, ContainerOptions, ContainerState, Podman, PodmanError, PortMapping,
};

use crate::support::{Corner, append_file, can_run};

fn archive(path: &str, content: &[u8]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    append_file(&mut tar, path, content);
    tar.into_inner().unwrap()
}

/// What `command` prints inside, which must succeed.
async fn inside(corner: &Corner, container: &str, command: &[&str]) -> String {
    let output = corner.podman.exec(container, command).await.unwrap();
    assert_eq!(output.status, 0, "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Returns Podman's complete description of a container.
async fn described(podman: &dyn Podman, name: &str) -> serde_json::Value {
    serde_json::from_str(&podman.describe_container(name).await.unwrap()).unwrap()
}

#[tokio::test]
async fn a_container_lives_as_it_was_told_to() {
    if !can_run("containers::a_container_lives_as_it_was_told_to") {
        return;
    }
    let corner = Corner::new().await;
    let podman = &corner.podman;
    let (network, volume) = (corner.network("n").await, corner.volume("v").await);
    let mut options = corner.options("c", &network, Some(&volume)).await;
    options.binds = vec![Bind {
        source: corner.runtime.path().into(),
        target: "/host".into(),
        read_only: true,
        options: vec!["bind"],
    }];
    options.dns_search = Some(vec!["kipod.example".to_owned()]);
    let name = options.name.clone();

    let id = podman.create_container(&options).await.unwrap();
    let found = podman.containers(&corner.label()).await.unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((&found[0].id, &found[0].name), (&id, &name));
    assert_eq!(found[0].state, ContainerState::Created);
    assert_eq!(found[0].labels.get("io.kipod.contract"), Some(&corner.prefix));
    let error = podman.create_container(&options).await.unwrap_err();
    assert!(matches!(error, PodmanError::NameInUse { kind: "container", .. }), "{error:?}");

    podman.start_container(&name).await.unwrap();
    podman.start_container(&name).await.unwrap();
    assert_eq!(podman.containers(&corner.label()).await.unwrap()[0].state, ContainerState::Running);
    let address = options.network.address.to_string();
    let seen = inside(&corner, &name, &["ip", "-4", "-o", "addr", "show", "eth0"]).await;
    assert!(seen.contains(&format!("{address}/24")), "{seen}");
    assert_eq!(inside(&corner, &name, &["sh", "-c", "echo $FOO $container"]).await, "a b podman");
    assert_eq!(inside(&corner, &name, &["cat", "/proc/sys/kernel/hostname"]).await, "c");
    let resolver = inside(&corner, &name, &["cat", "/etc/resolv.conf"]).await;
    assert!(resolver.lines().any(|line| line.trim() == "search kipod.example"), "{resolver}");
    assert_eq!(
        inside(&corner, &name, &["stat", "-c", "%F", "/dev/fuse"]).await,
        "character special file"
    );
    assert_eq!(
        inside(&corner, &name, &["cat", "/proc/1/cgroup"]).await.lines().last(),
        Some("0::/")
    );
    let mounts = inside(&corner, &name, &["cat", "/proc/mounts"]).await;
    let mount = |target: &str| {
        let at = |line: &&str| line.split(' ').nth(1) == Some(target);
        mounts.lines().find(at).unwrap_or_else(|| panic!("no {target} in\n{mounts}")).to_owned()
    };
    assert!(mount("/run").starts_with("tmpfs "), "{mounts}");
    for option in ["nosuid", "nodev", "noexec"] {
        assert!(!mount("/var").contains(option), "{mounts}");
    }
    let write = ["sh", "-c", "echo x > /host/x"];
    assert_ne!(podman.exec(&name, &write).await.unwrap().status, 0, "/host can be written to");

    let logs = podman.logs(&name, 10).await.unwrap();
    assert_eq!(logs.trim(), "up\ntrouble");
    assert_eq!(podman.logs(&name, 1).await.unwrap().lines().count(), 1);
    let details = podman.inspect_container(&name).await.unwrap();
    assert_eq!(details.state, ContainerState::Running, "{details:?}");
    assert!(details.pid.is_some(), "{details:?}");
    let described = self::described(podman, &name).await;
    assert_eq!(described["HostConfig"]["LogConfig"]["Type"], "k8s-file", "{described}");

    podman.stop_container(&name).await.unwrap();
    podman.stop_container(&name).await.unwrap();
    let details = podman.inspect_container(&name).await.unwrap();
    assert_eq!((details.state, details.pid), (ContainerState::Exited, None));
    let described = self::described(podman, &name).await;
    assert_eq!(described["State"]["ExitCode"], 0, "the stop signal was ignored: {described}");
    podman.start_container(&name).await.unwrap();
    let seen = inside(&corner, &name, &["ip", "-4", "-o", "addr", "show", "eth0"]).await;
    assert!(seen.contains(&format!("{address}/24")), "another address after a restart: {seen}");

    assert!(podman.remove_container(&name).await.unwrap());
    assert!(!podman.remove_container(&name).await.unwrap());
    assert!(podman.remove_volume(&volume).await.unwrap());
    assert!(podman.remove_network(&network.name).await.unwrap());
    assert_eq!(podman.containers(&corner.label()).await.unwrap(), []);
    assert_eq!(podman.volumes(&corner.label()).await.unwrap(), []);
    assert_eq!(podman.networks(&corner.label()).await.unwrap(), []);
}

#[tokio::test]
async fn files_arrive_in_the_volume_before_and_after_the_start() {
    if !can_run("containers::files_arrive_in_the_volume_before_and_after_the_start") {
        return;
    }
    let corner = Corner::new().await;
    let podman = &corner.podman;
    let (network, volume) = (corner.network("n").await, corner.volume("v").await);
    let options = corner.options("c", &network, Some(&volume)).await;
    let name = &options.name;
    podman.create_container(&options).await.unwrap();

    podman.upload(name, "/var", archive("lib/kipod/early", b"1")).await.unwrap();
    podman.upload(name, "/etc/kipod/new", archive("outside", b"2")).await.unwrap();
    podman.start_container(name).await.unwrap();
    assert_eq!(inside(&corner, name, &["cat", "/var/lib/kipod/early"]).await, "1");
    assert_eq!(inside(&corner, name, &["cat", "/etc/kipod/new/outside"]).await, "2");
    let mode = inside(&corner, name, &["stat", "-c", "%a %u", "/var/lib/kipod/early"]).await;
    assert_eq!(mode, "640 0");
    // What the image has at the volume's place is there as well.
    assert_eq!(inside(&corner, name, &["cat", "/var/seed"]).await, "from the image");

    podman.upload(name, "/var/lib", archive("late", b"3")).await.unwrap();
    assert_eq!(inside(&corner, name, &["cat", "/var/lib/late"]).await, "3");

    // All of it is in the volume: another container finds it.
    podman.remove_container(name).await.unwrap();
    podman.create_container(&options).await.unwrap();
    podman.start_container(name).await.unwrap();
    assert_eq!(
        inside(&corner, name, &["cat", "/var/lib/kipod/early", "/var/lib/late"]).await,
        "13"
    );
    assert_ne!(podman.exec(name, &["cat", "/etc/kipod/new/outside"]).await.unwrap().status, 0);
}

#[tokio::test]
async fn a_command_leaves_its_status_and_both_its_outputs() {
    if !can_run("containers::a_command_leaves_its_status_and_both_its_outputs") {
        return;
    }
    let corner = Corner::new().await;
    let network = corner.network("n").await;
    let options = corner.options("c", &network, None).await;
    let name = &options.name;
    corner.podman.create_container(&options).await.unwrap();

    let error = corner.podman.exec(name, &["echo", "a b"]).await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("run `echo 'a b'` in container `{name}`: ")), "{error}");

    corner.podman.start_container(name).await.unwrap();
    let script = "echo out; echo err >&2; exit 7";
    let output = corner.podman.exec(name, &["sh", "-c", script]).await.unwrap();
    assert_eq!(
        (output.status, output.stdout.as_slice(), output.stderr.as_slice()),
        (7, b"out\n".as_slice(), b"err\n".as_slice())
    );
    // Much output, and many commands at once, lose nothing.
    let many = (0..8).map(|_| async {
        let output = corner.podman.exec(name, &["head", "-c", "1000000", "/dev/zero"]).await;
        output.map(|output| (output.status, output.stdout.len()))
    });
    for output in futures_util::future::join_all(many).await {
        assert_eq!(output.unwrap(), (0, 1_000_000));
    }
}

#[tokio::test]
async fn a_port_in_use_is_said() {
    if !can_run("containers::a_port_in_use_is_said") {
        return;
    }
    let corner = Corner::new().await;
    let network = corner.network("n").await;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut options = corner.options("c", &network, None).await;
    options.ports = vec![PortMapping {
        host_address: Ipv4Addr::LOCALHOST.into(),
        host_port: Some(port),
        container_port: 6443,
        protocol: "tcp",
        count: 1,
    }];
    corner.podman.create_container(&options).await.unwrap();
    let error = corner.podman.start_container(&options.name).await.unwrap_err();
    assert!(matches!(error, PodmanError::PortInUse { .. }), "{error:?}");
    assert!(error.to_string().contains(&format!("127.0.0.1 port {port}: ")), "{error}");
    let error = corner.podman.upload(&options.name, "/etc", archive("x", b"")).await.unwrap_err();
    assert!(matches!(error, PodmanError::PortInUse { .. }), "{error:?}");

    // It starts as soon as the port is free, and again while it holds the port itself.
    drop(listener);
    corner.podman.upload(&options.name, "/etc", archive("x", b"")).await.unwrap();
    corner.podman.start_container(&options.name).await.unwrap();
    corner.podman.start_container(&options.name).await.unwrap();
    let published = corner.say(&["port", &options.name]);
    assert_eq!(published, format!("6443/tcp -> 127.0.0.1:{port}"));
}

#[tokio::test]
async fn a_container_is_frozen_and_goes_on() {
    if !can_run("containers::a_container_is_frozen_and_goes_on") {
        return;
    }
    let corner = Corner::new().await;
    let podman = &corner.podman;
    let network = corner.network("n").await;
    let options = corner.options("c", &network, None).await;
    let name = &options.name;
    podman.create_container(&options).await.unwrap();
    let error = podman.pause_container(name).await.unwrap_err().to_string();
    assert!(error.contains(name.as_str()), "{error}");
    podman.start_container(name).await.unwrap();

    let state = async || podman.containers(&corner.label()).await.unwrap()[0].state.clone();
    podman.pause_container(name).await.unwrap();
    assert_eq!(state().await, ContainerState::Paused);
    podman.unpause_container(name).await.unwrap();
    assert_eq!(state().await, ContainerState::Running);
    inside(&corner, name, &["echo"]).await;
    // One that is frozen can be removed as it is.
    podman.pause_container(name).await.unwrap();
    assert!(podman.remove_container(name).await.unwrap());
}

#[tokio::test]
async fn what_does_not_exist_is_said_or_taken_as_gone() {
    if !can_run("containers::what_does_not_exist_is_said_or_taken_as_gone") {
        return;
    }
    let corner = Corner::new().await;
    let name = corner.name("nobody");
    let error = corner.podman.start_container(&name).await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("start container `{name}`: ")), "{error}");
    assert_eq!(error.matches("no such container").count(), 1, "{error}");
    corner.podman.stop_container(&name).await.unwrap_err();
    corner.podman.inspect_container(&name).await.unwrap_err();
    corner.podman.upload(&name, "/", archive("x", b"")).await.unwrap_err();
    corner.podman.logs(&name, 1).await.unwrap_err();
    assert!(!corner.podman.remove_container(&name).await.unwrap());

    let network = corner.network("n").await;
    let mut options = corner.options("c", &network, None).await;
    options.image = "localhost/kipod-contract-no-such-image:1".into();
    let error = corner.podman.create_container(&options).await.unwrap_err().to_string();
    assert!(error.contains("kipod-contract-no-such-image"), "{error}");
    assert_eq!(corner.podman.image(&options.image).await.unwrap(), None);
}

#[tokio::test]
async fn one_that_ends_is_started_again_and_counted() {
    if !can_run("containers::one_that_ends_is_started_again_and_counted") {
        return;
    }
    let corner = Corner::new().await;
    let network = corner.network("n").await;
    let command = ["/bin/sh", "-c", "exit 1"].map(str::to_owned).to_vec();
    let options = ContainerOptions {
        command,
        systemd: false,
        restart: true,
        ..corner.options("c", &network, None).await
    };
    corner.podman.create_container(&options).await.unwrap();
    corner.podman.start_container(&options.name).await.unwrap();
    let count =
        async || corner.podman.inspect_container(&options.name).await.unwrap().restart_count;
    let limit = tokio::time::timeout(std::time::Duration::from_secs(60), async {
        while count().await < 2 {}
    });
    limit.await.expect("it is started again and again");
    assert!(corner.podman.remove_container(&options.name).await.unwrap());
}
