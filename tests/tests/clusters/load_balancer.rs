//! Services that are reachable from the host.

use std::io::Read;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Service;
use kipod_e2e::{Checks, ClusterClient, Kipod, TestCluster, podman};
use kipod_engine::plan::{ServiceAddress, UDP_NODE_PORTS};
use serde_json::json;

const TIMEOUT: Duration = Duration::from_secs(90);
const POLL_INTERVAL: Duration = Duration::from_millis(200);

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn host_reaches_services_at_the_service_address() {
    kipod_e2e::ensure_node_image();
    let cluster = TestCluster::new("services");
    // Another process uses one node port on every candidate address. The cluster starts without it.
    let user = rustix::process::getuid().as_raw();
    let taken_port = 32_001;
    let taken: Vec<_> = ServiceAddress::candidates(user)
        .filter_map(|address| TcpListener::bind((address, taken_port)).ok())
        .collect();
    let taken_by_udp: Vec<_> = ServiceAddress::candidates(user)
        .filter_map(|address| UdpSocket::bind((address, *UDP_NODE_PORTS.start())).ok())
        .collect();
    cluster.creation().run().success();
    let address = service_address(&cluster);
    let client = cluster.client();
    client.create_server("web", "from-inside");

    let mut checks = Checks::new();
    checks.check("a LoadBalancer gets the address and is reachable", || {
        client.create_service("balanced", "web", json!({ "type": "LoadBalancer" }));
        assert_eq!(wait_ingress(&client, "balanced"), address.to_string());
        wait_reachable(address, client.node_port("balanced"));
    });
    checks.check("so does one with externalTrafficPolicy Local", || {
        let spec = json!({ "type": "LoadBalancer", "externalTrafficPolicy": "Local" });
        client.create_service("local", "web", spec);
        wait_reachable(address, client.node_port("local"));
    });
    checks.check("a NodePort is reachable and gets no address", || {
        client.create_service("numbered", "web", json!({ "type": "NodePort" }));
        wait_reachable(address, client.node_port("numbered"));
        assert_eq!(ingress(&client.service("numbered")), None);
    });
    checks.check("a UDP port moves to a published node port", || {
        let ports = json!([{ "port": 80, "targetPort": 8080, "protocol": "UDP" }]);
        client.create_service("udp", "web", json!({ "type": "LoadBalancer", "ports": ports }));
        assert_eq!(wait_ingress(&client, "udp"), address.to_string());
        wait_udp_reachable(address, client.node_port("udp"));
    });
    checks.check("an added UDP port gets a published node port", || {
        let port = |name, port, protocol| json!({ "name": name, "port": port, "targetPort": 8080, "protocol": protocol });
        let ports = json!([port("tcp", 80, "TCP")]);
        client.create_service("grows", "web", json!({ "type": "LoadBalancer", "ports": ports }));
        wait_ingress(&client, "grows");
        let ports = json!([port("tcp", 80, "TCP"), port("udp", 81, "UDP")]);
        client.patch_service("grows", json!({ "spec": { "ports": ports } }));
        let start = Instant::now();
        let udp = loop {
            let spec = client.service("grows").spec.unwrap();
            let ports = spec.ports.unwrap();
            let found = ports.iter().find(|one| one.name.as_deref() == Some("udp")).unwrap();
            let number = u16::try_from(found.node_port.unwrap()).unwrap();
            if UDP_NODE_PORTS.contains(&number) {
                break number;
            }
            assert!(start.elapsed() < TIMEOUT, "{ports:?}: {:?}", client.events("grows"));
            std::thread::sleep(POLL_INTERVAL);
        };
        assert_ne!(udp, *UDP_NODE_PORTS.start(), "another process uses this port");
        wait_udp_reachable(address, udp);
    });
    checks.check("a LoadBalancer of another class is ignored", || {
        let spec = json!({ "type": "LoadBalancer", "loadBalancerClass": "example.com/other" });
        client.create_service("other", "web", spec);
        // A later Service has been processed, so this one has been ignored.
        client.create_service("later", "web", json!({ "type": "LoadBalancer" }));
        wait_ingress(&client, "later");
        assert_eq!(ingress(&client.service("other")), None);
    });
    checks.check("an event explains why a Service has no address", || {
        let spec = json!({ "type": "LoadBalancer", "allocateLoadBalancerNodePorts": false });
        client.create_service("portless", "web", spec);
        wait_event(&client, "portless", "it has no node ports");
        let ports = json!([{ "port": 80, "targetPort": 8080, "nodePort": taken_port }]);
        client.create_service("unlucky", "web", json!({ "type": "LoadBalancer", "ports": ports }));
        let why = format!("node port {taken_port} (TCP) is in use on the host");
        wait_event(&client, "unlucky", &why);
        assert_eq!(ingress(&client.service("unlucky")), None);
    });
    checks.check("Services are reachable after a node restart", || {
        let (port, old) = (client.node_port("balanced"), client.running_containers().unwrap());
        podman(&["restart", &cluster.control_plane()]);
        client.wait_ready_without(&old);
        wait_reachable(address, port);
        client.create_service("after", "web", json!({ "type": "LoadBalancer" }));
        assert_eq!(wait_ingress(&client, "after"), address.to_string());
    });
    checks.finish();
    drop((taken, taken_by_udp));
    cluster.delete_completely();
}

