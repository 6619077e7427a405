//! The modes of kube-proxy, and a custom CNI.

use kipod_e2e::{Checks, NODE_IMAGE, TestCluster, ensure_node_image};
use kipod_results::report_not_run;

/// Creates a cluster from a file in kind's format.
fn create(purpose: &str, networking: &str, nodes: &str) -> (TestCluster, kipod_e2e::Output) {
    ensure_node_image();
    let cluster = TestCluster::new(purpose);
    let head = "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n";
    let config = format!("{head}networking: {networking}\nnodes:\n{nodes}");
    let output = cluster.creation_from(&config).run();
    (cluster, output)
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn each_kube_proxy_mode_serves_services() {
    for (mode, count_rules) in [
        ("iptables", "iptables-save -t nat | grep -c KUBE-SVC-"),
        ("nftables", "nft list table ip kube-proxy | grep -c service-"),
        ("ipvs", "test -s /proc/net/ip_vs && grep -c TCP /proc/net/ip_vs"),
    ] {
        let (cluster, output) = create("proxy", &format!("{{kubeProxyMode: {mode}}}"), "- {}\n");
        if mode == "ipvs" && !std::path::Path::new("/proc/net/ip_vs").exists() {
            output.failure(1).stderr_contains(&[
                "error: host resources unavailable:",
                "kube-proxy's mode `ipvs` requires the kernel module `ip_vs`",
            ]);
            cluster.assert_no_leftovers();
            report_not_run(
                "clusters",
                "kube-proxy's mode `ipvs`",
                "needs the kernel module `ip_vs`",
            );
            continue;
        }
        output.success();
        let client = cluster.client();
        client.create_server("web", "it-is-served");
        client.assert_served("client", "web", "it-is-served");
        let rules: usize = cluster.exec(count_rules).trim().parse().unwrap();
        assert!(rules > 0, "{mode}");
        cluster.delete_completely();
        println!("kube-proxy's mode `{mode}`: ok");
    }
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn mode_none_installs_no_kube_proxy() {
    let (cluster, output) = create("noproxy", "{kubeProxyMode: none}", "- {}\n");
    output.success();
    let client = cluster.client();
    assert_eq!(cluster.kubectl("get daemonsets -n kube-system -o name"), "");
    // Pods reach the API server at its own address, which a replacement of kube-proxy needs.
    client.run_sleeping_pod("shell");
    client.wait_pod_ready("shell");
    let script = "timeout 5 socat -T5 - TCP:172.31.255.1:6443 </dev/null && echo reached";
    assert_eq!(client.exec("shell", &["sh", "-c", script]), "reached\n");
    let rules = cluster.exec("iptables-save -t nat | grep -c KUBE-SVC- || true");
    assert_eq!(rules.trim(), "0");
    cluster.delete_completely();
}

/// A CNI as users install one. A DaemonSet installs a plugin and its configuration on each node, and
/// maintains the routes between nodes. It reads pod CIDRs and node addresses from the API server only.
const NETWORK: &str = r#"
apiVersion: v1
kind: ServiceAccount
metadata: {name: net, namespace: kube-system}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: net}
rules:
- {apiGroups: [""], resources: [nodes], verbs: [get, list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: net}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: net}
subjects:
- {kind: ServiceAccount, name: net, namespace: kube-system}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: net, namespace: kube-system}
spec:
  selector: {matchLabels: {app: net}}
  template:
    metadata: {labels: {app: net}}
    spec:
      hostNetwork: true
      serviceAccountName: net
      terminationGracePeriodSeconds: 0
      tolerations: [{operator: Exists}]
      containers:
      - name: net
        image: {image}
        imagePullPolicy: Never
        securityContext: {privileged: true}
        env:
        - name: NODE
          valueFrom: {fieldRef: {fieldPath: spec.nodeName}}
        volumeMounts:
        - {name: bin, mountPath: /host/bin}
        - {name: net, mountPath: /host/net}
        command:
        - /bin/sh
        - -euc
        - |
          fields='{.metadata.name} {.spec.podCIDR} {.status.addresses[?(@.type=="InternalIP")].address}'
          nodes() { kubectl get nodes -o "jsonpath={range .items[*]}$fields{\"\\n\"}{end}"; }
          own() {
            nodes | while read -r name subnet address; do
              [ "$name" != "$NODE" ] || [ -z "$address" ] || echo "$subnet"
            done
          }
          until pods=$(own) && [ -n "$pods" ]; do sleep 0.5; done
          cp /opt/cni/bin/ptp /host/bin/e2e-link
          cat >/host/net/new <<END
          { "cniVersion": "1.0.0", "name": "e2e", "plugins": [
            { "type": "e2e-link", "ipMasq": false, "ipam": {
              "type": "host-local", "dataDir": "/run/e2e-ipam", "routes": [{ "dst": "0.0.0.0/0" }],
              "ranges": [[{ "subnet": "$pods" }]] } },
            { "type": "portmap", "capabilities": { "portMappings": true } }
          ] }
          END
          mv /host/net/new /host/net/10-e2e.conflist
          while sleep 1; do
            nodes | while read -r name subnet address; do
              [ "$name" = "$NODE" ] || [ -z "$address" ] || ip route replace "$subnet" via "$address"
            done
          done
      volumes:
      - {name: bin, hostPath: {path: /opt/cni/bin, type: DirectoryOrCreate}}
      - {name: net, hostPath: {path: /etc/cni/net.d, type: DirectoryOrCreate}}
"#;

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn custom_cni_connects_pods() {
    let (cluster, output) = create("cni", "{disableDefaultCNI: true}", "- {}\n- {role: worker}\n");
    output.success().stderr_contains(&["nodes become Ready once you install a CNI plugin"]);
    let client = cluster.client();
    let worker = cluster.worker(0);
    let mut checks = Checks::new();
    let c = &cluster;
    checks.check("no node is Ready without a CNI", || {
        assert_eq!(client.nodes().unwrap(), [(c.control_plane(), false), (worker.clone(), false)]);
    });
    checks.check("nodes and cluster DNS become ready", || {
        let manifest = NETWORK.replace("{image}", NODE_IMAGE);
        c.kubectl(&format!("apply -f - <<'DONE'\n{manifest}\nDONE"));
        client.wait_ready();
    });
    checks.check("pods reach pods on another node", || {
        client.run_echo_pod("one", &c.control_plane());
        client.run_echo_pod("other", &worker);
        client.assert_echo_pods_connected(["one", "other"]);
    });
    checks.check("a restarted cluster is ready", || {
        let old = client.running_containers().unwrap();
        c.kipod(&["stop", "cluster", &c.name]).run().success();
        c.kipod(&["start", "cluster", &c.name]).run().success();
        client.wait_ready_without(&old);
    });
    checks.check("an added node becomes ready", || {
        c.kipod(&["node", "add", "--name", &c.name]).run().success();
        client.wait_ready();
        assert_eq!(client.nodes().unwrap().len(), 3);
    });
    checks.check("delete", || c.delete_completely());
    checks.finish();
}
