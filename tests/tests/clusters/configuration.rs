//! What configuration files ask for.

use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use kipod_e2e::{Checks, TestCluster};

/// A file of kind's format; `{folder}` and `{port}` are the test's own.
const KIND: &str = r#"kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
featureGates:
  AllAlpha: false
networking:
  kubeProxyMode: nftables
kubeadmConfigPatches:
- |
  kind: KubeletConfiguration
  maxPods: 33
nodes:
- role: control-plane
  labels:
    tier: front
  extraMounts:
  - hostPath: {folder}
    containerPath: /shared
    readOnly: true
  extraPortMappings:
  - containerPort: 30080
    hostPort: {port}
    listenAddress: 127.0.0.1
  kubeadmConfigPatches:
  - |
    kind: ClusterConfiguration
    apiServer:
      extraArgs:
        profiling: "false"
"#;

/// What only kipod's format has.
const MORE: &str = r#"
crio:
  dropIns:
    10-log.conf: |
      [crio.runtime]
      log_level = "debug"
"#;

/// A port of this machine that nobody has.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn what_a_file_asks_for_is_in_the_cluster() {
    kipod_e2e::ensure_node_image();
    let cluster = TestCluster::named("config");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "of the host").unwrap();
    let port = free_port();
    let kind = folder.path().join("kind.yaml");
    let text = KIND.replace("{folder}", folder.path().to_str().unwrap());
    std::fs::write(&kind, text.replace("{port}", &port.to_string())).unwrap();
    let migrated = cluster.kipod(&["config", "migrate", kind.to_str().unwrap()]).run().ok().stdout;
    let file = folder.path().join("kipod.yaml");
    std::fs::write(&file, migrated + MORE).unwrap();
    cluster.create_with(&["--config", file.to_str().unwrap()]).run().ok();

    let mut checks = Checks::new();
    let c = &cluster;
    checks.check("the node has its label", || {
        let nodes = kubectl(c, "get nodes -l tier=front -o name");
        assert_eq!(nodes.trim(), format!("node/{}", c.node()));
    });
    checks.check("the mount is there and cannot be written to", || the_mount(c, folder.path()));
    checks.check("the port answers", || the_port(c, port));
    checks.check("the cluster's patch", || {
        assert_eq!(kubectl(c, "get node -o jsonpath={.items[0].status.capacity.pods}"), "33");
    });
    checks.check("the node's patch, and the feature gate", || {
        let apiserver = inside(c, "tr '\\0' ' ' </proc/$(pidof kube-apiserver)/cmdline");
        assert!(apiserver.contains("--profiling=false"), "{apiserver}");
        assert!(apiserver.contains("--feature-gates=AllAlpha=false"), "{apiserver}");
        let kubelet = inside(c, "cat /var/lib/kubelet/config.yaml");
        assert!(kubelet.contains("AllAlpha: false"), "{kubelet}");
    });
    checks.check("kube-proxy's mode", || {
        let proxy = inside(c, "nft list table ip kube-proxy");
        assert!(proxy.contains("chain services"), "{proxy}");
    });
    checks.check("CRI-O's drop-in", || {
        let config = inside(c, "crio status config");
        assert!(config.contains("log_level = \"debug\""), "{config}");
    });
    checks.finish();
    cluster.delete().run().ok();
    cluster.assert_nothing_left();
}

fn inside(cluster: &TestCluster, script: &str) -> String {
    let words = ["exec", "--name", &cluster.name, "sh", "-c", script];
    cluster.kipod(&words).run().ok().stdout
}

fn kubectl(cluster: &TestCluster, words: &str) -> String {
    inside(cluster, &format!("kubectl --kubeconfig /etc/kubernetes/admin.conf {words}"))
}

fn the_mount(cluster: &TestCluster, folder: &Path) {
    assert_eq!(inside(cluster, "cat /shared/file"), "of the host");
    let words = ["exec", "--name", &cluster.name, "touch", "/shared/new"];
    let output = cluster.kipod(&words).run();
    assert_ne!(output.code(), Some(0), "{output}");
    assert!(!folder.join("new").exists());
}

/// Through the node's port to a pod, from this machine.
fn the_port(cluster: &TestCluster, port: u16) {
    cluster.inside().serve_on_node("published", 30080, "from-inside");
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let start = Instant::now();
    loop {
        let mut text = String::new();
        let answer = TcpStream::connect_timeout(&address, Duration::from_secs(2))
            .and_then(|mut stream| stream.read_to_string(&mut text));
        if answer.is_ok() && text == "from-inside\n" {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{answer:?}: {text:?}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn what_cannot_be_is_named_before_anything_starts() {
    kipod_e2e::ensure_node_image();
    let cluster = TestCluster::named("refused");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kipod.yaml");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let refused = |text: &str, words: &[&str]| {
        let head = "kind: Cluster\napiVersion: kipod.io/v1alpha1\n";
        std::fs::write(&file, format!("{head}{text}")).unwrap();
        let output = cluster.create_with(&["--config", file.to_str().unwrap()]).run();
        output.failed(1).said(words);
        cluster.assert_nothing_left();
    };
    refused(
        &format!(
            "nodes:\n- extraMounts: [{{hostPath: /none/such, containerPath: /x}}]\n  extraPortMappings: [{{containerPort: 1, hostPort: {port}, listenAddress: 127.0.0.1}}]\n"
        ),
        &[
            "this machine does not have what was asked for:",
            "-control-plane-0`: `/none/such` cannot be mounted: No such file or directory",
            &format!("port {port} (TCP) of `127.0.0.1` cannot be published: "),
        ],
    );
    let auth = folder.path().join("auth.json");
    std::fs::write(&auth, r#"{"credsStore": "pass", "auths": {"a.example": {}}}"#).unwrap();
    refused(
        &format!("registryAuthFile: {}\n", auth.display()),
        &[
            "auth.json` has `credsStore`: a credential helper is a program of this machine",
            "auth.json` has for `a.example` no `auth`",
        ],
    );
    refused(
        "kubeadmConfigPatchesJSON6902:\n- {kind: ClusterConfiguration, patch: '[{op: remove, path: /none}]'}\n",
        &[
            ":4:3: kubeadmConfigPatchesJSON6902[0]: it does not apply to ClusterConfiguration of node `",
            "operation 1 (`remove /none`): there is no such place in the document",
        ],
    );
}
