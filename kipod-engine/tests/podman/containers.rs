use std::net::{Ipv4Addr, TcpListener};

use kipod_engine::podman::{
    Bind, ContainerOptions, ContainerState, Podman, PodmanError, PortMapping,
};

use crate::support::{Fixture, append_file};

fn archive(path: &str, content: &[u8]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    append_file(&mut tar, path, content);
    tar.into_inner().unwrap()
}

/// Runs `command` in a container, expects success, and returns its output.
async fn inside(fixture: &Fixture, container: &str, command: &[&str]) -> String {
    let output = fixture.podman.exec(container, command).await.unwrap();
    assert_eq!(output.status, 0, "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Returns Podman's complete description of a container.
async fn described(podman: &dyn Podman, name: &str) -> serde_json::Value {
    serde_json::from_str(&podman.describe_container(name).await.unwrap()).unwrap()
}

#[tokio::test]
#[ignore = "needs rootless Podman and a static busybox"]
async fn containers_follow_their_options() {
    let fixture = Fixture::new().await;
    let podman = &fixture.podman;
    let (network, volume) = (fixture.network("n").await, fixture.volume("v").await);
    let mut options = fixture.options("c", &network, Some(&volume)).await;
    options.binds = vec![Bind {
        source: fixture.runtime.path().into(),
        target: "/host".into(),
        read_only: true,
        options: vec!["bind"],
    }];
    options.dns_search = Some(vec!["kipod.example".to_owned()]);
    let name = options.name.clone();

    let id = podman.create_container(&options).await.unwrap();
    let found = podman.containers(&fixture.label()).await.unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((&found[0].id, &found[0].name), (&id, &name));
    assert_eq!(found[0].state, ContainerState::Created);
    assert_eq!(found[0].labels.get("io.kipod.contract"), Some(&fixture.prefix));
    let error = podman.create_container(&options).await.unwrap_err();
    assert!(matches!(error, PodmanError::NameInUse { kind: "container", .. }), "{error:?}");

    podman.start_container(&name).await.unwrap();
    podman.start_container(&name).await.unwrap();
    assert_eq!(
        podman.containers(&fixture.label()).await.unwrap()[0].state,
        ContainerState::Running
    );
    let address = options.network.address.to_string();
    let seen = inside(&fixture, &name, &["ip", "-4", "-o", "addr", "show", "eth0"]).await;
    assert!(seen.contains(&format!("{address}/24")), "{seen}");
    assert_eq!(inside(&fixture, &name, &["sh", "-c", "echo $FOO $container"]).await, "a b podman");
    assert_eq!(inside(&fixture, &name, &["cat", "/proc/sys/kernel/hostname"]).await, "c");
    let environment = inside(&fixture, &name, &["sh", "-c", "echo $HTTP_PROXY $HOSTILE"]).await;
    assert_eq!(environment, "", "variables of the user");
    let hosts = inside(&fixture, &name, &["cat", "/etc/hosts"]).await;
    assert!(hosts.contains(&options.network.address.to_string()), "{hosts}");
    let status = inside(&fixture, &name, &["cat", "/proc/1/status"]).await;
    assert!(status.contains("Umask:\t0022"), "{status}");
    let resolver = inside(&fixture, &name, &["cat", "/etc/resolv.conf"]).await;
    assert!(resolver.lines().any(|line| line.trim() == "search kipod.example"), "{resolver}");
    assert_eq!(
        inside(&fixture, &name, &["stat", "-c", "%F", "/dev/fuse"]).await,
        "character special file"
    );
    assert_eq!(
        inside(&fixture, &name, &["cat", "/proc/1/cgroup"]).await.lines().last(),
        Some("0::/")
    );
    let mounts = inside(&fixture, &name, &["cat", "/proc/mounts"]).await;
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
    let seen = inside(&fixture, &name, &["ip", "-4", "-o", "addr", "show", "eth0"]).await;
    assert!(seen.contains(&format!("{address}/24")), "another address after a restart: {seen}");

    assert!(podman.remove_container(&name).await.unwrap());
    assert!(!podman.remove_container(&name).await.unwrap());
    assert!(podman.remove_volume(&volume).await.unwrap());
    assert!(podman.remove_network(&network.name).await.unwrap());
    assert_eq!(podman.containers(&fixture.label()).await.unwrap(), []);
    assert_eq!(podman.volumes(&fixture.label()).await.unwrap(), []);
    assert_eq!(podman.networks(&fixture.label()).await.unwrap(), []);
}

#[tokio::test]
#[ignore = "needs rootless Podman and a static busybox"]
async fn upload_writes_to_volumes_before_and_after_start() {
    let fixture = Fixture::new().await;
    let podman = &fixture.podman;
    let (network, volume) = (fixture.network("n").await, fixture.volume("v").await);
    let options = fixture.options("c", &network, Some(&volume)).await;
    let name = &options.name;
    podman.create_container(&options).await.unwrap();

    podman.upload(name, "/var", archive("lib/kipod/early", b"1")).await.unwrap();
    podman.upload(name, "/etc/kipod/new", archive("outside", b"2")).await.unwrap();
    podman.start_container(name).await.unwrap();
    assert_eq!(inside(&fixture, name, &["cat", "/var/lib/kipod/early"]).await, "1");
    assert_eq!(inside(&fixture, name, &["cat", "/etc/kipod/new/outside"]).await, "2");
    let mode = inside(&fixture, name, &["stat", "-c", "%a %u", "/var/lib/kipod/early"]).await;
    assert_eq!(mode, "640 0");
    // The volume also has the image's content of that directory.
    assert_eq!(inside(&fixture, name, &["cat", "/var/seed"]).await, "from the image");

    podman.upload(name, "/var/lib", archive("late", b"3")).await.unwrap();
    assert_eq!(inside(&fixture, name, &["cat", "/var/lib/late"]).await, "3");

    // Another container with the same volume has the files.
    podman.remove_container(name).await.unwrap();
    podman.create_container(&options).await.unwrap();
    podman.start_container(name).await.unwrap();
    assert_eq!(
        inside(&fixture, name, &["cat", "/var/lib/kipod/early", "/var/lib/late"]).await,
        "13"
    );
    assert_ne!(podman.exec(name, &["cat", "/etc/kipod/new/outside"]).await.unwrap().status, 0);
}

#[tokio::test]
#[ignore = "needs rootless Podman and a static busybox"]
async fn exec_returns_status_and_both_outputs() {
    let fixture = Fixture::new().await;
    let network = fixture.network("n").await;
    let options = fixture.options("c", &network, None).await;
    let name = &options.name;
    fixture.podman.create_container(&options).await.unwrap();

    let error = fixture.podman.exec(name, &["echo", "a b"]).await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("run `echo 'a b'` in container `{name}`: ")), "{error}");

    fixture.podman.start_container(name).await.unwrap();
    let script = "echo out; echo err >&2; exit 7";
    let output = fixture.podman.exec(name, &["sh", "-c", script]).await.unwrap();
    assert_eq!(
        (output.status, output.stdout.as_slice(), output.stderr.as_slice()),
        (7, b"out\n".as_slice(), b"err\n".as_slice())
    );
    // Large outputs of concurrent commands are complete.
    let many = (0..8).map(|_| async {
        let output = fixture.podman.exec(name, &["head", "-c", "1000000", "/dev/zero"]).await;
        output.map(|output| (output.status, output.stdout.len()))
    });
    for output in futures_util::future::join_all(many).await {
        assert_eq!(output.unwrap(), (0, 1_000_000));
    }
}

