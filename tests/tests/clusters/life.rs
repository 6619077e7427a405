//! The life of one cluster, from creation to deletion.

use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use kipod_e2e::{
    Checks, ClusterClient, Kipod, NODE_IMAGE, TestCluster, TestImage, podman, wait_until,
};

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn cluster_works_and_delete_leaves_nothing() {
    let cluster = TestCluster::create("life");
    let mut checks = Checks::new();
    let (c, api) = (&cluster, &cluster.client());
    checks.check("nodes and pods are ready", || check_ready(c, api));
    checks.check("clients wait for the API server", || check_clients_waited(c));
    checks.check("get clusters", || check_get_clusters(c));
    checks.check("get nodes", || check_get_nodes(c));
    checks.check("kubeconfigs", || check_kubeconfigs(c));
    checks.check("a Service replies at its DNS names", || check_service_names(api));
    checks.check("node and pods reach the host by name", || check_host_name(c, api));
    checks.check("internal kubeconfig", || check_internal_kubeconfig(c));
    checks.check("a pod runs a host image", || check_host_image(api));
    checks.check("pods have the rights of other runtimes", || check_rights(api));
    checks.check("host ports are reachable inside the node", || check_host_port(c, api));
    checks.check("unused Service addresses are dropped", || check_unused_service_address(c, api));
    checks.check("a host image without a tag is not pulled", || check_untagged_image(api));
    checks.check("a user namespace is refused", || check_user_namespace(api));
    checks.check("load balancers may use the node", || check_load_balancer_label(c));
    checks.check("held images stay", || check_held_image(c, api));
    checks.check("a volume outlives its pod", || check_volume(api));
    checks.check("logs and exec of pods", || check_logs_and_exec(api));
    checks.check("exec in a node", || check_node_exec(c));
    checks.check("export logs", || check_export_logs(c));
    checks.check("create refuses the name", || check_used_name(c));
    checks.check("restart of the node", || check_restart(c, api));
    checks.check("delete", || check_delete(c));
    checks.finish();
}

fn check_ready(cluster: &TestCluster, client: &ClusterClient) {
    assert_eq!(client.nodes().unwrap(), [(cluster.control_plane(), true)]);
    client.wait_ready();
}

/// Checks that kube-scheduler, which starts before the API server is ready, had to repeat no request, and
/// that connections are no longer redirected.
fn check_clients_waited(cluster: &TestCluster) {
    let running = "crictl logs $(crictl ps --quiet --name kube-scheduler) 2>&1";
    let log = cluster.exec(running);
    let failed = ["forbidden", "connection refused", "TLS handshake timeout"];
    assert!(!failed.iter().any(|text| log.contains(text)), "{log}");
    let tables = cluster.exec("nft list tables");
    assert!(!tables.contains("kipod-hold"), "{tables}");
    let errors = cluster.exec("journalctl --unit kipod-hold --output cat --no-pager");
    assert!(!errors.contains("not held"), "{errors}");
}

fn check_get_clusters(cluster: &TestCluster) {
    let text = Kipod::new(["get", "clusters"]).run().success().stdout;
    let row = text.lines().find(|line| line.split_whitespace().next() == Some(&cluster.name));
    let row = row.unwrap_or_else(|| panic!("{text}"));
    assert_eq!(row.split_whitespace().nth(1), Some("running"), "{row}");
    let json = Kipod::new(["get", "clusters", "--output", "json"]).run().success().json();
    let all = json.as_array().unwrap();
    let ours = all.iter().find(|one| one["name"] == cluster.name.as_str()).unwrap();
    assert_eq!(ours["state"], "running");
    assert!(ours["kubernetes_version"].as_str().unwrap().starts_with("v1."), "{ours}");
    assert_eq!((&ours["control_planes"], &ours["workers"]), (&1.into(), &0.into()), "{ours}");
    let config = std::fs::read_to_string(cluster.kubeconfig()).unwrap();
    assert!(config.contains(&format!("https://127.0.0.1:{}", ours["api_port"])), "{config}");
    let wide = Kipod::new(["get", "clusters", "-o", "wide"]).run().success().stdout;
    let row = wide.lines().find(|line| line.split_whitespace().next() == Some(&cluster.name));
    let row = row.unwrap_or_else(|| panic!("{wide}"));
    assert!(row.contains(&format!("127.0.0.1:{}", ours["api_port"])), "{wide}");
    assert!(row.contains("10.244.0.0/16") && row.contains("10.96.0.0/16"), "{wide}");
    let names = Kipod::new(["get", "clusters", "-o", "name"]).run().success().stdout;
    assert!(names.lines().any(|line| line == cluster.name), "{names}");
}

