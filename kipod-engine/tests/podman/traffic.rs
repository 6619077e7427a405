use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};

use kipod_engine::podman::{ContainerOptions, NetworkOptions, Podman, PortMapping};

use crate::support::{Corner, busybox, can_run};

/// How long a connection is tried for: a server may not listen yet.
const PATIENCE: Duration = Duration::from_secs(20);

/// A container that serves its `/var` on port 80: `/seed` there is a file of the image.
async fn server(corner: &Corner, network: &NetworkOptions, ports: &[PortMapping]) -> String {
    let options = ContainerOptions {
        command: ["/bin/busybox", "httpd", "-f", "-p", "80", "-h", "/var"]
            .map(str::to_owned)
            .to_vec(),
        ports: ports.to_vec(),
        ..corner.options("server", network, None).await
    };
    corner.podman.create_container(&options).await.unwrap();
    corner.podman.start_container(&options.name).await.unwrap();
    options.name
}

/// A container that waits, at another address of the network than the server's.
async fn client(corner: &Corner, network: &NetworkOptions) -> String {
    let mut options = corner.options("client", network, None).await;
    let [a, b, c, _] = network.gateway.octets();
    options.network.address = Ipv4Addr::new(a, b, c, 11);
    corner.podman.create_container(&options).await.unwrap();
    corner.podman.start_container(&options.name).await.unwrap();
    options.name
}

