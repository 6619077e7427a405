//! What a user asks for that cannot be: told before anything is made.

use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use kipod_e2e::{Kipod, NODE_IMAGE, TestCluster, bundle, ensure_node_image, need, podman};

#[test]
#[ignore = "needs rootless Podman"]
fn a_node_image_that_is_not_there() {
    let cluster = TestCluster::named("noimage");
    let output = cluster.create_with(&["--image", "localhost/nope:1"]).run().failed(1);
    output.said(&["error: there is no node image `localhost/nope:1`\nhint: "]);
    cluster.assert_nothing_left();
}

#[test]
#[ignore = "needs rootless Podman"]
fn an_image_that_is_no_node_image() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("Containerfile"), "FROM scratch\nLABEL a=b\n").unwrap();
    let reference = format!("localhost/e2e-other-{}:1", std::process::id());
    podman(&["build", "--quiet", "--tag", &reference, folder.path().to_str().unwrap()]);
    let cluster = TestCluster::named("notours");
    let output = cluster.create_with(&["--image", &reference]).run();
    podman(&["image", "rm", "--force", &reference]);
    output.failed(1).said(&["is no node image of kipod: it has no label", "\nhint: "]);
    cluster.assert_nothing_left();
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn a_node_image_of_a_version_that_is_too_old() {
    ensure_node_image();
    let folder = tempfile::tempdir().unwrap();
    let label = "LABEL io.kipod.kubernetes-version=v1.30.4";
    let file = format!("FROM {NODE_IMAGE}\n{label}\n");
    std::fs::write(folder.path().join("Containerfile"), file).unwrap();
    let reference = format!("localhost/e2e-old-{}:1", std::process::id());
    podman(&["build", "--quiet", "--tag", &reference, folder.path().to_str().unwrap()]);
    let cluster = TestCluster::named("tooold");
    let output = cluster.create_with(&["--image", &reference]).run();
    podman(&["image", "rm", "--force", &reference]);
    let text = format!("error: node image `{reference}`: Kubernetes v1.30.4 is not supported: ");
    output.failed(1).said(&[&text, "\nhint: "]);
    cluster.assert_nothing_left();
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn a_port_that_is_taken() {
    ensure_node_image();
    let cluster = TestCluster::named("port");
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let output = cluster.create_with(&["--api-server-port", &port.to_string()]).run().failed(1);
    let text = format!("the API server cannot listen on 127.0.0.1:{port}: ");
    output.said(&[&text, "\nhint: leave out the port"]);
    cluster.assert_nothing_left();
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn subnets_of_ones_own() {
    ensure_node_image();
    let cluster = TestCluster::named("subnets");
    let words = ["--pod-subnet", "10.11.0.0/16", "--service-subnet", "10.12.0.0/20"];
    cluster.create_with(&words).run().ok();
    let inside = cluster.inside();
    inside.run("where", kipod_e2e::NODE_IMAGE, "hostname -i; echo $KUBERNETES_SERVICE_HOST");
    let said = inside.log_at_end("where");
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].starts_with("10.11.0."), "{said}");
    assert_eq!(lines[1], "10.12.0.1");
    let traces = cluster.traces();
    cluster.delete().run().ok();
    traces.assert_gone();
}

/// A bundle that is the machine's own, by links, but for what `spoil` does to it.
fn spoilt(bundle: &Path, spoil: impl Fn(&Path)) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(bundle).unwrap().flatten() {
        let target = folder.path().join(entry.file_name());
        if !entry.path().is_dir() {
            symlink(entry.path(), target).unwrap();
            continue;
        }
        std::fs::create_dir(&target).unwrap();
        for file in std::fs::read_dir(entry.path()).unwrap().flatten() {
            symlink(file.path(), target.join(file.file_name())).unwrap();
        }
    }
    spoil(folder.path());
    folder
}

