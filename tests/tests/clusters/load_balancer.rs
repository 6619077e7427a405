//! Services that are reached from the host.

use std::io::Read;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Service;
use kipod_e2e::{Checks, Inside, Kipod, TestCluster, podman};
use kipod_engine::plan::{ServiceAddress, UDP_NODE_PORTS};
use serde_json::json;

const LIMIT: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_millis(200);

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn services_get_an_address_of_the_host_and_answer_there() {
    kipod_e2e::ensure_node_image();
    let cluster = TestCluster::named("services");
    // Somebody has a node port on whatever address it gets: the cluster does without that one.
    let user = rustix::process::getuid().as_raw();
    let taken_port = 32_001;
    let taken: Vec<_> = ServiceAddress::candidates(user)
        .filter_map(|address| TcpListener::bind((address, taken_port)).ok())
        .collect();
    let taken_by_udp: Vec<_> = ServiceAddress::candidates(user)
        .filter_map(|address| UdpSocket::bind((address, *UDP_NODE_PORTS.start())).ok())
        .collect();
    cluster.create().run().ok();
    let address = address(&cluster);
    let inside = cluster.inside();
    inside.serve("web", "from-inside");

    let mut checks = Checks::new();
    checks.check("a LoadBalancer gets the address and answers", || {
        inside.expose("balanced", "web", json!({ "type": "LoadBalancer" }));
        assert_eq!(ingress(&inside, "balanced"), address.to_string());
        until_it_answers(address, inside.node_port("balanced"));
    });
    checks.check("so does one that wants the client's address", || {
        let spec = json!({ "type": "LoadBalancer", "externalTrafficPolicy": "Local" });
        inside.expose("local", "web", spec);
        until_it_answers(address, inside.node_port("local"));
    });
    checks.check("a NodePort answers, and gets no address", || {
        inside.expose("numbered", "web", json!({ "type": "NodePort" }));
        until_it_answers(address, inside.node_port("numbered"));
        assert_eq!(status(&inside.service("numbered")), None);
    });
    checks.check("a UDP port is moved to where it answers", || {
        let ports = json!([{ "port": 80, "targetPort": 8080, "protocol": "UDP" }]);
        inside.expose("udp", "web", json!({ "type": "LoadBalancer", "ports": ports }));
        assert_eq!(ingress(&inside, "udp"), address.to_string());
        until_it_answers_by_udp(address, inside.node_port("udp"));
    });
    checks.check("one that has an address gets a UDP port that answers, too", || {
        let port = |name, port, protocol| json!({ "name": name, "port": port, "targetPort": 8080, "protocol": protocol });
        let ports = json!([port("tcp", 80, "TCP")]);
        inside.expose("grows", "web", json!({ "type": "LoadBalancer", "ports": ports }));
        ingress(&inside, "grows");
        let ports = json!([port("tcp", 80, "TCP"), port("udp", 81, "UDP")]);
        inside.change_service("grows", json!({ "spec": { "ports": ports } }));
        let start = Instant::now();
        let udp = loop {
            let spec = inside.service("grows").spec.unwrap();
            let ports = spec.ports.unwrap();
            let found = ports.iter().find(|one| one.name.as_deref() == Some("udp")).unwrap();
            let number = u16::try_from(found.node_port.unwrap()).unwrap();
            if UDP_NODE_PORTS.contains(&number) {
                break number;
            }
            assert!(start.elapsed() < LIMIT, "{ports:?}: {:?}", inside.events("grows"));
            std::thread::sleep(POLL);
        };
        assert_ne!(udp, *UDP_NODE_PORTS.start(), "somebody has it");
        until_it_answers_by_udp(address, udp);
    });
    checks.check("one of another class is left alone", || {
        let spec = json!({ "type": "LoadBalancer", "loadBalancerClass": "example.com/other" });
        inside.expose("other", "web", spec);
        // Whoever comes later is served, so this one was passed over.
        inside.expose("later", "web", json!({ "type": "LoadBalancer" }));
        ingress(&inside, "later");
        assert_eq!(status(&inside.service("other")), None);
    });
    checks.check("what cannot be reached says why", || {
        let spec = json!({ "type": "LoadBalancer", "allocateLoadBalancerNodePorts": false });
        inside.expose("portless", "web", spec);
        until_it_is_said(&inside, "portless", "it has no node ports");
        let ports = json!([{ "port": 80, "targetPort": 8080, "nodePort": taken_port }]);
        inside.expose("unlucky", "web", json!({ "type": "LoadBalancer", "ports": ports }));
        let why = format!("node port {taken_port} (TCP) is in use on the host");
        until_it_is_said(&inside, "unlucky", &why);
        assert_eq!(status(&inside.service("unlucky")), None);
    });
    checks.check("all of it survives a restart of the node", || {
        let (port, old) = (inside.node_port("balanced"), inside.containers().unwrap());
        podman(&["restart", &cluster.node()]);
        inside.until_all_is_well_without(&old);
        until_it_answers(address, port);
        inside.expose("after", "web", json!({ "type": "LoadBalancer" }));
        assert_eq!(ingress(&inside, "after"), address.to_string());
    });
    checks.finish();
    drop((taken, taken_by_udp));
    cluster.delete().run().ok();
    cluster.assert_nothing_left();
}

