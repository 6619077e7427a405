//! One cluster from its creation to its deletion.

use std::path::Path;

use kipod_e2e::{Checks, Inside, Kipod, NODE_IMAGE, TestCluster, TestImage, podman};

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn a_cluster_lives_and_leaves_nothing() {
    let cluster = TestCluster::created("life");
    let inside = cluster.inside();
    let mut checks = Checks::new();
    let (c, i) = (&cluster, &inside);
    checks.check("the node is Ready, and all pods are", || node_is_ready(c, i));
    checks.check("get clusters", || get_clusters(c));
    checks.check("get nodes", || get_nodes(c));
    checks.check("the kubeconfig", || kubeconfigs(c));
    checks.check("a Service answers by its DNS name", || service_by_name(i));
    checks.check("an image just built runs with no load", || image_with_no_load(i));
    checks.check("a volume outlives its pod", || volume(i));
    checks.check("logs and exec of pods", || logs_and_exec(i));
    checks.check("exec into the node", || exec_into_node(c));
    checks.check("export logs", || export_logs(c));
    checks.check("the name is in use", || name_in_use(c));
    checks.check("a restart of the node", || restart(c, i));
    checks.check("delete", || delete(c));
    checks.finish();
}

fn node_is_ready(cluster: &TestCluster, inside: &Inside) {
    assert_eq!(inside.nodes().unwrap(), [(cluster.node(), true)]);
    inside.until_all_is_well();
}

fn get_clusters(cluster: &TestCluster) {
    let text = Kipod::new(["get", "clusters"]).run().ok().stdout;
    let row = text.lines().find(|line| line.split_whitespace().next() == Some(&cluster.name));
    let row = row.unwrap_or_else(|| panic!("{text}"));
    assert_eq!(row.split_whitespace().nth(1), Some("created"), "{row}");
    let json = Kipod::new(["get", "clusters", "--output", "json"]).run().ok().json();
    let all = json.as_array().unwrap();
    let ours = all.iter().find(|one| one["name"] == cluster.name.as_str()).unwrap();
    assert_eq!(ours["state"], "created");
    assert!(ours["kubernetes_version"].as_str().unwrap().starts_with("v1."), "{ours}");
    assert_eq!((&ours["control_planes"], &ours["workers"]), (&1.into(), &0.into()), "{ours}");
    let config = std::fs::read_to_string(cluster.kubeconfig()).unwrap();
    assert!(config.contains(&format!("https://127.0.0.1:{}", ours["api_port"])), "{config}");
    let wide = Kipod::new(["get", "clusters", "-o", "wide"]).run().ok().stdout;
    let row = wide.lines().find(|line| line.split_whitespace().next() == Some(&cluster.name));
    let row = row.unwrap_or_else(|| panic!("{wide}"));
    assert!(row.contains(&format!("127.0.0.1:{}", ours["api_port"])), "{wide}");
    assert!(row.contains("10.244.0.0/16") && row.contains("10.96.0.0/16"), "{wide}");
    let names = Kipod::new(["get", "clusters", "-o", "name"]).run().ok().stdout;
    assert!(names.lines().any(|line| line == cluster.name), "{names}");
}

fn get_nodes(cluster: &TestCluster) {
    let json = cluster.kipod(&["get", "nodes", &cluster.name, "-o", "json"]).run().ok().json();
    let [node] = json.as_array().unwrap().as_slice() else { panic!("{json}") };
    assert_eq!(node["name"], cluster.node().as_str());
    assert_eq!(node["cluster"], cluster.name.as_str());
    assert_eq!(node["role"], "control-plane");
    assert_eq!(node["state"], "running");
    let text = cluster.kipod(&["get", "nodes", "--all-clusters"]).run().ok().stdout;
    assert!(text.lines().any(|line| line.starts_with(&cluster.node())), "{text}");
    let names = cluster.kipod(&["get", "nodes", &cluster.name, "-o", "name"]).run().ok().stdout;
    assert_eq!(names, format!("{}\n", cluster.node()));
    // What is listed is what Podman says.
    let inspect = |format: &str| podman(&["inspect", "--format", format, &cluster.node()]);
    let address = inspect("{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}");
    assert_eq!(node["addresses"], serde_json::json!([address]));
    assert_eq!(node["container_id"], inspect("{{.Id}}").as_str());
    assert_eq!(node["pod_subnets"], serde_json::json!(["10.244.0.0/24"]));
    let wide = cluster.kipod(&["get", "nodes", &cluster.name, "-o", "wide"]).run().ok().stdout;
    let row: Vec<&str> = wide.lines().nth(1).unwrap().split_whitespace().collect();
    let id = &inspect("{{.Id}}")[..12];
    let version = node["kubernetes_version"].as_str().unwrap();
    let image = node["image"].as_str().unwrap();
    let (name, owner) = (cluster.node(), cluster.name.as_str());
    let expected =
        [&name, "control-plane", "running", version, owner, &address, "10.244.0.0/24", id, image];
    assert_eq!(row, expected, "{wide}");
    assert!(image.starts_with("localhost/kipod-node:"), "{image}");
}