fn check_get_nodes(cluster: &TestCluster) {
    let json = cluster.kipod(&["get", "nodes", &cluster.name, "-o", "json"]).run().success().json();
    let [node] = json.as_array().unwrap().as_slice() else { panic!("{json}") };
    assert_eq!(node["name"], cluster.control_plane().as_str());
    assert_eq!(node["cluster"], cluster.name.as_str());
    assert_eq!(node["role"], "control-plane");
    assert_eq!(node["state"], "running");
    let text = cluster.kipod(&["get", "nodes", "--all-clusters"]).run().success().stdout;
    assert!(text.lines().any(|line| line.starts_with(&cluster.control_plane())), "{text}");
    let names =
        cluster.kipod(&["get", "nodes", &cluster.name, "-o", "name"]).run().success().stdout;
    assert_eq!(names, format!("{}\n", cluster.control_plane()));
    // The list agrees with Podman.
    let inspect = |format: &str| podman(&["inspect", "--format", format, &cluster.control_plane()]);
    let address = inspect("{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}");
    assert_eq!(node["addresses"], serde_json::json!([address]));
    assert_eq!(node["container_id"], inspect("{{.Id}}").as_str());
    assert_eq!(node["pod_subnets"], serde_json::json!(["10.244.0.0/24"]));
    let wide = cluster.kipod(&["get", "nodes", &cluster.name, "-o", "wide"]).run().success().stdout;
    let row: Vec<&str> = wide.lines().nth(1).unwrap().split_whitespace().collect();
    let id = &inspect("{{.Id}}")[..12];
    let version = node["kubernetes_version"].as_str().unwrap();
    let image = node["image"].as_str().unwrap();
    let (name, owner) = (cluster.control_plane(), cluster.name.as_str());
    let expected =
        [&name, "control-plane", "running", version, owner, &address, "10.244.0.0/24", id, image];
    assert_eq!(row, expected, "{wide}");
    assert!(image.starts_with("localhost/kipod-node:"), "{image}");
}

/// Compares the printed, the merged and the exported kubeconfig.
fn check_kubeconfigs(cluster: &TestCluster) {
    let mode = |path: &Path| {
        use std::os::unix::fs::PermissionsExt;
        path.metadata().unwrap().permissions().mode() & 0o777
    };
    assert_eq!(mode(&cluster.kubeconfig()), 0o600);
    let printed = cluster.kipod(&["get", "kubeconfig", &cluster.name]).run().success().stdout;
    let context = format!("current-context: kipod-{}", cluster.name);
    assert!(printed.contains(&context), "{printed}");
    let merged = std::fs::read_to_string(cluster.kubeconfig()).unwrap();
    assert!(merged.contains(&context), "{merged}");

    let other = temporary_file("apiVersion: v1\nkind: Config\nclusters: []\n# mine\nusers: []\n");
    let file = other.path().to_str().unwrap();
    let args = ["export", "kubeconfig", &cluster.name, "--kubeconfig", file];
    cluster.kipod(&args).run().success();
    let exported = std::fs::read_to_string(other.path()).unwrap();
    assert!(exported.contains(&context) && exported.contains("# mine"), "{exported}");
    // `check_delete` verifies that the deletion removes the context from the exported file.
    std::fs::write(cluster.kubeconfig().with_file_name("exported"), file).unwrap();
    other.keep().unwrap();
}

fn temporary_file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

fn check_service_names(client: &ClusterClient) {
    client.create_server("web", "it-is-served");
    let script = "for name in web web.default.svc.cluster.local; do
        until [ \"$(timeout 5 socat -T5 - TCP:$name:80 </dev/null 2>/dev/null)\" = it-is-served ]; do
            sleep 0.2
        done
        echo $name
    done";
    client.run_pod("client", NODE_IMAGE, script);
    assert_eq!(client.wait_pod_completed("client"), "web\nweb.default.svc.cluster.local\n");
}

/// Serves a text on all addresses of the host, and reads it in the node and in a pod.
fn check_host_name(cluster: &TestCluster, client: &ClusterClient) {
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = stream.and_then(|mut stream| stream.write_all(b"of-the-host"));
        }
    });
    if !cluster.exec("cat /etc/hosts").contains("host.containers.internal") {
        // This Podman knows no address of the host.
        assert!(!cluster.exec("getent hosts host.kipod.internal || true").contains("172."));
        return;
    }
    let read = format!("timeout 5 socat -T5 - TCP:host.kipod.internal:{port} </dev/null");
    assert_eq!(cluster.exec(&read), "of-the-host");
    let script = format!("until [ \"$({read})\" = of-the-host ]; do sleep 0.2; done; echo read");
    client.run_pod("host-client", NODE_IMAGE, &script);
    assert_eq!(client.wait_pod_completed("host-client"), "read\n");
    client.delete_pod("host-client");
}