/// The address that `kipod get clusters` shows.
fn address(cluster: &TestCluster) -> IpAddr {
    let list = Kipod::new(["get", "clusters", "--output", "json"]).run().ok().stdout;
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    let all = list.as_array().unwrap();
    let found = all.iter().find(|one| one["name"] == cluster.name.as_str()).unwrap();
    let address: IpAddr = found["service_address"].as_str().unwrap().parse().unwrap();
    assert!(address.is_loopback(), "{address}");
    address
}

/// The address in a Service's status, once it has one.
#[track_caller]
fn ingress(inside: &Inside, name: &str) -> String {
    let start = Instant::now();
    loop {
        let service = inside.service(name);
        if let Some(address) = status(&service) {
            return address;
        }
        assert!(start.elapsed() < LIMIT, "{:?}: {:?}", service.status, inside.events(name));
        std::thread::sleep(POLL);
    }
}

fn status(service: &Service) -> Option<String> {
    let balancer = service.status.as_ref()?.load_balancer.as_ref()?;
    balancer.ingress.as_ref()?.first()?.ip.clone()
}

#[track_caller]
fn until_it_answers(address: IpAddr, port: u16) {
    let address = SocketAddr::new(address, port);
    let start = Instant::now();
    loop {
        let mut text = String::new();
        let answer = TcpStream::connect_timeout(&address, Duration::from_secs(2))
            .and_then(|stream| {
                stream.set_read_timeout(Some(Duration::from_secs(2))).map(|()| stream)
            })
            .and_then(|mut stream| stream.read_to_string(&mut text));
        if answer.is_ok() && text == "from-inside\n" {
            return;
        }
        assert!(start.elapsed() < LIMIT, "{address}: {answer:?}: {text:?}");
        std::thread::sleep(POLL);
    }
}

#[track_caller]
fn until_it_answers_by_udp(address: IpAddr, port: u16) {
    let socket = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let start = Instant::now();
    let mut answer = [0; 16];
    loop {
        socket.send_to(b"?", (address, port)).unwrap();
        match socket.recv(&mut answer) {
            Ok(length) if answer[..length] == *b"from-inside\n" => return,
            other => assert!(start.elapsed() < LIMIT, "{address}:{port}: {other:?}"),
        }
    }
}

#[track_caller]
fn until_it_is_said(inside: &Inside, name: &str, words: &str) {
    let start = Instant::now();
    loop {
        let said = inside.events(name);
        if said.iter().any(|text| text.contains(words)) {
            return;
        }
        assert!(start.elapsed() < LIMIT, "{said:?}");
        std::thread::sleep(POLL);
    }
}
