//! What every test needs: a service, names of its own, and nothing left behind.

use std::io::Write;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use kipod_engine::podman::{
    ContainerOptions, Labels, NetworkAttachment, NetworkOptions, Podman, PodmanCli, PodmanError,
    Service, VolumeMount, VolumeOptions,
};

/// The image of the containers: a static busybox with its commands, and a file in `/var/seed`.
pub(crate) const IMAGE: &str = "localhost/kipod-contract:1";

/// Signal 15: what the shell in the containers obeys.
const SIGTERM: i64 = 15;

/// Answers whether there is a `podman`, and says which test does not run where there is none.
#[track_caller]
pub(crate) fn can_run(test: &str) -> bool {
    static SKIPPED: AtomicUsize = AtomicUsize::new(0);
    let found = Command::new("podman").arg("--version").stdout(Stdio::null()).status();
    if found.is_ok() {
        return true;
    }
    let count = SKIPPED.fetch_add(1, Ordering::Relaxed) + 1;
    // Not `eprintln`: the test runner keeps to itself what a test that passes prints that way.
    let line = format!("skipped, no podman on this machine ({count} so far): {test}\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
    false
}

/// A test's own corner of Podman: what it makes there is removed at its end, however it ends.
pub(crate) struct Corner {
    /// The service.
    pub podman: Service,
    /// The beginning of every name.
    pub prefix: String,
    /// Where the service has its socket.
    pub runtime: tempfile::TempDir,
}

impl Corner {
    pub(crate) async fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let runtime = tempfile::tempdir().unwrap();
        let podman = Service::connect(&runtime.path().join("kipod"), None).await.unwrap();
        Self { podman, prefix: format!("kipod-contract-{}-{count}", std::process::id()), runtime }
    }

    pub(crate) fn name(&self, what: &str) -> String {
        format!("{}-{what}", self.prefix)
    }

    pub(crate) fn labels(&self) -> Labels {
        Labels::from([("io.kipod.contract".to_owned(), self.prefix.clone())])
    }

    pub(crate) fn label(&self) -> String {
        format!("io.kipod.contract={}", self.prefix)
    }

    /// Creates a network on the first subnet that is free, and answers it.
    pub(crate) async fn network(&self, what: &str) -> NetworkOptions {
        for third in 0..=255 {
            let options = NetworkOptions {
                name: self.name(what),
                subnet: format!("10.199.{third}.0/24"),
                gateway: Ipv4Addr::new(10, 199, third, 1),
                ipv6: None,
                labels: self.labels(),
            };
            match self.podman.create_network(&options).await {
                Ok(()) => return options,
                Err(PodmanError::SubnetInUse { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
        panic!("every subnet of 10.199.0.0/16 is in use");
    }

    pub(crate) async fn volume(&self, what: &str) -> String {
        let name = self.name(what);
        let options = VolumeOptions { name: name.clone(), labels: self.labels() };
        self.podman.create_volume(&options).await.unwrap();
        name
    }

    /// A container on `network` that waits to be told to stop, with `volume` at `/var`.
    pub(crate) async fn options(
        &self,
        what: &str,
        network: &NetworkOptions,
        volume: Option<&str>,
    ) -> ContainerOptions {
        ensure_image(&self.podman).await;
        let script =
            "trap 'exit 0' TERM; echo up; echo trouble >&2; while :; do sleep 1 & wait; done";
        let [a, b, c, _] = network.gateway.octets();
        let mounts = volume.map(|name| VolumeMount { name: name.into(), target: "/var".into() });
        ContainerOptions {
            name: self.name(what),
            hostname: what.to_owned(),
            image: IMAGE.to_owned(),
            systemd: true,
            command: ["/bin/sh", "-c", script].map(str::to_owned).to_vec(),
            env: [("FOO".to_owned(), "a b".to_owned())].into(),
            labels: self.labels(),
            volumes: mounts.into_iter().collect(),
            binds: Vec::new(),
            tmpfs: vec!["/run".to_owned()],
            devices: vec!["/dev/fuse".into()],
            network: NetworkAttachment {
                name: network.name.clone(),
                address: Ipv4Addr::new(a, b, c, 10),
                address6: None,
            },
            ports: Vec::new(),
            dns_search: None,
            cgroup_parent: cgroup_parent().await,
            stop_signal: SIGTERM,
            stop_timeout: 5,
            restart: false,
        }
    }

    /// What Podman's command says, to be told from what the API says.
    pub(crate) fn say(&self, args: &[&str]) -> String {
        let output = Command::new("podman").args(args).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "podman {args:?}: {error}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

impl Drop for Corner {
    fn drop(&mut self) {
        let labelled = format!("label={}", self.label());
        let each = |list: &[&str], filter: &str, remove: &[&str]| {
            let output = Command::new("podman").args(list).args(["--filter", filter]).output();
            for name in String::from_utf8_lossy(&output.unwrap().stdout).lines() {
                let _ = Command::new("podman").args(remove).arg(name).output();
            }
        };
        each(&["ps", "--all", "--quiet"], &labelled, &["rm", "--force", "--time=0"]);
        // What there are only files of has no labels.
        let prefix = format!("{}-", self.prefix);
        for (id, _) in
            only_files().into_iter().flatten().filter(|(_, name)| name.starts_with(&prefix))
        {
            let _ = Command::new("podman").args(["rm", "--force", &id]).output();
        }
        let named = format!("reference=localhost/{}", self.prefix);
        each(&["images", "--quiet"], &named, &["rmi", "--force"]);
        each(&["volume", "ls", "--quiet"], &labelled, &["volume", "rm", "--force"]);
        each(&["network", "ls", "--quiet"], &labelled, &["network", "rm", "--force"]);
    }
}

/// The containers of which there are only files, each by its id and its name. Before Podman 5.5 none of its
/// filters holds for them, and 4.3 makes no list while one goes.
pub(crate) fn only_files() -> Option<Vec<(String, String)>> {
    let list = ["ps", "--all", "--external", "--format", "{{.ID}} {{.Names}} {{.Command}}"];
    let mut listings = (0..3).map(|_| Command::new("podman").args(list).output().unwrap());
    let listed = listings.find(|output| output.status.success())?;
    let listed = String::from_utf8_lossy(&listed.stdout);
    let words = listed.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let files = words.filter_map(|words| match words[..] {
        [id, name, "storage"] => Some((id.to_owned(), name.to_owned())),
        _ => None,
    });
    Some(files.collect())
}

/// Where Podman makes the cgroups itself, a container without a parent would share ours.
async fn cgroup_parent() -> Option<String> {
    let info = PodmanCli::new().info().await.unwrap();
    let own = std::fs::read_to_string("/proc/self/cgroup").unwrap();
    let own = own.lines().find_map(|line| line.strip_prefix("0::")).map(str::to_owned);
    own.filter(|_| info.cgroup_manager == "cgroupfs")
}

/// The static busybox of this machine.
pub(crate) fn busybox() -> PathBuf {
    let path = ["/bin/busybox", "/usr/bin/busybox"].map(PathBuf::from);
    let found = path.into_iter().find(|path| path.exists());
    let path = found.expect("these tests need a busybox (Debian: busybox-static)");
    assert!(
        !is_dynamic(&std::fs::read(&path).unwrap()),
        "`{}` is not static (Debian: busybox-static)",
        path.display()
    );
    path
}

/// Whether a 64-bit little-endian ELF file asks for a dynamic loader (a header of type
/// `PT_INTERP`).
fn is_dynamic(elf: &[u8]) -> bool {
    let half = |at: usize| usize::from(u16::from_le_bytes(elf[at..at + 2].try_into().unwrap()));
    let headers = u64::from_le_bytes(elf[32..40].try_into().unwrap()) as usize;
    (0..half(56)).any(|index| elf[headers + index * half(54)..].starts_with(&[3, 0, 0, 0]))
}

/// Writes the root filesystem of the image as a tar archive.
pub(crate) fn write_root(archive: &Path) {
    let mut tar = tar::Builder::new(std::fs::File::create(archive).unwrap());
    tar.append_path_with_name(busybox(), "bin/busybox").unwrap();
    for command in ["sh", "cat", "echo", "sleep", "ip", "head", "mount", "stat", "sync"] {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        tar.append_link(&mut header, format!("bin/{command}"), "busybox").unwrap();
    }
    append_file(&mut tar, "var/seed", b"from the image\n");
    tar.into_inner().unwrap();
}

/// Appends a file to an archive.
pub(crate) fn append_file<W: Write>(tar: &mut tar::Builder<W>, path: &str, content: &[u8]) {
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o640);
    header.set_size(content.len() as u64);
    tar.append_data(&mut header, path, content).unwrap();
}

async fn ensure_image(podman: &Service) {
    static LOCK: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    let _lock = LOCK.lock().await;
    if podman.image(IMAGE).await.unwrap().is_none() {
        let folder = tempfile::tempdir().unwrap();
        let archive = folder.path().join("root.tar");
        write_root(&archive);
        let changes = ["ENV PATH=/bin", "LABEL io.kipod.contract=image"];
        PodmanCli::new().import(&archive, IMAGE, &changes).await.unwrap();
    }
}
