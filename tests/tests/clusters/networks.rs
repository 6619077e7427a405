//! How packets find their way: kube-proxy's modes, and a network of pods that is not kipod's.

use kipod_e2e::{Checks, NODE_IMAGE, TestCluster, ensure_node_image, report_missing};

/// A cluster with this below `networking:`, in kind's format.
fn create(purpose: &str, networking: &str, nodes: &str) -> (TestCluster, kipod_e2e::Output) {
    ensure_node_image();
    let cluster = TestCluster::named(purpose);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kind.yaml");
    let head = "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n";
    std::fs::write(&file, format!("{head}networking: {networking}\nnodes:\n{nodes}")).unwrap();
    let output = cluster.create_with(&["--config", file.to_str().unwrap()]).run();
    (cluster, output)
}

fn inside_node(cluster: &TestCluster, script: &str) -> String {
    let words = ["exec", "--name", &cluster.name, "sh", "-c", script];
    cluster.kipod(&words).run().ok().stdout
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn every_mode_of_kube_proxy_passes_on_what_is_sent_to_services() {
    for (mode, proof) in [
        ("iptables", "iptables-save -t nat | grep -c KUBE-SVC-"),
        ("nftables", "nft list table ip kube-proxy | grep -c service-"),
        ("ipvs", "test -s /proc/net/ip_vs && grep -c TCP /proc/net/ip_vs"),
    ] {
        let (cluster, output) = create("proxy", &format!("{{kubeProxyMode: {mode}}}"), "- {}\n");
        if mode == "ipvs" && !std::path::Path::new("/proc/net/ip_vs").exists() {
            output.failed(1).said(&[
                "error: this machine does not have what was asked for:",
                "kube-proxy's mode `ipvs` needs the kernel's module `ip_vs`",
            ]);
            cluster.assert_nothing_left();
            report_missing("kube-proxy's mode `ipvs`", "the kernel's module `ip_vs`");
            continue;
        }
        output.ok();
        let inside = cluster.inside();
        inside.serve("web", "it-is-served");
        inside.until_served("client", "web", "it-is-served");
        let rules: usize = inside_node(&cluster, proof).trim().parse().unwrap();
        assert!(rules > 0, "{mode}");
        let traces = cluster.traces();
        cluster.delete().run().ok();
        traces.assert_gone();
        println!("kube-proxy's mode `{mode}`: ok");
    }
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn without_kube_proxy_there_is_none() {
    let (cluster, output) = create("noproxy", "{kubeProxyMode: none}", "- {}\n");
    output.ok();
    let inside = cluster.inside();
    let kubectl = "kubectl --kubeconfig /etc/kubernetes/admin.conf";
    let found = inside_node(&cluster, &format!("{kubectl} get daemonsets -n kube-system -o name"));
    assert_eq!(found, "");
    // Pods reach each other and the API server by its own address: what takes the place of
    // kube-proxy finds it so.
    inside.stay("shell");
    inside.until_ready("shell");
    let script = "timeout 5 socat -T5 - TCP:172.31.255.1:6443 </dev/null && echo reached";
    assert_eq!(inside.exec("shell", &["sh", "-c", script]), "reached\n");
    let rules = inside_node(&cluster, "iptables-save -t nat | grep -c KUBE-SVC- || true");
    assert_eq!(rules.trim(), "0");
    let traces = cluster.traces();
    cluster.delete().run().ok();
    traces.assert_gone();
}

/// A network of pods as those that people install are: a DaemonSet puts a program and a configuration
/// where nodes look for them, and sees to the routes between nodes. It knows the parts of the pod subnet
/// and the addresses of nodes from the API server alone.
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
fn a_network_of_pods_that_is_not_kipods() {
    let (cluster, output) = create("cni", "{disableDefaultCNI: true}", "- {}\n- {role: worker}\n");
    output.ok().said(&["nodes will be ready once you have installed a network of pods"]);
    let inside = cluster.inside();
    let worker = format!("{}-worker-0", cluster.name);
    let mut checks = Checks::new();
    let (c, i) = (&cluster, &inside);
    checks.check("no node is Ready before there is one", || {
        assert_eq!(i.nodes().unwrap(), [(c.node(), false), (worker.clone(), false)]);
    });
    checks.check("it makes nodes Ready, and cluster DNS", || {
        let manifest = NETWORK.replace("{image}", NODE_IMAGE);
        let script = format!(
            "kubectl --kubeconfig /etc/kubernetes/admin.conf apply -f - <<'DONE'\n{manifest}\nDONE"
        );
        inside_node(c, &script);
        i.until_all_is_well();
    });
    checks.check("pods reach pods of another node", || {
        i.echo_on("one", &c.node());
        i.echo_on("other", &worker);
        i.assert_reach_each_other(["one", "other"]);
    });
    checks.check("it is there again after a restart", || {
        let old = i.containers().unwrap();
        c.kipod(&["stop", "cluster", &c.name]).run().ok();
        c.kipod(&["start", "cluster", &c.name]).run().ok();
        i.until_all_is_well_without(&old);
    });
    checks.check("a node that is added gets it too", || {
        c.kipod(&["node", "add", "--name", &c.name]).run().ok();
        i.until_all_is_well();
        assert_eq!(i.nodes().unwrap().len(), 3);
    });
    checks.check("delete", || {
        let traces = c.traces();
        c.delete().run().ok();
        traces.assert_gone();
    });
    checks.finish();
}
