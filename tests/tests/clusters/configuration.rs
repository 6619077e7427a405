//! The effects of configuration files.

use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use kipod_e2e::{Checks, TestCluster};

/// A configuration file in kind's format. The test replaces `{dir}` and `{port}`.
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
    node-role.kubernetes.io/front: ""
  extraMounts:
  - hostPath: {dir}
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
  - |
    apiVersion: kubeadm.k8s.io/v1beta4
    kind: ClusterConfiguration
    apiServer:
      timeoutForControlPlane: 4m0s
      extraArgs:
      - name: service-account-issuer
        value: https://kubernetes.default.svc.cluster.local
      - name: service-account-issuer
        value: https://earlier.example.com
"#;

/// Fields of kipod's format that kind's format does not have.
const MORE: &str = r#"
crio:
  dropIns:
    10-log.conf: |
      [crio.runtime]
      log_level = "debug"
proxy:
  httpsProxy: http://me:secret@proxy.invalid:3128
  noProxy: [.example.com]
caCertificates: [{ca}]
"#;

/// A certificate authority. Its key is not kept.
const CA: &str = include_str!("ca.pem");

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn create_applies_a_configuration_file() {
    kipod_e2e::ensure_node_image();
    let cluster = TestCluster::new("config");
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("file"), "of the host").unwrap();
    let port = free_port();
    let kind = dir.path().join("kind.yaml");
    let text = KIND.replace("{dir}", dir.path().to_str().unwrap());
    std::fs::write(&kind, text.replace("{port}", &port.to_string())).unwrap();
    let migration = cluster.kipod(&["config", "migrate", kind.to_str().unwrap()]);
    let migrated = migration.run().success().stdout;
    let ca = dir.path().join("ca.pem");
    std::fs::write(&ca, CA).unwrap();
    let more = MORE.replace("{ca}", ca.to_str().unwrap());
    let output = cluster.creation_from(&(migrated + &more)).run().success();
    output.stderr_contains(&["warning: kubeadm on node", "timeoutForControlPlane"]);

    let mut checks = Checks::new();
    let c = &cluster;
    checks.check("node label", || {
        let nodes = c.kubectl("get nodes -l tier=front -o name");
        assert_eq!(nodes.trim(), format!("node/{}", c.control_plane()));
        let roles = c.kubectl("get nodes -l node-role.kubernetes.io/front -o name");
        assert_eq!(roles, nodes);
    });
    checks.check("read-only mount", || check_read_only_mount(c, dir.path()));
    checks.check("port mapping", || check_port_mapping(c, port));
    checks.check("patch of the cluster", || {
        assert_eq!(c.kubectl("get node -o jsonpath={.items[0].status.capacity.pods}"), "33");
    });
    checks.check("patch of the node, feature gate", || {
        let apiserver = c.exec("tr '\\0' ' ' </proc/$(pidof kube-apiserver)/cmdline");
        assert!(apiserver.contains("--profiling=false"), "{apiserver}");
        for issuer in
            ["https://kubernetes.default.svc.cluster.local", "https://earlier.example.com"]
        {
            let argument = format!("--service-account-issuer={issuer} ");
            assert!(apiserver.contains(&argument), "{apiserver}");
        }
        assert!(apiserver.contains("--feature-gates=AllAlpha=false"), "{apiserver}");
        let kubelet = c.exec("cat /var/lib/kubelet/config.yaml");
        assert!(kubelet.contains("AllAlpha: false"), "{kubelet}");
    });
    checks.check("kube-proxy mode", || {
        let proxy = c.exec("nft list table ip kube-proxy");
        assert!(proxy.contains("chain services"), "{proxy}");
    });
    checks.check("proxy", || check_proxy(c));
    checks.check("certificate authority", || {
        let names = "for file in /etc/ssl/certs/kipod.pem /etc/ssl/certs/ca-certificates.crt; do
            [ ! -e $file ] || grep -c UBtIuaDeryQ7kxfxyHLtBsZHdrhMw $file
        done";
        assert!(c.exec(names).lines().all(|count| count == "1"), "{}", c.exec(names));
    });
    checks.check("CRI-O drop-in", || {
        let config = c.exec("crio status config");
        assert!(config.contains("log_level = \"debug\""), "{config}");
    });
    checks.finish();
    cluster.delete_completely();
}