/// The one that is printed, the one that was merged, and one that is exported are the same.
fn kubeconfigs(cluster: &TestCluster) {
    let mode = |path: &Path| {
        use std::os::unix::fs::PermissionsExt;
        path.metadata().unwrap().permissions().mode() & 0o777
    };
    assert_eq!(mode(&cluster.kubeconfig()), 0o600);
    let printed = cluster.kipod(&["get", "kubeconfig", &cluster.name]).run().ok().stdout;
    let context = format!("current-context: kipod-{}", cluster.name);
    assert!(printed.contains(&context), "{printed}");
    let merged = std::fs::read_to_string(cluster.kubeconfig()).unwrap();
    assert!(merged.contains(&context), "{merged}");

    let other = tempfile_with("apiVersion: v1\nkind: Config\nclusters: []\n# mine\nusers: []\n");
    let file = other.path().to_str().unwrap();
    let words = ["export", "kubeconfig", &cluster.name, "--kubeconfig", file];
    cluster.kipod(&words).run().ok();
    let exported = std::fs::read_to_string(other.path()).unwrap();
    assert!(exported.contains(&context) && exported.contains("# mine"), "{exported}");
    // What was exported is taken out again with the cluster: `delete` looks at this one.
    std::fs::write(cluster.kubeconfig().with_file_name("exported"), file).unwrap();
    other.keep().unwrap();
}

fn tempfile_with(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

fn service_by_name(inside: &Inside) {
    inside.serve("web", "it-is-served");
    let script = "for name in web web.default.svc.cluster.local; do
        until [ \"$(timeout 5 socat -T5 - TCP:$name:80 </dev/null 2>/dev/null)\" = it-is-served ]; do
            sleep 0.2
        done
        echo $name
    done";
    inside.run("client", NODE_IMAGE, script);
    assert_eq!(inside.log_at_end("client"), "web\nweb.default.svc.cluster.local\n");
}

fn image_with_no_load(inside: &Inside) {
    let image = TestImage::build("built", "forty-two");
    inside.run("built", &image.reference, "cat /answer");
    assert_eq!(inside.log_at_end("built"), "forty-two");
    inside.delete("built");
}

fn volume(inside: &Inside) {
    inside.claim("data");
    inside.run_with_volume("writer", "data", "echo kept >/volume/file");
    inside.log_at_end("writer");
    inside.delete("writer");
    inside.run_with_volume("reader", "data", "cat /volume/file");
    assert_eq!(inside.log_at_end("reader"), "kept\n");
    inside.delete("reader");
}

fn logs_and_exec(inside: &Inside) {
    inside.stay("shell");
    inside.until_ready("shell");
    assert_eq!(inside.log("shell"), "started\n");
    assert_eq!(inside.exec("shell", &["echo", "a  b"]), "a  b\n");
    assert_eq!(inside.exec("shell", &["cat", "/proc/1/comm"]), "sleep\n");
}

fn exec_into_node(cluster: &TestCluster) {
    let exec = |words: &[&str]| {
        cluster.kipod(&[&["exec", "--name", cluster.name.as_str()], words].concat()).run()
    };
    assert_eq!(exec(&["hostname"]).ok().stdout.trim(), cluster.node());
    assert_eq!(exec(&["sh", "-c", "exit 7"]).code(), Some(7));
    assert_eq!(exec(&["systemctl", "is-active", "crio"]).ok().stdout.trim(), "active");
    let words = ["exec", "--name", &cluster.name, "--node", "nope", "true"];
    assert_ne!(cluster.kipod(&words).run().code(), Some(0));
}

fn export_logs(cluster: &TestCluster) {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("logs");
    let words = ["export", "logs", "--name", &cluster.name, target.to_str().unwrap()];
    let output = cluster.kipod(&words).run().ok();
    assert_eq!(output.stdout.trim(), target.to_str().unwrap());
    let node = target.join(cluster.node());
    let version = podman(&["version", "--format", "{{.Client.Version}}"]);
    for (file, text) in [
        (target.join("kipod-version.txt"), "kipod "),
        (target.join("podman-info.txt"), version.as_str()),
        (node.join("inspect.json"), cluster.name.as_str()),
        // systemd prints nothing where there is no terminal.
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
    // As kubelet lays them out: a folder for each pod, and a file for each container.
    for (folder, start) in
        [("pods", "kube-system_etcd-"), ("containers", &format!("etcd-{}_", cluster.node()))]
    {
        let found = std::fs::read_dir(node.join(folder)).unwrap().flatten();
        let found: Vec<_> = found.map(|one| one.file_name().into_string().unwrap()).collect();
        assert!(found.iter().any(|one| one.starts_with(start)), "{folder}: {found:?}");
    }
    assert!(!node.join("journal").exists(), "the journal is there as text");
    let script = r#"sed -n 's/.*"token": "\(.*\)".*/\1/p' /var/lib/kipod/kubeadm/init.yaml"#;
    let words = ["exec", "--name", &cluster.name, "sh", "-c", script];
    let token = cluster.kipod(&words).run().ok().stdout;
    assert_eq!(token.trim().len(), 23, "a bootstrap token");
    no_secrets(&target, &["PRIVATE KEY", "client-key-data", "certificate-key", token.trim()]);
}

/// Keys and tokens are the nodes' own: nothing that is exported holds one.
fn no_secrets(folder: &Path, secrets: &[&str]) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            no_secrets(&path, secrets);
        } else {
            let bytes = std::fs::read(&path).unwrap();
            let text = String::from_utf8_lossy(&bytes);
            for secret in secrets {
                assert!(!text.contains(secret), "`{secret}` in {}", path.display());
            }
        }
    }
}