/// Puts a copy that can be changed in the place of a link.
fn own(path: &Path) -> Vec<u8> {
    let bytes = std::fs::read(path).unwrap();
    let mode = path.metadata().unwrap().permissions();
    std::fs::remove_file(path).unwrap();
    std::fs::write(path, &bytes).unwrap();
    std::fs::set_permissions(path, mode).unwrap();
    bytes
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn a_broken_bundle_is_told_with_everything_that_is_broken() {
    let Some(bundle) = bundle() else {
        need!(false, "a component bundle as a folder");
        return;
    };
    let image = format!("localhost/e2e-broken-{}", std::process::id());
    let broken = spoilt(&bundle, |folder| {
        let kubelet = folder.join("bin/kubelet");
        let bytes = own(&kubelet);
        std::fs::write(kubelet, &bytes[..bytes.len() / 2]).unwrap();
        let crun = folder.join("bin/crun");
        let mut bytes = own(&crun);
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(crun, bytes).unwrap();
        std::fs::remove_file(folder.join("cni/portmap")).unwrap();
    });
    let folder = broken.path().to_str().unwrap();
    let words = ["build", "node-image", "--components", folder, "--image-name", &image];
    let output = Kipod::new(words).run().failed(1);
    let output = output.said(&["bin/kubelet", "bin/crun", "cni/portmap", "\nhint: "]);
    // The truncated program is told as that; the one with a bit turned by its checksum.
    let line = |file: &str| {
        let told = output.stderr.lines().find(|line| line.contains(file));
        told.unwrap_or_else(|| panic!("{file} in {output}")).to_owned()
    };
    assert!(line("bin/crun").contains("checksum") || line("bin/crun").contains("SHA"), "{output}");
    assert!(line("cni/portmap").contains("missing"), "{output}");
    assert_eq!(podman(&["images", "--quiet", &image]), "");
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn a_state_folder_that_cannot_be_written() {
    use std::os::unix::fs::PermissionsExt;
    ensure_node_image();
    let folder = tempfile::tempdir().unwrap();
    let closed = folder.path().join("closed");
    std::fs::create_dir(&closed).unwrap();
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o555)).unwrap();
    let cluster = TestCluster::named("state");
    let output = cluster.create().env("XDG_STATE_HOME", &closed).run().failed(1);
    output.said(&[closed.to_str().unwrap(), "Permission denied"]);
    cluster.assert_nothing_left();
}

#[test]
#[ignore = "needs rootless Podman"]
fn a_bundle_that_is_not_there() {
    let words = ["build", "node-image", "--components", "/nowhere/bundle"];
    let output = Kipod::new(words).run().failed(1);
    output.said(&["`/nowhere/bundle`"]);
}

#[test]
#[ignore = "needs rootless Podman"]
fn no_way_out_and_no_bundle() {
    // An empty data folder has no image store, so that the default node image cannot be used.
    let data = tempfile::tempdir().unwrap();
    let cluster = TestCluster::named("nowayout");
    // One of a version is as welcome as the default one.
    for (words, image) in [(&[][..], "latest"), (&["--k8s-version", "1.33"][..], "v1.33")] {
        let output = cluster
            .create_with(&[&["--mirror", "http://127.0.0.1:9"], words].concat())
            .without_env("KIPOD_COMPONENTS")
            .env("XDG_DATA_DIRS", data.path())
            .env("XDG_CACHE_HOME", data.path().join("cache"))
            .env("XDG_DATA_HOME", data.path().join("data"))
            // Podman's own storage follows the data folder, unless it is told where it is.
            .env("CONTAINERS_STORAGE_CONF", storage_conf(data.path()))
            .run()
            .failed(1);
        let building = format!("node image `localhost/kipod-node:{image}`");
        let words = ["building it first", "127.0.0.1:9", "\nhint: ", "--components", "--mirror"];
        output.said(&[&building]).said(&words);
        cluster.assert_nothing_left();
    }
}

fn storage_conf(folder: &Path) -> PathBuf {
    let path = folder.join("storage.conf");
    let root = podman(&["info", "--format", "{{.Store.GraphRoot}}"]);
    let run = podman(&["info", "--format", "{{.Store.RunRoot}}"]);
    let driver = podman(&["info", "--format", "{{.Store.GraphDriverName}}"]);
    let text = format!(
        "[storage]\ndriver = \"{driver}\"\ngraphroot = \"{root}\"\nrunroot = \"{run}\"\nrootless_storage_path = \"{root}\"\n"
    );
    std::fs::write(&path, text).unwrap();
    path
}