#[tokio::test]
#[ignore = "needs rootless Podman and a static busybox"]
async fn start_reports_a_port_in_use() {
    let fixture = Fixture::new().await;
    let network = fixture.network("n").await;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut options = fixture.options("c", &network, None).await;
    options.ports = vec![PortMapping {
        host_address: Ipv4Addr::LOCALHOST.into(),
        host_port: Some(port),
        container_port: 6443,
        protocol: "tcp",
        count: 1,
    }];
    fixture.podman.create_container(&options).await.unwrap();
    let error = fixture.podman.start_container(&options.name).await.unwrap_err();
    assert!(matches!(error, PodmanError::PortInUse { .. }), "{error:?}");
    assert!(error.to_string().contains(&format!("127.0.0.1 port {port}: ")), "{error}");
    let error = fixture.podman.upload(&options.name, "/etc", archive("x", b"")).await.unwrap_err();
    assert!(matches!(error, PodmanError::PortInUse { .. }), "{error:?}");

    // It starts once the port is free. A second start succeeds although the container uses the port.
    drop(listener);
    fixture.podman.upload(&options.name, "/etc", archive("x", b"")).await.unwrap();
    fixture.podman.start_container(&options.name).await.unwrap();
    fixture.podman.start_container(&options.name).await.unwrap();
    let published = fixture.podman_output(&["port", &options.name]);
    assert_eq!(published, format!("6443/tcp -> 127.0.0.1:{port}"));
}