/// Returns the service address from `kipod get clusters`.
fn service_address(cluster: &TestCluster) -> IpAddr {
    let list = Kipod::new(["get", "clusters", "--output", "json"]).run().success().json();
    let all = list.as_array().unwrap();
    let found = all.iter().find(|one| one["name"] == cluster.name.as_str()).unwrap();
    let address: IpAddr = found["service_address"].as_str().unwrap().parse().unwrap();
    assert!(address.is_loopback(), "{address}");
    address
}

/// Waits until the status of a Service has an address, and returns it.
#[track_caller]
fn wait_ingress(client: &ClusterClient, name: &str) -> String {
    let start = Instant::now();
    loop {
        let service = client.service(name);
        if let Some(address) = ingress(&service) {
            return address;
        }
        assert!(start.elapsed() < TIMEOUT, "{:?}: {:?}", service.status, client.events(name));
        std::thread::sleep(POLL_INTERVAL);
    }
}

/// Returns the load balancer address in the status of a Service.
fn ingress(service: &Service) -> Option<String> {
    let balancer = service.status.as_ref()?.load_balancer.as_ref()?;
    balancer.ingress.as_ref()?.first()?.ip.clone()
}

/// Waits until a TCP connection returns the reply of the server.
#[track_caller]
fn wait_reachable(address: IpAddr, port: u16) {
    let address = SocketAddr::new(address, port);
    let start = Instant::now();
    loop {
        let mut text = String::new();
        let reply = TcpStream::connect_timeout(&address, Duration::from_secs(2))
            .and_then(|stream| {
                stream.set_read_timeout(Some(Duration::from_secs(2))).map(|()| stream)
            })
            .and_then(|mut stream| stream.read_to_string(&mut text));
        if reply.is_ok() && text == "from-inside\n" {
            return;
        }
        assert!(start.elapsed() < TIMEOUT, "{address}: {reply:?}: {text:?}");
        std::thread::sleep(POLL_INTERVAL);
    }
}

/// Waits until a datagram returns the reply of the server.
#[track_caller]
fn wait_udp_reachable(address: IpAddr, port: u16) {
    let socket = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let start = Instant::now();
    let mut reply = [0; 16];
    loop {
        socket.send_to(b"?", (address, port)).unwrap();
        match socket.recv(&mut reply) {
            Ok(length) if reply[..length] == *b"from-inside\n" => return,
            other => assert!(start.elapsed() < TIMEOUT, "{address}:{port}: {other:?}"),
        }
    }
}

/// Waits for an event about a Service that contains `text`.
#[track_caller]
fn wait_event(client: &ClusterClient, name: &str, text: &str) {
    let start = Instant::now();
    loop {
        let events = client.events(name);
        if events.iter().any(|event| event.contains(text)) {
            return;
        }
        assert!(start.elapsed() < TIMEOUT, "{events:?}");
        std::thread::sleep(POLL_INTERVAL);
    }
}