/// Queries the API server from another container of the user.
fn check_internal_kubeconfig(cluster: &TestCluster) {
    let args = ["get", "kubeconfig", &cluster.name, "--internal"];
    let file = temporary_file(&cluster.kipod(&args).run().success().stdout);
    let nodes = podman(&[
        "run",
        "--rm",
        "--network",
        &format!("kipod-{}", cluster.name),
        "--volume",
        &format!("{}:/kubeconfig:ro,z", file.path().display()),
        NODE_IMAGE,
        "kubectl",
        "--kubeconfig=/kubeconfig",
        "get",
        "nodes",
        "--output=name",
    ]);
    assert_eq!(nodes.trim(), format!("node/{}", cluster.control_plane()));
}

fn check_host_image(client: &ClusterClient) {
    let image = TestImage::build("built", "forty-two");
    client.run_pod("built", &image.reference, "cat /answer");
    assert_eq!(client.wait_pod_completed("built"), "forty-two");
    client.delete_pod("built");
}

fn check_rights(client: &ClusterClient) {
    let listen = "socat TCP-LISTEN:80 /dev/null 2>/dev/null & sleep 0.5; kill $! && echo listens";
    // A socket for ICMP echo requests, without capabilities.
    let ping = "perl -e 'socket(S, 2, 2, 1) or die $!; print qq(pings\\n)'";
    client.run_pod_as("unprivileged", 1000, &format!("{listen}; {ping}"));
    assert_eq!(client.wait_pod_completed("unprivileged"), "listens\npings\n");
    client.run_pod("privileges", NODE_IMAGE, "chroot / echo chroot");
    assert_eq!(client.wait_pod_completed("privileges"), "chroot\n");
}

fn check_host_port(cluster: &TestCluster, client: &ClusterClient) {
    client.run_host_port_pod("host-port", 8088, "it-is-served");
    client.wait_pod_ready("host-port");
    let node = cluster.kubectl("get pod host-port -o jsonpath={.status.hostIP}");
    let reply = client.connect_from("host-port", &format!("{node}:8088"));
    assert_eq!(reply, "it-is-served\n", "from the pod itself");
    let reply = cluster.exec("timeout 5 socat -T5 - TCP:127.0.0.1:8088 </dev/null");
    assert_eq!(reply, "it-is-served\n", "from the node");
    client.delete_pod("host-port");
}

fn check_unused_service_address(cluster: &TestCluster, client: &ClusterClient) {
    client.run_sleeping_pod("shell");
    client.wait_pod_ready("shell");
    let connect = "timeout 1 socat - TCP:10.96.200.200:80 </dev/null || echo failed";
    assert_eq!(client.exec("shell", &["sh", "-c", connect]), "failed\n");
    // A packet that leaves the node is tracked.
    let tracked = cluster.exec("conntrack -L -d 10.96.200.200 2>/dev/null || true");
    assert_eq!(tracked, "");
    client.delete_pod("shell");
}

fn check_untagged_image(client: &ClusterClient) {
    let untagged = NODE_IMAGE.trim_end_matches(":latest");
    client.run_default_policy_pod("untagged", untagged, "echo runs");
    assert_eq!(client.wait_pod_completed("untagged"), "runs\n");
}

fn check_user_namespace(client: &ClusterClient) {
    client.run_pod_in_user_namespace("userns");
    wait_until("an event about the pod", Duration::from_secs(60), || {
        let events = client.events("userns");
        events.iter().any(|event| event.contains("does not support user namespaces"))
    });
    client.delete_pod("userns");
}

fn check_load_balancer_label(cluster: &TestCluster) {
    let labels = cluster.kubectl("get nodes -o jsonpath={.items[*].metadata.labels}");
    assert!(!labels.contains("exclude-from-external-load-balancers"), "{labels}");
}

