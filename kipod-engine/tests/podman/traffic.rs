use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};

use kipod_engine::podman::{ContainerOptions, NetworkOptions, Podman, PortMapping};

use crate::support::{Fixture, busybox};

/// Timeout for connections: the server may not listen yet.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Starts a container that serves its `/var` on port 80. `/seed` is a file of the image.
async fn server(fixture: &Fixture, network: &NetworkOptions, ports: &[PortMapping]) -> String {
    let options = ContainerOptions {
        command: ["/bin/busybox", "httpd", "-f", "-p", "80", "-h", "/var"]
            .map(str::to_owned)
            .to_vec(),
        ports: ports.to_vec(),
        ..fixture.options("server", network, None).await
    };
    fixture.podman.create_container(&options).await.unwrap();
    fixture.podman.start_container(&options.name).await.unwrap();
    options.name
}

/// Starts an idle container at another address of the network.
async fn client(fixture: &Fixture, network: &NetworkOptions) -> String {
    let mut options = fixture.options("client", network, None).await;
    let [a, b, c, _] = network.gateway.octets();
    options.network.address = Ipv4Addr::new(a, b, c, 11);
    fixture.podman.create_container(&options).await.unwrap();
    fixture.podman.start_container(&options.name).await.unwrap();
    options.name
}