#[tokio::test]
#[ignore = "needs rootless Podman and a static busybox"]
async fn containers_are_paused_and_unpaused() {
    let fixture = Fixture::new().await;
    let podman = &fixture.podman;
    let network = fixture.network("n").await;
    let options = fixture.options("c", &network, None).await;
    let name = &options.name;
    podman.create_container(&options).await.unwrap();
    let error = podman.pause_container(name).await.unwrap_err().to_string();
    assert!(error.contains(name.as_str()), "{error}");
    podman.start_container(name).await.unwrap();

    let state = async || podman.containers(&fixture.label()).await.unwrap()[0].state.clone();
    podman.pause_container(name).await.unwrap();
    assert_eq!(state().await, ContainerState::Paused);
    podman.unpause_container(name).await.unwrap();
    assert_eq!(state().await, ContainerState::Running);
    inside(&fixture, name, &["echo"]).await;
    // A paused container can be removed.
    podman.pause_container(name).await.unwrap();
    assert!(podman.remove_container(name).await.unwrap());
}

#[tokio::test]
#[ignore = "needs rootless Podman and a static busybox"]
async fn only_removal_accepts_a_missing_container() {
    let fixture = Fixture::new().await;
    let name = fixture.name("missing");
    let error = fixture.podman.start_container(&name).await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("start container `{name}`: ")), "{error}");
    assert_eq!(error.matches("no such container").count(), 1, "{error}");
    fixture.podman.stop_container(&name).await.unwrap_err();
    fixture.podman.inspect_container(&name).await.unwrap_err();
    fixture.podman.upload(&name, "/", archive("x", b"")).await.unwrap_err();
    fixture.podman.logs(&name, 1).await.unwrap_err();
    assert!(!fixture.podman.remove_container(&name).await.unwrap());

    let network = fixture.network("n").await;
    let mut options = fixture.options("c", &network, None).await;
    options.image = "localhost/kipod-contract-no-such-image:1".into();
    let error = fixture.podman.create_container(&options).await.unwrap_err().to_string();
    assert!(error.contains("kipod-contract-no-such-image"), "{error}");
    assert_eq!(fixture.podman.image(&options.image).await.unwrap(), None);
}

#[tokio::test]
#[ignore = "needs rootless Podman and a static busybox"]
async fn restart_policy_restarts_and_counts() {
    let fixture = Fixture::new().await;
    let network = fixture.network("n").await;
    let command = ["/bin/sh", "-c", "exit 1"].map(str::to_owned).to_vec();
    let options = ContainerOptions {
        command,
        systemd: false,
        restart: true,
        ..fixture.options("c", &network, None).await
    };
    fixture.podman.create_container(&options).await.unwrap();
    fixture.podman.start_container(&options.name).await.unwrap();
    let count =
        async || fixture.podman.inspect_container(&options.name).await.unwrap().restart_count;
    let restarts = tokio::time::timeout(std::time::Duration::from_secs(60), async {
        while count().await < 2 {}
    });
    restarts.await.expect("the container is restarted twice");
    assert!(fixture.podman.remove_container(&options.name).await.unwrap());
}