/// Removes an image from the host while a pod uses it.
fn check_held_image(cluster: &TestCluster, client: &ClusterClient) {
    let image = TestImage::build("held", "forty-two");
    let id = podman(&["image", "inspect", "--format", "{{.Id}}", &image.reference]);
    cluster.kipod(&["load", "image", &image.reference, "--name", &cluster.name]).run().success();
    client.run_pod("held", &image.reference, "sleep 5; cat /answer");
    client.wait_pod_ready("held");
    podman(&["rmi", "--force", &image.reference]);
    assert_eq!(client.wait_pod_completed("held"), "forty-two");
    let holder = format!("{}-holds-image-{}", cluster.name, &id[..12]);
    let filter = format!("name={holder}");
    let names = podman(&["ps", "--all", "--filter", &filter, "--format", "{{.Names}}"]);
    assert_eq!(names, holder);
    let nodes =
        cluster.kipod(&["get", "nodes", &cluster.name, "-o", "name"]).run().success().stdout;
    assert_eq!(nodes, format!("{}\n", cluster.control_plane()));
    client.delete_pod("held");
    podman(&["rmi", "--force", &id]);
}

fn check_volume(client: &ClusterClient) {
    client.create_volume_claim("data");
    client.run_pod_with_volume("writer", "data", "echo kept >/volume/file");
    client.wait_pod_completed("writer");
    client.delete_pod("writer");
    client.run_pod_with_volume("reader", "data", "cat /volume/file");
    assert_eq!(client.wait_pod_completed("reader"), "kept\n");
    client.delete_pod("reader");
}

fn check_logs_and_exec(client: &ClusterClient) {
    client.run_sleeping_pod("shell");
    client.wait_pod_ready("shell");
    assert_eq!(client.pod_log("shell"), "started\n");
    assert_eq!(client.exec("shell", &["echo", "a  b"]), "a  b\n");
    assert_eq!(client.exec("shell", &["cat", "/proc/1/comm"]), "sleep\n");
}

fn check_node_exec(cluster: &TestCluster) {
    let exec = |args: &[&str]| {
        cluster.kipod(&[&["exec", "--name", cluster.name.as_str()], args].concat()).run()
    };
    assert_eq!(exec(&["hostname"]).success().stdout.trim(), cluster.control_plane());
    assert_eq!(exec(&["sh", "-c", "exit 7"]).code(), Some(7));
    assert_eq!(exec(&["systemctl", "is-active", "crio"]).success().stdout.trim(), "active");
    let args = ["exec", "--name", &cluster.name, "--node", "nope", "true"];
    assert_ne!(cluster.kipod(&args).run().code(), Some(0));
}

fn check_export_logs(cluster: &TestCluster) {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("logs");
    let args = ["export", "logs", "--name", &cluster.name, target.to_str().unwrap()];
    let output = cluster.kipod(&args).run().success();
    assert_eq!(output.stdout.trim(), target.to_str().unwrap());
    let node = target.join(cluster.control_plane());
    let version = podman(&["version", "--format", "{{.Client.Version}}"]);
    for (file, text) in [
        (target.join("kipod-version.txt"), "kipod "),
        (target.join("podman-info.txt"), version.as_str()),
        (node.join("inspect.json"), cluster.name.as_str()),
        // systemd prints nothing without a terminal.
        (node.join("serial.log"), ""),
        (node.join("kubernetes-version.txt"), "v1."),
        (node.join("phases.log"), "kubeadm-finished"),
        (node.join("journal.log"), "Started"),
        (node.join("kubelet.log"), "kubelet"),
        (node.join("crio.log"), "CRI-O"),
        (node.join("kubeadm.log"), "control-plane"),
        (node.join("images.log"), "kube-apiserver"),
        (node.join("containers.txt"), "coredns"),
        (node.join("units.txt"), "crio.service"),
        (node.join("addresses.txt"), "127.0.0.1"),
        (node.join("routes.txt"), "10.244.0"),
        (node.join("mounts.txt"), "/var"),
    ] {
        let (file, content) = (file.display(), std::fs::read_to_string(&file));
        let content = content.unwrap_or_else(|error| panic!("{file}: {error}: {output}"));
        assert!(content.contains(text), "{text} in {file}:\n{content}");
    }
    // The layout of kubelet: a directory for each pod, and a file for each container.
    for (dir, prefix) in [
        ("pods", "kube-system_etcd-"),
        ("containers", &format!("etcd-{}_", cluster.control_plane())),
    ] {
        let found = std::fs::read_dir(node.join(dir)).unwrap().flatten();
        let found: Vec<_> = found.map(|one| one.file_name().into_string().unwrap()).collect();
        assert!(found.iter().any(|one| one.starts_with(prefix)), "{dir}: {found:?}");
    }
    assert!(!node.join("journal").exists(), "the binary journal was exported");
    let script = r#"sed -n 's/.*"token": "\(.*\)".*/\1/p' /var/lib/kipod/kubeadm/init.yaml"#;
    let token = cluster.exec(script);
    assert_eq!(token.trim().len(), 23, "a bootstrap token");
    assert_no_secrets(
        &target,
        &["PRIVATE KEY", "client-key-data", "certificate-key", token.trim()],
    );
}

