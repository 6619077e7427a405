//! Loading images into a cluster whose nodes do not mount the user's image store.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::Duration;

use kipod_e2e::{Checks, TestCluster, TestImage, podman};
use rustix::process::{Pid, Signal, kill_process};

/// The architecture of the host in Go's notation.
const ARCHITECTURE: &str = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };

/// An image with one file and no program. Dropping it removes the image.
struct SmallImage {
    reference: String,
}

impl SmallImage {
    fn build(name: &str, architecture: &str) -> Self {
        Self::build_with(name, architecture, name.as_bytes())
    }

    fn build_with(name: &str, architecture: &str, content: &[u8]) -> Self {
        let reference = format!("localhost/e2e-{name}-{}:1", std::process::id());
        let context = tempfile::tempdir().unwrap();
        std::fs::write(context.path().join("name"), content).unwrap();
        std::fs::write(context.path().join("Containerfile"), "FROM scratch\nCOPY name /\n")
            .unwrap();
        let platform = format!("--platform=linux/{architecture}");
        let context = context.path().to_str().unwrap();
        podman(&["build", "--quiet", &platform, "--tag", &reference, context]);
        Self { reference }
    }

    fn id(&self) -> String {
        podman(&["image", "inspect", "--format", "{{.Id}}", &self.reference])
    }
}

