//! Images that come into a cluster by hand: its nodes do not see the user's own store.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::Duration;

use kipod_e2e::{Checks, TestCluster, TestImage, podman};
use rustix::process::{Pid, Signal, kill_process};

/// This machine's, in Go's word.
const ARCHITECTURE: &str = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };

/// An image of one file, without a program, for an architecture.
struct SmallImage {
    reference: String,
}

impl SmallImage {
    fn build(name: &str, architecture: &str) -> Self {
        Self::build_of(name, architecture, name.as_bytes())
    }

    fn build_of(name: &str, architecture: &str, content: &[u8]) -> Self {
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
        let words = ["image", "rm", "--force", self.reference.as_str()];
        let _ = Command::new("podman").args(words).output();
    }
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn images_get_into_a_cluster_that_does_not_see_the_users() {
    let preloaded = TestImage::build("preloaded", "forty-two");
    let words = ["--no-host-images", "--workers", "1", "--preload", &preloaded.reference];
    let cluster = TestCluster::created_with("images", &words);
    let mut checks = Checks::new();
    let c = &cluster;
    checks.check("a pod runs what was preloaded", || {
        c.inside().run("preloaded", &preloaded.reference, "cat /answer");
        assert_eq!(c.inside().log_at_end("preloaded"), "forty-two");
    });
    checks.check("load by name, and once more", || by_name(c));
    checks.check("an archive on standard input", || archive(c));
    checks.check("what does not fit is named at once", || refusals(c));
    checks.check("a load that is killed leaves the cluster as it is", || killed(c));
    checks.check("a load that is interrupted ends, with all it began", || interrupted(c));
    checks.check("a load does not mind where Podman kept its running state before", || moved(c));
    checks.finish();
    cluster.delete().run().ok();
    cluster.assert_nothing_left();
}

/// The id under which every node knows an image.
fn seen(cluster: &TestCluster, name: &str) -> [String; 2] {
    ["control-plane-0", "worker-0"].map(|node| {
        let node = format!("{}-{node}", cluster.name);
        let template = "--template={{.status.id}}";
        podman(&["exec", &node, "crictl", "inspecti", "--output=go-template", template, name])
    })
}

fn load(cluster: &TestCluster, words: &[&str]) -> kipod_e2e::Kipod {
    cluster.kipod(&[&["load"], words, &["--name", &cluster.name]].concat())
}

fn by_name(cluster: &TestCluster) {
    let image = SmallImage::build("named", ARCHITECTURE);
    let (whole, id) = (&image.reference, image.id());
    let short = whole.trim_start_matches("localhost/").trim_end_matches(":1");
    podman(&["tag", whole, &format!("localhost/{short}:latest")]);
    let latest = format!("localhost/{short}:latest");
    load(cluster, &["image", whole, short]).run().ok().said(&[
        &format!("loaded `{whole}` ({}) into", &id[..12]),
        &format!("loaded `{latest}` ({}) into", &id[..12]),
        "pods find an image by its whole name",
    ]);
    for name in [whole, &latest] {
        assert_eq!(seen(cluster, name), [id.as_str(); 2]);
    }
    let worker = format!("{}-worker-0", cluster.name);
    let again = load(cluster, &["image", whole, "--nodes", &worker]).run().ok();
    again.said(&["already: there is nothing to load"]);
    podman(&["rmi", &latest]);
}

fn archive(cluster: &TestCluster) {
    let images = ["first", "second"].map(|name| SmallImage::build(name, ARCHITECTURE));
    let ids = images.each_ref().map(SmallImage::id);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("images.tar");
    let [first, second] = images.each_ref().map(|image| image.reference.as_str());
    let file = file.to_str().unwrap();
    podman(&["save", "--quiet", "--multi-image-archive", "--output", file, first, second]);
    // What comes from an archive does not have to be in the user's store.
    podman(&["rmi", first, second]);
    let stdin = Stdio::from(std::fs::File::open(file).unwrap());
    load(cluster, &["image-archive", "-"]).stdin(stdin).run().ok().said(&[first, second]);
    for (name, id) in [first, second].iter().zip(&ids) {
        assert_eq!(seen(cluster, name), [id.as_str(); 2]);
    }
}

fn refusals(cluster: &TestCluster) {
    let other = if ARCHITECTURE == "amd64" { "arm64" } else { "amd64" };
    let image = SmallImage::build("other", other);
    let words = ["image", "none/such:1", &image.reference, "--nodes", "nope"];
    load(cluster, &words).run().failed(1).said(&[
        "nothing was loaded:",
        "has no node `nope`",
        "there is no image `none/such:1`",
        &format!("image `{}` is for linux/{other}, and the nodes are linux/", image.reference),
    ]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("other.tar");
    let file = file.to_str().unwrap();
    podman(&["save", "--quiet", "--format", "oci-archive", "--output", file, &image.reference]);
    let output = load(cluster, &["image-archive", file]).run().failed(1);
    output.said(&[&format!("is for linux/{other}")]);
    let output = load(cluster, &["image-archive", "/etc/hostname"]).run().failed(1);
    output.said(&["cannot read the images of `/etc/hostname`"]);
}

/// Podman goes on when kipod is killed; it is killed too, in the middle of its work.
fn killed(cluster: &TestCluster) {
    // Enough to be busy with for a second or more.
    let mut noise = vec![0; 100 << 20];
    std::fs::File::open("/dev/urandom").unwrap().read_exact(&mut noise).unwrap();
    let image = SmallImage::build_of("killed", ARCHITECTURE, &noise);
    let mut running = load(cluster, &["image", &image.reference]).spawn();
    running.until_it_has_started("podman --root");
    std::thread::sleep(Duration::from_millis(300));
    let children = running.descendants();
    running.signal(Signal::KILL);
    // Not the service that kipod started: it ends by itself, and takes its socket with it.
    for (id, _) in children.into_iter().filter(|(_, line)| line.starts_with("podman --root")) {
        let _ = kill_process(Pid::from_raw(id as i32).unwrap(), Signal::KILL);
    }
    assert_eq!(running.wait().code(), None, "it had ended");
    load(cluster, &["image", &image.reference]).run().ok();
    assert_eq!(seen(cluster, &image.reference), [image.id().as_str(); 2]);
}

/// Podman ends with kipod, and nothing is left of what it unpacked.
fn interrupted(cluster: &TestCluster) {
    let mut noise = vec![0; 100 << 20];
    std::fs::File::open("/dev/urandom").unwrap().read_exact(&mut noise).unwrap();
    let image = SmallImage::build_of("interrupted", ARCHITECTURE, &noise);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("images.tar");
    let file = file.to_str().unwrap();
    podman(&["save", "--quiet", "--output", file, &image.reference]);
    let staged = || {
        let all = cluster.traces().found();
        all.into_iter().filter(|line| line.contains("/loads/")).collect::<Vec<_>>()
    };
    let mut running = load(cluster, &["image-archive", file]).spawn();
    running.until_it_has_started("podman --root");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(staged().len(), 1, "it is unpacked elsewhere");
    let children = running.descendants();
    running.signal(Signal::TERM);
    running.wait().failed(130).said(&["was interrupted"]);
    for (id, line) in children {
        let running = std::fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default();
        assert!(!running.contains("--root"), "{id} still runs: {line}");
    }
    assert_eq!(staged(), [""; 0]);
    load(cluster, &["image-archive", file]).run().ok().said(&[&image.reference]);
    assert_eq!(staged(), [""; 0]);
}

/// Podman notes in a store which folder of running state it is used with, and refuses another one.
fn moved(cluster: &TestCluster) {
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
    load(cluster, &["image", &image.reference]).run().ok().said(&["loaded `"]);
    assert_eq!(seen(cluster, &image.reference), [image.id().as_str(); 2]);
}
