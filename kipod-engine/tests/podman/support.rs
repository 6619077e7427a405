//! The fixture of every test: a service, unique names, and cleanup.

use std::io::Write;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use kipod_engine::podman::{
    ContainerOptions, Labels, NetworkAttachment, NetworkOptions, Podman, PodmanCli, PodmanError,
    Service, VolumeMount, VolumeOptions,
};

/// Image of the containers: a static busybox with its commands, and the file `/var/seed`.
pub(crate) const IMAGE: &str = "localhost/kipod-contract:1";

/// SIGTERM, which the shell in the containers traps.
const SIGTERM: i64 = 15;

/// A connection to Podman with names for one test. Dropping it removes everything the test created.
pub(crate) struct Fixture {
    /// The service.
    pub podman: Service,
    /// Prefix of every name.
    pub prefix: String,
    /// Directory of the service's socket.
    pub runtime: tempfile::TempDir,
}

impl Fixture {
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

    /// Creates a network on the first free subnet.
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

    /// Returns options for a container on `network` that runs until SIGTERM, with `volume` at `/var`.
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
            env: [("FOO", "a b"), ("PATH", "/bin"), ("container", "podman")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            labels: self.labels(),
            volumes: mounts.into_iter().collect(),
            binds: Vec::new(),
            tmpfs: vec!["/run".to_owned()],
            devices: vec!["/dev/fuse".into()],
            milli_cpus: None,
            memory: None,
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

    /// Runs the `podman` command, independently of the API, and returns its output.
    pub(crate) fn podman_output(&self, args: &[&str]) -> String {
        let output = Command::new("podman").args(args).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "podman {args:?}: {error}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        let labelled = format!("label={}", self.label());
        let each = |list: &[&str], filter: &str, remove: &[&str]| {
            let output = Command::new("podman").args(list).args(["--filter", filter]).output();
            for name in String::from_utf8_lossy(&output.unwrap().stdout).lines() {
                let _ = Command::new("podman").args(remove).arg(name).output();
            }
        };
        each(&["ps", "--all", "--quiet"], &labelled, &["rm", "--force", "--time=0"]);
        // External containers have no labels.
        let prefix = format!("{}-", self.prefix);
        for (id, _) in external_containers()
            .into_iter()
            .flatten()
            .filter(|(_, name)| name.starts_with(&prefix))
        {
            let _ = Command::new("podman").args(["rm", "--force", &id]).output();
        }
        let named = format!("reference=localhost/{}", self.prefix);
        each(&["images", "--quiet"], &named, &["rmi", "--force"]);
        each(&["volume", "ls", "--quiet"], &labelled, &["volume", "rm", "--force"]);
        each(&["network", "ls", "--quiet"], &labelled, &["network", "rm", "--force"]);
    }
}

/// Lists external containers, which exist in the storage only, as pairs of id and name. Before
/// Podman 5.5, filters do not apply to them, and Podman 4.3 fails to list while one is being removed.
pub(crate) fn external_containers() -> Option<Vec<(String, String)>> {
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

/// Returns this process's cgroup if Podman manages cgroups itself: a container without a parent would
/// share it.
async fn cgroup_parent() -> Option<String> {
    let info = PodmanCli::new().info().await.unwrap();
    let own = std::fs::read_to_string("/proc/self/cgroup").unwrap();
    let own = own.lines().find_map(|line| line.strip_prefix("0::")).map(str::to_owned);
    own.filter(|_| info.cgroup_manager == "cgroupfs")
}

/// Returns the path of the host's static busybox.
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

/// Returns whether a 64-bit little-endian ELF file has a program header of type `PT_INTERP`, which
/// names a dynamic loader.
fn is_dynamic(elf: &[u8]) -> bool {
    let half = |at: usize| usize::from(u16::from_le_bytes(elf[at..at + 2].try_into().unwrap()));
    let headers = u64::from_le_bytes(elf[32..40].try_into().unwrap()) as usize;
    (0..half(56)).any(|index| elf[headers + index * half(54)..].starts_with(&[3, 0, 0, 0]))
}

/// Writes the root file system of the image as a tar archive.
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
        let dir = tempfile::tempdir().unwrap();
        let archive = dir.path().join("root.tar");
        write_root(&archive);
        let changes = ["ENV PATH=/bin", "LABEL io.kipod.contract=image"];
        PodmanCli::new().import(&archive, IMAGE, &changes).await.unwrap();
    }
}