/// Fails the test if an exported file contains a key or token.
fn assert_no_secrets(dir: &Path, secrets: &[&str]) {
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            assert_no_secrets(&path, secrets);
        } else {
            let bytes = std::fs::read(&path).unwrap();
            let text = String::from_utf8_lossy(&bytes);
            for secret in secrets {
                assert!(!text.contains(secret), "`{secret}` in {}", path.display());
            }
        }
    }
}

fn check_used_name(cluster: &TestCluster) {
    let output = cluster.creation().run().failure(1);
    let text = format!("error: cluster `{}` already exists\nhint: use it", cluster.name);
    output.stderr_contains(&[&text]);
    // The existing cluster is intact.
    assert!(cluster.client().nodes().unwrap()[0].1);
}

fn check_restart(cluster: &TestCluster, client: &ClusterClient) {
    let old = client.running_containers().unwrap();
    assert!(old.len() >= 7, "{old:?}");
    podman(&["restart", "--time", "10", &cluster.control_plane()]);
    client.wait_ready_without(&old);
    let journal =
        podman(&["exec", &cluster.control_plane(), "journalctl", "--no-pager", "--output=cat"]);
    assert!(journal.contains("Received SIGRTMIN+3"), "the journal does not contain the stop");
    // dbus-broker must survive SIGRTMIN+3, which the end of a user session sends to each process of a
    // node: without the bus, the node does not shut down. The bus is started on demand.
    podman(&["exec", &cluster.control_plane(), "systemctl", "start", "dbus.service"]);
    let bus = || podman(&["exec", &cluster.control_plane(), "pgrep", "dbus-broker"]);
    let before = bus();
    assert_eq!(before.lines().count(), 2, "{before}");
    podman(&["exec", &cluster.control_plane(), "pkill", "--signal=37", "dbus-broker"]);
    assert_eq!(bus(), before, "the bus was restarted");
    let script = "until [ \"$(timeout 5 socat -T5 - TCP:web:80 </dev/null)\" = it-is-served ]; do
        sleep 0.2
    done";
    client.run_pod("client-again", NODE_IMAGE, script);
    client.wait_pod_completed("client-again");
    client.wait_pod_ready("shell");
    assert_eq!(client.exec("shell", &["echo", "again"]), "again\n");
    // The kubeconfig is still valid.
    assert!(cluster.client().nodes().unwrap()[0].1);
}

fn check_delete(cluster: &TestCluster) {
    let exported = std::fs::read_to_string(cluster.kubeconfig().with_file_name("exported"));
    let leftovers = cluster.leftovers();
    assert!(!leftovers.find().is_empty(), "the search finds nothing of an existing cluster");
    let name = &cluster.name;
    cluster.deletion().run().success().stderr_contains(&[&format!("cluster `{name}` deleted")]);
    leftovers.assert_none();
    if let Ok(path) = exported {
        let left = std::fs::read_to_string(&path).unwrap();
        assert!(!left.contains(name) && left.contains("# mine"), "{left}");
        std::fs::remove_file(path).unwrap();
    }
    cluster.deletion().run().success().stderr_contains(&[&format!("cluster `{name}` not found")]);
    let quiet = cluster.kipod(&["--quiet", "delete", "cluster", name]).run().success();
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
    cluster
        .kipod(&["get", "kubeconfig", name])
        .run()
        .failure(1)
        .stderr_contains(&[&format!("cluster `{name}` not found")]);
    cluster
        .kipod(&["export", "logs", "--name", name])
        .run()
        .failure(1)
        .stderr_contains(&["has no nodes"]);
}