/// Returns a free port of the host.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Checks the environment of CRI-O, kubelet and the API server. That the cluster was created shows that
/// its own traffic does not use the proxy.
fn check_proxy(cluster: &TestCluster) {
    for program in ["crio", "kubelet", "kube-apiserver"] {
        let command = format!("tr '\\0' '\\n' </proc/$(pidof {program})/environ");
        let variables = cluster.exec(&command);
        for name in ["HTTPS_PROXY", "https_proxy"] {
            let expected = format!("{name}=http://me:secret@proxy.invalid:3128\n");
            assert!(variables.contains(&expected), "{program}: {variables}");
        }
        let direct = "NO_PROXY=.example.com,10.89.0.0/16,10.96.0.0/16,10.244.0.0/16,";
        assert!(variables.contains(direct), "{program}: {variables}");
        assert!(!variables.contains("HTTP_PROXY="), "{program}: {variables}");
    }
}

fn check_read_only_mount(cluster: &TestCluster, dir: &Path) {
    assert_eq!(cluster.exec("cat /shared/file"), "of the host");
    let args = ["exec", "--name", &cluster.name, "touch", "/shared/new"];
    let output = cluster.kipod(&args).run();
    assert_ne!(output.code(), Some(0), "{output}");
    assert!(!dir.join("new").exists());
}

/// Connects from the host to a pod by its host port.
fn check_port_mapping(cluster: &TestCluster, port: u16) {
    cluster.client().run_host_port_pod("published", 30080, "from-inside");
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let start = Instant::now();
    loop {
        let mut text = String::new();
        let reply = TcpStream::connect_timeout(&address, Duration::from_secs(2))
            .and_then(|mut stream| stream.read_to_string(&mut text));
        if reply.is_ok() && text == "from-inside\n" {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{reply:?}: {text:?}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn create_refuses_unusable_configuration() {
    kipod_e2e::ensure_node_image();
    let cluster = TestCluster::new("refused");
    let assert_refused = |status: i32, text: &str, errors: &[&str]| {
        let head = "kind: Cluster\napiVersion: kipod.io/v1alpha1\n";
        let output = cluster.creation_from(&format!("{head}{text}")).run();
        output.failure(status).stderr_contains(errors);
        cluster.assert_no_leftovers();
    };
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    assert_refused(
        1,
        &format!(
            "nodes:\n- extraMounts: [{{hostPath: /none/such, containerPath: /x}}]\n  extraPortMappings: [{{containerPort: 1, hostPort: {port}, listenAddress: 127.0.0.1}}]\n"
        ),
        &[
            "host resources unavailable:",
            "-control-plane-0`: `/none/such` cannot be mounted: No such file or directory",
            &format!("port {port} (TCP) of `127.0.0.1` cannot be published: "),
        ],
    );
    let dir = tempfile::tempdir().unwrap();
    let auth = dir.path().join("auth.json");
    std::fs::write(&auth, r#"{"credsStore": "pass", "auths": {"a.example": {}}}"#).unwrap();
    assert_refused(
        1,
        &format!("registryAuthFile: {}\n", auth.display()),
        &[
            "auth.json` has `credsStore`: nodes cannot run credential helpers of the host",
            "auth.json` has an invalid entry for `a.example`: it has no `auth`",
        ],
    );
    assert_refused(
        2,
        "kubeadmConfigPatchesJSON6902:\n- {kind: ClusterConfiguration, patch: '[{op: remove, path: /none}]'}\n",
        &[":4:3: kubeadmConfigPatchesJSON6902[0]: operation 1: unknown field `/none`"],
    );
}