/// What `command` prints in the container, as soon as it succeeds.
async fn eventually(corner: &Corner, container: &str, command: &[&str]) -> String {
    let begun = Instant::now();
    loop {
        let output = corner.podman.exec(container, command).await.unwrap();
        if output.status == 0 {
            return String::from_utf8(output.stdout).unwrap();
        }
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(begun.elapsed() < PATIENCE, "{command:?}: {error}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The answer to a request for `/seed` at `address` of this machine. Behind a port that Podman
/// holds, a connection may be accepted and then be closed for as long as nobody serves.
fn fetch_seed(address: SocketAddr) -> String {
    let fetch = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(b"GET /seed HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    let begun = Instant::now();
    loop {
        match fetch() {
            Ok(answer) if !answer.is_empty() => return answer,
            result => assert!(begun.elapsed() < PATIENCE, "{address}: {result:?}"),
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[tokio::test]
async fn containers_reach_each_other_at_their_addresses() {
    if !can_run("traffic::containers_reach_each_other_at_their_addresses") {
        return;
    }
    let corner = Corner::new().await;
    let network = corner.network("n").await;
    let (server, client) = (server(&corner, &network, &[]).await, client(&corner, &network).await);
    let [a, b, c, _] = network.gateway.octets();
    // Not wget: the static one dies where there is no C library to look names up with.
    let request = format!(
        "printf 'GET /seed HTTP/1.0\\r\\n\\r\\n' | /bin/busybox nc -w 5 {a}.{b}.{c}.10 80 | \
         /bin/busybox grep 'from the image'"
    );
    let fetch = ["/bin/sh", "-c", &request];
    assert_eq!(eventually(&corner, &client, &fetch).await, "from the image\n");

    // The same way after the other one was stopped and started.
    corner.podman.stop_container(&server).await.unwrap();
    corner.podman.start_container(&server).await.unwrap();
    assert_eq!(eventually(&corner, &client, &fetch).await, "from the image\n");
}

#[tokio::test]
async fn a_published_port_leads_into_its_container() {
    if !can_run("traffic::a_published_port_leads_into_its_container") {
        return;
    }
    let corner = Corner::new().await;
    let network = corner.network("n").await;
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let ports = [PortMapping {
        host_address: free.ip(),
        host_port: Some(free.port()),
        container_port: 80,
        protocol: "tcp",
        count: 1,
    }];
    let server = server(&corner, &network, &ports).await;
    let answer = fetch_seed(free);
    assert!(answer.ends_with("from the image\n"), "{answer}");

    corner.podman.stop_container(&server).await.unwrap();
    corner.podman.start_container(&server).await.unwrap();
    let answer = fetch_seed(free);
    assert!(answer.ends_with("from the image\n"), "after a restart: {answer}");
    corner.podman.stop_container(&server).await.unwrap();
    TcpListener::bind(free).expect("a stopped container holds its port");
}

#[tokio::test]
async fn a_range_of_ports_leads_into_its_container() {
    if !can_run("traffic::a_range_of_ports_leads_into_its_container") {
        return;
    }
    let corner = Corner::new().await;
    let network = corner.network("n").await;
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
    server(&corner, &network, &ports).await;
    let answer = fetch_seed((Ipv4Addr::LOCALHOST, first + 2).into());
    assert!(answer.ends_with("from the image\n"), "{answer}");
    assert!(!is_free(&first), "the first port of the range is not published");
    let found = corner.podman.containers(&corner.label()).await.unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
}

#[tokio::test]
async fn a_port_may_be_left_to_podman_and_be_of_udp() {
    if !can_run("traffic::a_port_may_be_left_to_podman_and_be_of_udp") {
        return;
    }
    let corner = Corner::new().await;
    let network = corner.network("n").await;
    let left_to_podman = |container_port, protocol| PortMapping {
        host_address: Ipv4Addr::LOCALHOST.into(),
        host_port: None,
        container_port,
        protocol,
        count: 1,
    };
    let ports = [left_to_podman(80, "tcp"), left_to_podman(53, "udp")];
    let server = server(&corner, &network, &ports).await;
    let published = || {
        ["80/tcp", "53/udp"].map(|port| -> SocketAddr {
            let said = corner.say(&["port", &server, port]);
            said.parse().unwrap_or_else(|_| panic!("{port} is at `{said}`"))
        })
    };
    let [tcp, udp] = published();
    assert!(tcp.ip().is_loopback() && udp.ip().is_loopback(), "{tcp}, {udp}");
    let answer = fetch_seed(tcp);
    assert!(answer.ends_with("from the image\n"), "{answer}");
    let held = UdpSocket::bind(udp).expect_err("nobody holds the port of UDP");
    assert_eq!(held.kind(), std::io::ErrorKind::AddrInUse);

    // Chosen once: the kubeconfig has it.
    corner.podman.stop_container(&server).await.unwrap();
    corner.podman.start_container(&server).await.unwrap();
    assert_eq!(published(), [tcp, udp]);
}

#[tokio::test]
async fn a_container_reaches_this_machine() {
    if !can_run("traffic::a_container_reaches_this_machine") {
        return;
    }
    let corner = Corner::new().await;
    let network = corner.network("n").await;
    let client = client(&corner, &network).await;
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let greeting = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"hello\n").unwrap();
    });
    let connect = ["/bin/busybox", "nc", "-w", "5", "host.containers.internal", &port];
    assert_eq!(eventually(&corner, &client, &connect).await, "hello\n");
    greeting.join().unwrap();
}

fn both(stdout: &[u8], stderr: &[u8]) -> String {
    [stdout, stderr].map(String::from_utf8_lossy).concat()
}

/// Whether somebody answers at all; what is no matter, for a machine may have no way out.
fn is_answered(said: &str) -> bool {
    !said.contains("no servers could be reached") && !said.contains("timed out")
}

#[tokio::test]
async fn the_name_server_of_a_container_answers() {
    if !can_run("traffic::the_name_server_of_a_container_answers") {
        return;
    }
    let question = ["nslookup", "-type=a", "kipod.invalid"];
    let output = Command::new(busybox()).args(question).output().unwrap();
    let said = both(&output.stdout, &output.stderr);
    if !is_answered(&said) {
        let line = "skipped, this machine has no name server that answers: \
                    traffic::the_name_server_of_a_container_answers\n";
        let _ = std::io::stderr().write_all(line.as_bytes());
        return;
    }
    let corner = Corner::new().await;
    let network = corner.network("n").await;
    let client = client(&corner, &network).await;
    let begun = Instant::now();
    loop {
        let command = [&["/bin/busybox"], &question[..]].concat();
        let output = corner.podman.exec(&client, &command).await.unwrap();
        let said = both(&output.stdout, &output.stderr);
        if is_answered(&said) {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{said}");
    }
}
