//! The search for resources that a cluster left on the host.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::{TestCluster, podman};

/// Timeout for processes that are ending.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A search for the resources of one cluster. It works after the cluster has been deleted, too.
#[derive(Debug, Clone)]
pub struct Leftovers {
    cluster: String,
    kubeconfig: PathBuf,
    /// The ids of the containers at the time this value was created.
    containers: Vec<String>,
}

impl Leftovers {
    pub(crate) fn of(cluster: &TestCluster) -> Self {
        Self::new(&cluster.name, &cluster.kubeconfig())
    }

    /// Creates a search for the resources of the cluster with a name, and for its entry in a kubeconfig.
    pub fn new(cluster: &str, kubeconfig: &Path) -> Self {
        let filter = format!("label=io.kipod.cluster={cluster}");
        let ids = podman(&["ps", "--all", "--quiet", "--no-trunc", "--filter", &filter]);
        Self {
            cluster: cluster.to_owned(),
            kubeconfig: kubeconfig.to_owned(),
            containers: ids.lines().map(str::to_owned).collect(),
        }
    }

    /// Returns the resources that exist now, one line each.
    pub fn find(&self) -> Vec<String> {
        let mut found = Vec::new();
        let lists = [
            // `--external` includes containers that exist in the storage only.
            ("container", podman(&["ps", "--all", "--external", "--format", "{{.Names}}"])),
            ("volume", podman(&["volume", "ls", "--format", "{{.Name}}"])),
            ("network", podman(&["network", "ls", "--format", "{{.Name}}"])),
        ];
        for (kind, list) in lists {
            let names = list.lines().filter(|name| self.matches(name));
            found.extend(names.map(|name| format!("{kind} `{name}`")));
        }
        let images = podman(&["images", "--format", "{{.Repository}}"]);
        let held = format!("localhost/held-by-kipod-cluster/{}/", self.cluster);
        let held = images.lines().filter(|name| name.starts_with(&held));
        found.extend(held.map(|name| format!("image name `{name}`")));
        for dir in directories() {
            let entries = std::fs::read_dir(&dir).into_iter().flatten().flatten();
            for entry in entries.filter(|entry| self.matches(&entry.file_name().to_string_lossy()))
            {
                found.push(format!("file `{}`", entry.path().display()));
            }
        }
        let config = std::fs::read_to_string(&self.kubeconfig).unwrap_or_default();
        if config.contains(&format!("kipod-{}", self.cluster)) {
            found.push(format!("entry in kubeconfig `{}`", self.kubeconfig.display()));
        }
        let mut lock = self.kubeconfig.clone().into_os_string();
        lock.push(".lock");
        if Path::new(&lock).exists() {
            found.push(format!("lock `{}`", lock.display()));
        }
        found.extend(self.processes());
        found.extend(orphaned_sockets());
        found
    }

    /// Returns the resources that exist and do not disappear within five seconds, one line each.
    pub fn remaining(&self) -> Vec<String> {
        let start = Instant::now();
        loop {
            let found = self.find();
            if found.is_empty() || start.elapsed() >= TIMEOUT {
                return found;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Fails the test if resources exist and do not disappear within five seconds.
    #[track_caller]
    pub fn assert_none(&self) {
        let found = self.remaining();
        assert!(found.is_empty(), "leftovers of `{}`: {found:#?}", self.cluster);
    }

    /// Returns whether a resource name belongs to the cluster: `NAME`, `kipod-NAME`, or either with
    /// a suffix, such as `NAME-control-plane-0` or `NAME.lock`.
    fn matches(&self, name: &str) -> bool {
        let name = name.strip_prefix("kipod-").unwrap_or(name);
        let rest = name.strip_prefix(self.cluster.as_str());
        rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
    }

    /// Returns the processes whose command line or cgroup contains a node's name or a container id.
    fn processes(&self) -> Vec<String> {
        let nodes = ["control-plane", "worker"].map(|role| format!("{}-{role}-", self.cluster));
        let this = std::process::id().to_string();
        let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let pids = pids.filter(|name| name.parse::<u32>().is_ok() && *name != this);
        pids.filter_map(|pid| {
            let read = |file: &str| std::fs::read(Path::new("/proc").join(&pid).join(file));
            let command = String::from_utf8_lossy(&read("cmdline").ok()?).replace('\0', " ");
            let cgroup = String::from_utf8_lossy(&read("cgroup").ok()?).into_owned();
            let of_container =
                |id: &String| command.contains(id.as_str()) || cgroup.contains(id.as_str());
            let of_node = nodes.iter().any(|node| command.contains(node.as_str()));
            let found = of_node || self.containers.iter().any(of_container);
            found.then(|| {
                format!("process {pid}: {}", command.chars().take(120).collect::<String>())
            })
        })
        .collect()
    }
}

/// Returns the directories in which kipod, or Podman on its behalf, stores files of a cluster.
fn directories() -> Vec<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let home = variable("HOME").expect("HOME");
    let state = variable("XDG_STATE_HOME").unwrap_or_else(|| home.join(".local/state"));
    let data = variable("XDG_DATA_HOME").unwrap_or_else(|| home.join(".local/share"));
    let mut directories = vec![
        state.join("kipod/clusters"),
        state.join("kipod/loads"),
        state.join("kipod/locks"),
        state.join("kipod/test"),
        data.join("containers/storage/volumes"),
        data.join("containers/storage/networks"),
    ];
    if let Some(runtime) = runtime_directory() {
        directories.push(runtime.join("containers/networks/aardvark-dns"));
    }
    directories
}

fn runtime_directory() -> Option<PathBuf> {
    std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from)
}

/// Returns the sockets of Podman services started by a kipod that has exited, unless the service
/// still runs: after a SIGKILL of kipod it lives for another 30 seconds.
fn orphaned_sockets() -> Vec<String> {
    let Some(dir) = runtime_directory().map(|dir| dir.join("kipod")) else {
        return Vec::new();
    };
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
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