/// Runs `command` in the container until it succeeds, and returns its output.
async fn eventually(fixture: &Fixture, container: &str, command: &[&str]) -> String {
    let start = Instant::now();
    loop {
        let output = fixture.podman.exec(container, command).await.unwrap();
        if output.status == 0 {
            return String::from_utf8(output.stdout).unwrap();
        }
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(start.elapsed() < TIMEOUT, "{command:?}: {error}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Requests `/seed` from `address` on the host. Podman's port forwarder accepts connections and closes
/// them while the container does not listen yet.
fn fetch_seed(address: SocketAddr) -> String {
    let fetch = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(b"GET /seed HTTP/1.0\r\n\r\n")?;
        let mut response = String::new();
        stream.read_to_string(&mut response)?;
        Ok(response)
    };
    let start = Instant::now();
    loop {
        match fetch() {
            Ok(response) if !response.is_empty() => return response,
            result => assert!(start.elapsed() < TIMEOUT, "{address}: {result:?}"),
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[tokio::test]
#[ignore = "needs rootless Podman and a static busybox"]
async fn containers_reach_each_other_by_address() {
    let fixture = Fixture::new().await;
    let network = fixture.network("n").await;
    let (server, client) =
        (server(&fixture, &network, &[]).await, client(&fixture, &network).await);
    let [a, b, c, _] = network.gateway.octets();
    // Not wget: the static binary crashes without a C library for name resolution.
    let request = format!(
        "printf 'GET /seed HTTP/1.0\\r\\n\\r\\n' | /bin/busybox nc -w 5 {a}.{b}.{c}.10 80 | \
         /bin/busybox grep 'from the image'"
    );
    let fetch = ["/bin/sh", "-c", &request];
    assert_eq!(eventually(&fixture, &client, &fetch).await, "from the image\n");

    // The same after a restart of the server.
    fixture.podman.stop_container(&server).await.unwrap();
    fixture.podman.start_container(&server).await.unwrap();
    assert_eq!(eventually(&fixture, &client, &fetch).await, "from the image\n");
}

#[tokio::test]
#[ignore = "needs rootless Podman and a static busybox"]
async fn a_published_port_reaches_its_container() {
    let fixture = Fixture::new().await;
    let network = fixture.network("n").await;
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let ports = [PortMapping {
        host_address: free.ip(),
        host_port: Some(free.port()),
        container_port: 80,
        protocol: "tcp",
        count: 1,
    }];
    let server = server(&fixture, &network, &ports).await;
    let response = fetch_seed(free);
    assert!(response.ends_with("from the image\n"), "{response}");

    fixture.podman.stop_container(&server).await.unwrap();
    fixture.podman.start_container(&server).await.unwrap();
    let response = fetch_seed(free);
    assert!(response.ends_with("from the image\n"), "after a restart: {response}");
    fixture.podman.stop_container(&server).await.unwrap();
    TcpListener::bind(free).expect("the port of a stopped container is free");
}

#[tokio::test]
#[ignore = "needs rootless Podman and a static busybox"]
async fn a_port_range_reaches_its_container() {
    let fixture = Fixture::new().await;
    let network = fixture.network("n").await;
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    let first = (20_000..30_000).find(|first| (*first..first + 3).all(|port| is_free(&port)));
    let first = first.expect("three free ports in a row");
    let ports = [PortMapping {
        host_address: Ipv4Addr::LOCALHOST.into(),
        host_port: Some(first),
        container_port: 78,
        protocol: "tcp",
        count: 3,
    }];
    server(&fixture, &network, &ports).await;
    let response = fetch_seed((Ipv4Addr::LOCALHOST, first + 2).into());
    assert!(response.ends_with("from the image\n"), "{response}");
    assert!(!is_free(&first), "the first port of the range is not published");
    let found = fixture.podman.containers(&fixture.label()).await.unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
}

#[tokio::test]
#[ignore = "needs rootless Podman and a static busybox"]
async fn podman_chooses_tcp_and_udp_ports() {
    let fixture = Fixture::new().await;
    let network = fixture.network("n").await;
    let left_to_podman = |container_port, protocol| PortMapping {
        host_address: Ipv4Addr::LOCALHOST.into(),
        host_port: None,
        container_port,
        protocol,
        count: 1,
    };
    let ports = [left_to_podman(80, "tcp"), left_to_podman(53, "udp")];
    let server = server(&fixture, &network, &ports).await;
    let published = || {
        ["80/tcp", "53/udp"].map(|port| -> SocketAddr {
            let text = fixture.podman_output(&["port", &server, port]);
            text.parse().unwrap_or_else(|_| panic!("{port} is at `{text}`"))
        })
    };
    let [tcp, udp] = published();
    assert!(tcp.ip().is_loopback() && udp.ip().is_loopback(), "{tcp}, {udp}");
    let response = fetch_seed(tcp);
    assert!(response.ends_with("from the image\n"), "{response}");
    let held = UdpSocket::bind(udp).expect_err("the UDP port is in use");
    assert_eq!(held.kind(), std::io::ErrorKind::AddrInUse);

    // The ports stay the same, because the kubeconfig contains one.
    fixture.podman.stop_container(&server).await.unwrap();
    fixture.podman.start_container(&server).await.unwrap();
    assert_eq!(published(), [tcp, udp]);
}

#[tokio::test]
#[ignore = "needs rootless Podman and a static busybox"]
async fn a_container_reaches_the_host() {
    let fixture = Fixture::new().await;
    let network = fixture.network("n").await;
    let client = client(&fixture, &network).await;
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let greeting = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"hello\n").unwrap();
    });
    let connect = ["/bin/busybox", "nc", "-w", "5", "host.containers.internal", &port];
    assert_eq!(eventually(&fixture, &client, &connect).await, "hello\n");
    greeting.join().unwrap();
}

fn both(stdout: &[u8], stderr: &[u8]) -> String {
    [stdout, stderr].map(String::from_utf8_lossy).concat()
}

/// Returns whether a name server responded. The response does not matter: the host may be air-gapped.
fn is_response(text: &str) -> bool {
    !text.contains("no servers could be reached") && !text.contains("timed out")
}

#[tokio::test]
#[ignore = "needs rootless Podman and a static busybox"]
async fn containers_resolve_names() {
    let question = ["nslookup", "-type=a", "kipod.invalid"];
    let output = Command::new(busybox()).args(question).output().unwrap();
    let text = both(&output.stdout, &output.stderr);
    kipod_results::require!(is_response(&text), "a name server that responds");
    let fixture = Fixture::new().await;
    let network = fixture.network("n").await;
    let client = client(&fixture, &network).await;
    let start = Instant::now();
    loop {
        let command = [&["/bin/busybox"], &question[..]].concat();
        let output = fixture.podman.exec(&client, &command).await.unwrap();
        let text = both(&output.stdout, &output.stderr);
        if is_response(&text) {
            return;
        }
        assert!(start.elapsed() < TIMEOUT, "{text}");
    }
}