fn name_in_use(cluster: &TestCluster) {
    let output = cluster.create().run().failed(1);
    let text = format!("error: cluster `{}` exists already\nhint: use it", cluster.name);
    output.said(&[&text]);
    // The cluster was not touched by it.
    assert!(cluster.inside().nodes().unwrap()[0].1);
}

fn restart(cluster: &TestCluster, inside: &Inside) {
    let old = inside.containers().unwrap();
    assert!(old.len() >= 7, "{old:?}");
    podman(&["restart", "--time", "10", &cluster.node()]);
    inside.until_all_is_well_without(&old);
    let journal = podman(&["exec", &cluster.node(), "journalctl", "--no-pager", "--output=cat"]);
    assert!(journal.contains("Received SIGRTMIN+3"), "the journal begins with the restart");
    // What the end of a user's session sends to each process. Without the bus the node would not end.
    // It runs once somebody asks for it: CRI-O does where it goes through systemd.
    podman(&["exec", &cluster.node(), "systemctl", "start", "dbus.service"]);
    let bus = || podman(&["exec", &cluster.node(), "pgrep", "dbus-broker"]);
    let before = bus();
    assert_eq!(before.lines().count(), 2, "{before}");
    podman(&["exec", &cluster.node(), "pkill", "--signal=37", "dbus-broker"]);
    assert_eq!(bus(), before, "other processes would have other numbers");
    let script = "until [ \"$(timeout 5 socat -T5 - TCP:web:80 </dev/null)\" = it-is-served ]; do
        sleep 0.2
    done";
    inside.run("client-again", NODE_IMAGE, script);
    inside.log_at_end("client-again");
    inside.until_ready("shell");
    assert_eq!(inside.exec("shell", &["echo", "again"]), "again\n");
    // A client made of what `get kubeconfig` said before still finds it.
    assert!(cluster.inside().nodes().unwrap()[0].1);
}

fn delete(cluster: &TestCluster) {
    let exported = std::fs::read_to_string(cluster.kubeconfig().with_file_name("exported"));
    let traces = cluster.traces();
    assert!(!traces.found().is_empty(), "the search for leftovers finds nothing of a cluster");
    let name = &cluster.name;
    cluster.delete().run().ok().said(&[&format!("cluster `{name}` is deleted")]);
    traces.assert_gone();
    if let Ok(path) = exported {
        let left = std::fs::read_to_string(&path).unwrap();
        assert!(!left.contains(name) && left.contains("# mine"), "{left}");
        std::fs::remove_file(path).unwrap();
    }
    cluster.delete().run().ok().said(&[&format!("there is no cluster `{name}`")]);
    let quiet = cluster.kipod(&["--quiet", "delete", "cluster", name]).run().ok();
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
    cluster.kipod(&["get", "kubeconfig", name]).run().failed(1).said(&["there is no cluster"]);
    cluster.kipod(&["export", "logs", "--name", name]).run().failed(1).said(&["has no nodes"]);
}