impl Drop for SmallImage {
    fn drop(&mut self) {
        let args = ["image", "rm", "--force", self.reference.as_str()];
        let _ = Command::new("podman").args(args).output();
    }
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn load_works_without_host_images() {
    let preloaded = TestImage::build("preloaded", "forty-two");
    let args = ["--no-host-images", "--workers", "1", "--preload", &preloaded.reference];
    let cluster = TestCluster::create_with("images", &args);
    let mut checks = Checks::new();
    let c = &cluster;
    checks.check("a pod runs a preloaded image", || {
        c.client().run_pod("preloaded", &preloaded.reference, "cat /answer");
        assert_eq!(c.client().wait_pod_completed("preloaded"), "forty-two");
    });
    checks.check("load by name, twice", || check_load_by_name(c));
    checks.check("load an archive from standard input", || check_load_archive(c));
    checks.check("refuse unusable images", || check_refusals(c));
    checks.check("load after a killed load", || check_killed_load(c));
    checks.check("clean up an interrupted load", || check_interrupted_load(c));
    checks.check("load after a change of the runroot", || check_moved_runroot(c));
    checks.finish();
    cluster.delete_completely();
}

/// Returns the id of an image on each node.
fn image_ids(cluster: &TestCluster, name: &str) -> [String; 2] {
    ["control-plane-0", "worker-0"].map(|node| {
        let node = format!("{}-{node}", cluster.name);
        let template = "--template={{.status.id}}";
        podman(&["exec", &node, "crictl", "inspecti", "--output=go-template", template, name])
    })
}

/// Returns `kipod load ARGS` for the cluster.
fn load(cluster: &TestCluster, args: &[&str]) -> kipod_e2e::Kipod {
    cluster.kipod(&[&["load"], args, &["--name", &cluster.name]].concat())
}

fn check_load_by_name(cluster: &TestCluster) {
    let image = SmallImage::build("named", ARCHITECTURE);
    let (full, id) = (&image.reference, image.id());
    let short = full.trim_start_matches("localhost/").trim_end_matches(":1");
    podman(&["tag", full, &format!("localhost/{short}:latest")]);
    let latest = format!("localhost/{short}:latest");
    load(cluster, &["image", full, short]).run().success().stderr_contains(&[
        &format!("loaded `{full}` ({}) into", &id[..12]),
        &format!("loaded `{latest}` ({}) into", &id[..12]),
        "pods must use the full image name",
    ]);
    for name in [full, &latest] {
        assert_eq!(image_ids(cluster, name), [id.as_str(); 2]);
    }
    let worker = cluster.worker(0);
    let again = load(cluster, &["image", full, "--nodes", &worker]).run().success();
    again.stderr_contains(&["is already present in cluster"]);
    podman(&["rmi", &latest]);
}

fn check_load_archive(cluster: &TestCluster) {
    let images = ["first", "second"].map(|name| SmallImage::build(name, ARCHITECTURE));
    let ids = images.each_ref().map(SmallImage::id);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("images.tar");
    let [first, second] = images.each_ref().map(|image| image.reference.as_str());
    let file = file.to_str().unwrap();
    podman(&["save", "--quiet", "--multi-image-archive", "--output", file, first, second]);
    // The images of an archive need not be in the user's store.
    podman(&["rmi", first, second]);
    let stdin = Stdio::from(std::fs::File::open(file).unwrap());
    load(cluster, &["image-archive", "-"])
        .stdin(stdin)
        .run()
        .success()
        .stderr_contains(&[first, second]);
    for (name, id) in [first, second].iter().zip(&ids) {
        assert_eq!(image_ids(cluster, name), [id.as_str(); 2]);
    }
}

fn check_refusals(cluster: &TestCluster) {
    let other = if ARCHITECTURE == "amd64" { "arm64" } else { "amd64" };
    let image = SmallImage::build("other", other);
    let args = ["image", "none/such:1", &image.reference, "--nodes", "nope"];
    load(cluster, &args).run().failure(1).stderr_contains(&[
        "no image was loaded:",
        &format!("node `nope` not found in cluster `{}`, which has ", cluster.name),
        "image `none/such:1` not found in your image store",
        &format!("image `{}` is for linux/{other}, but the nodes are linux/", image.reference),
    ]);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("other.tar");
    let file = file.to_str().unwrap();
    podman(&["save", "--quiet", "--format", "oci-archive", "--output", file, &image.reference]);
    let output = load(cluster, &["image-archive", file]).run().failure(1);
    output.stderr_contains(&[&format!("is for linux/{other}")]);
    let output = load(cluster, &["image-archive", "/etc/hostname"]).run().failure(1);
    output.stderr_contains(&["cannot read the images of `/etc/hostname`"]);
}

/// Returns random bytes that take Podman at least a second to copy.
fn noise() -> Vec<u8> {
    let mut noise = vec![0; 100 << 20];
    std::fs::File::open("/dev/urandom").unwrap().read_exact(&mut noise).unwrap();
    noise
}

/// Kills kipod and its Podman during a load. Podman would continue otherwise.
fn check_killed_load(cluster: &TestCluster) {
    let image = SmallImage::build_with("killed", ARCHITECTURE, &noise());
    let mut running = load(cluster, &["image", &image.reference]).spawn();
    running.wait_child("podman --root");
    std::thread::sleep(Duration::from_millis(300));
    let children = running.descendants();
    running.signal(Signal::KILL);
    // Not the service that kipod started: it exits by itself, and removes its socket.
    for (id, _) in children.into_iter().filter(|(_, line)| line.starts_with("podman --root")) {
        let _ = kill_process(Pid::from_raw(id as i32).unwrap(), Signal::KILL);
    }
    assert_eq!(running.wait().code(), None, "exited before the kill");
    load(cluster, &["image", &image.reference]).run().success();
    assert_eq!(image_ids(cluster, &image.reference), [image.id().as_str(); 2]);
}

/// Interrupts a load. Podman ends with kipod, and the unpacked images are removed.
fn check_interrupted_load(cluster: &TestCluster) {
    let image = SmallImage::build_with("interrupted", ARCHITECTURE, &noise());
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("images.tar");
    let file = file.to_str().unwrap();
    podman(&["save", "--quiet", "--output", file, &image.reference]);
    let staged = || {
        let all = cluster.leftovers().find();
        all.into_iter().filter(|line| line.contains("/loads/")).collect::<Vec<_>>()
    };
    let mut running = load(cluster, &["image-archive", file]).spawn();
    running.wait_child("podman --root");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(staged().len(), 1, "no staging directory");
    let children = running.descendants();
    running.signal(Signal::TERM);
    running.wait().failure(130).stderr_contains(&["was interrupted"]);
    for (id, line) in children {
        let running = std::fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default();
        assert!(!running.contains("--root"), "{id} is still running: {line}");
    }
    assert_eq!(staged(), [""; 0]);
    load(cluster, &["image-archive", file]).run().success().stderr_contains(&[&image.reference]);
    assert_eq!(staged(), [""; 0]);
}

/// Creates Podman's database with another runroot. Podman refuses a store with a different runroot.
fn check_moved_runroot(cluster: &TestCluster) {
    let image = SmallImage::build("moved", ARCHITECTURE);
    let state = std::env::var("XDG_STATE_HOME")
        .unwrap_or_else(|_| format!("{}/.local/state", std::env::var("HOME").unwrap()));
    let store = format!("{state}/kipod/clusters/{}/images", cluster.name);
    let overlay = std::fs::exists(format!("{store}/overlay-images")).unwrap();
    let driver = if overlay { "overlay" } else { "vfs" };
    let _ = std::fs::remove_dir_all(format!("{store}/libpod"));
    for entry in std::fs::read_dir(&store).unwrap().flatten() {
        if entry.file_name().to_string_lossy().starts_with("db.sql") {
            std::fs::remove_file(entry.path()).unwrap();
        }
    }
    let other = tempfile::Builder::new().prefix("run").tempdir_in("/tmp").unwrap();
    let other = other.path().to_str().unwrap();
    podman(&["--root", &store, "--runroot", other, "--storage-driver", driver, "images"]);
    load(cluster, &["image", &image.reference]).run().success().stderr_contains(&["loaded `"]);
    assert_eq!(image_ids(cluster, &image.reference), [image.id().as_str(); 2]);
}
