//! Whatever a cluster may leave on a machine.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::{TestCluster, podman};

/// How long a process that was told to end may take.
const GRACE: Duration = Duration::from_secs(5);

/// The traces of one cluster: what it is called in every place, so that one can look there also
/// when it is gone.
#[derive(Debug, Clone)]
pub struct Traces {
    cluster: String,
    node: String,
    kubeconfig: PathBuf,
    /// The ids of its containers when this was made.
    containers: Vec<String>,
}

impl Traces {
    pub(crate) fn of(cluster: &TestCluster) -> Self {
        let filter = format!("label=io.kipod.cluster={}", cluster.name);
        let ids = podman(&["ps", "--all", "--quiet", "--no-trunc", "--filter", &filter]);
        Self {
            cluster: cluster.name.clone(),
            node: cluster.node(),
            kubeconfig: cluster.kubeconfig(),
            containers: ids.lines().map(str::to_owned).collect(),
        }
    }

    /// What of the cluster is on this machine, a line each.
    pub fn found(&self) -> Vec<String> {
        let mut found = Vec::new();
        let lists = [
            // Also those of which Podman has only files.
            ("container", podman(&["ps", "--all", "--external", "--format", "{{.Names}}"])),
            ("volume", podman(&["volume", "ls", "--format", "{{.Name}}"])),
            ("network", podman(&["network", "ls", "--format", "{{.Name}}"])),
        ];
        for (kind, list) in lists {
            let ours = list.lines().filter(|name| self.is_ours(name));
            found.extend(ours.map(|name| format!("{kind} `{name}`")));
        }
        for folder in folders() {
            let names = std::fs::read_dir(&folder).into_iter().flatten().flatten();
            for entry in names.filter(|entry| self.is_ours(&entry.file_name().to_string_lossy())) {
                found.push(format!("file `{}`", entry.path().display()));
            }
        }
        let config = std::fs::read_to_string(&self.kubeconfig).unwrap_or_default();
        if config.contains(&format!("kipod-{}", self.cluster)) {
            found.push(format!("entry in kubeconfig `{}`", self.kubeconfig.display()));
        }
        found.extend(self.processes());
        found.extend(orphaned_sockets());
        found
    }

    /// Fails the test when something is there, and goes on being there for some seconds.
    #[track_caller]
    pub fn assert_gone(&self) {
        let start = Instant::now();
        loop {
            let found = self.found();
            if found.is_empty() {
                return;
            }
            assert!(start.elapsed() < GRACE, "left of cluster `{}`: {found:#?}", self.cluster);
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// A name may stand alone (`NAME`, `kipod-NAME`, `NAME-control-plane-0`) or with an ending
    /// (`NAME.lock`).
    fn is_ours(&self, name: &str) -> bool {
        let name = name.strip_prefix("kipod-").unwrap_or(name);
        let rest = name.strip_prefix(self.cluster.as_str());
        rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
    }

    /// Processes that name the node or one of its containers on their command line, or live in its
    /// cgroup.
    fn processes(&self) -> Vec<String> {
        let own = std::process::id().to_string();
        let names = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = names.filter_map(|entry| entry.file_name().into_string().ok());
        let pids = pids.filter(|name| name.parse::<u32>().is_ok() && *name != own);
        pids.filter_map(|pid| {
            let read = |file: &str| std::fs::read(Path::new("/proc").join(&pid).join(file));
            let command = String::from_utf8_lossy(&read("cmdline").ok()?).replace('\0', " ");
            let cgroup = String::from_utf8_lossy(&read("cgroup").ok()?).into_owned();
            let of_container =
                |id: &String| command.contains(id.as_str()) || cgroup.contains(id.as_str());
            let ours = command.contains(&self.node) || self.containers.iter().any(of_container);
            ours.then(|| {
                format!("process {pid}: {}", command.chars().take(120).collect::<String>())
            })
        })
        .collect()
    }
}

/// The folders in which kipod, or Podman at its wish, keeps a file for a cluster.
fn folders() -> Vec<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let home = variable("HOME").expect("HOME");
    let state = variable("XDG_STATE_HOME").unwrap_or_else(|| home.join(".local/state"));
    let data = variable("XDG_DATA_HOME").unwrap_or_else(|| home.join(".local/share"));
    let mut folders = vec![
        state.join("kipod/clusters"),
        state.join("kipod/loads"),
        state.join("kipod/locks"),
        data.join("containers/storage/volumes"),
        data.join("containers/storage/networks"),
    ];
    if let Some(runtime) = runtime_folder() {
        folders.push(runtime.join("containers/networks/aardvark-dns"));
    }
    folders
}

fn runtime_folder() -> Option<PathBuf> {
    std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from)
}

/// Sockets of Podman services that a kipod started which is gone, and whose service is gone too.
/// A service outlives its kipod by half a minute when that was killed.
fn orphaned_sockets() -> Vec<String> {
    let Some(folder) = runtime_folder().map(|folder| folder.join("kipod")) else {
        return Vec::new();
    };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names =
        entries.map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()));
    names
        .filter_map(|(name, path)| {
            let pid = name.strip_prefix("podman-")?.strip_suffix(".sock")?.split('-').next()?;
            let served = std::os::unix::net::UnixStream::connect(&path).is_ok();
            let alive = Path::new("/proc").join(pid).exists();
            (!alive && !served && path.exists()).then(|| format!("socket `{}`", path.display()))
        })
        .collect()
}
