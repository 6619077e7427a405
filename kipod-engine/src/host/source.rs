//! Where facts come from: files below a root folder, the environment, Podman's answer.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::Access;
use rustix::process::{Resource, getrlimit};
use serde_json::Value;

use super::facts::NodeImage;
use crate::podman::Command;

/// Where distributions put the programs that only Podman calls.
pub(super) const HELPER_FOLDERS: &[&str] = &[
    "/usr/libexec/podman",
    "/usr/lib/podman",
    "/usr/local/libexec/podman",
    "/usr/local/lib/podman",
];

/// How long Podman may take to describe itself. It answers in well under a second; one that waits
/// for a lock another process holds would otherwise hang `kipod check` for good.
const PODMAN_TIMEOUT: Duration = Duration::from_secs(30);

/// The folder that stands for `/`.
#[derive(Debug, Clone)]
pub struct Root(PathBuf);

impl Root {
    /// A root below which absolute paths are looked up.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Where the absolute path `path` lies below this root.
    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.0.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// A file's text; `None` when it is not there or cannot be read.
    pub fn read(&self, path: impl AsRef<Path>) -> Option<String> {
        let bytes = fs::read(self.path(path)).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// A file's bytes; `None` when it is not there or cannot be read.
    pub fn read_bytes(&self, path: impl AsRef<Path>) -> Option<Vec<u8>> {
        fs::read(self.path(path)).ok()
    }

    /// The whole number a file holds.
    pub fn number(&self, path: impl AsRef<Path>) -> Option<u64> {
        self.read(path)?.trim().parse().ok()
    }

    /// The words a file holds.
    pub fn words(&self, path: impl AsRef<Path>) -> Option<Vec<String>> {
        Some(self.read(path)?.split_whitespace().map(str::to_owned).collect())
    }

    /// Whether there is something at that path.
    pub fn exists(&self, path: impl AsRef<Path>) -> bool {
        self.path(path).exists()
    }

    /// Whether there is something at that path, even a link that leads nowhere below this root.
    pub fn is_linked(&self, path: impl AsRef<Path>) -> bool {
        self.path(path).symlink_metadata().is_ok()
    }

    /// The paths of a folder's entries whose names end with `suffix`, in the order of their names.
    pub fn list(&self, folder: impl AsRef<Path>, suffix: &str) -> Vec<PathBuf> {
        let folder = folder.as_ref();
        let Ok(entries) = fs::read_dir(self.path(folder)) else { return Vec::new() };
        let mut names: Vec<String> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| name.ends_with(suffix))
            .collect();
        names.sort();
        names.into_iter().map(|name| folder.join(name)).collect()
    }

    /// Whether this process may read and write what is at that path.
    pub fn read_write(&self, path: impl AsRef<Path>) -> bool {
        rustix::fs::access(self.path(path), Access::READ_OK | Access::WRITE_OK).is_ok()
    }

    /// Whether this process may write what is at that path.
    pub fn writable(&self, path: impl AsRef<Path>) -> bool {
        rustix::fs::access(self.path(path), Access::WRITE_OK).is_ok()
    }
}

/// What Podman said of itself.
#[derive(Debug, Clone)]
pub enum PodmanAnswer {
    /// There is no `podman` program on the `PATH`.
    NotInstalled,
    /// It is there and cannot describe itself.
    Broken {
        /// What `podman version --format json` printed, when at least that worked.
        version: Option<Value>,
        /// The failed command and the tail of its output.
        message: String,
    },
    /// What `podman info --format json` printed.
    Info(Value),
}

impl PodmanAnswer {
    /// Asks the `podman` on the `PATH`.
    pub async fn ask() -> Self {
        let message =
            match json_of(&Command::new("podman").args(["info", "--format", "json"])).await {
                Ok(info) => return Self::Info(info),
                Err(None) => return Self::NotInstalled,
                Err(Some(message)) => message,
            };
        let version = Command::new("podman").args(["version", "--format", "json"]);
        Self::Broken { version: json_of(&version).await.ok(), message }
    }
}

/// What `netavark version` prints, where Netavark is.
async fn netavark(podman: &PodmanAnswer) -> Option<Value> {
    let told = match podman {
        PodmanAnswer::Info(info) => info.pointer("/host/networkBackendInfo/path"),
        _ => None,
    };
    // Podman says where since 5.0.
    let told = told.and_then(Value::as_str).filter(|path| !path.is_empty()).map(PathBuf::from);
    let program = told.or_else(|| {
        let places = HELPER_FOLDERS.iter().map(|folder| Path::new(folder).join("netavark"));
        places.into_iter().find(|path| path.exists())
    })?;
    json_of(&Command::new(program).args(["version"])).await.ok()
}

/// The JSON a command prints. `Err(None)` means that the program does not exist.
async fn json_of(command: &Command) -> Result<Value, Option<String>> {
    let output = match tokio::time::timeout(PODMAN_TIMEOUT, command.output()).await {
        Err(_) => {
            let seconds = PODMAN_TIMEOUT.as_secs();
            return Err(Some(format!("`{command}` did not end within {seconds} s")));
        }
        Ok(Err(failure)) if failure.is_not_found() => return Err(None),
        Ok(Err(failure)) => return Err(Some(failure.to_string())),
        Ok(Ok(output)) => output,
    };
    serde_json::from_slice(&output)
        .map_err(|error| Some(format!("`{command}` printed something other than JSON: {error}")))
}

/// Everything that facts are gathered from.
#[derive(Debug, Clone)]
pub struct Sources {
    /// Stands for `/`.
    pub root: Root,
    /// The effective user id of this process.
    pub uid: u32,
    /// The environment: `PATH`, `USER`, `HOME` and the XDG variables are looked at.
    pub environment: BTreeMap<String, String>,
    /// What Podman said of itself.
    pub podman: PodmanAnswer,
    /// What Netavark said of itself.
    pub netavark: Option<Value>,
    /// Seconds since 1970 began.
    pub clock: u64,
    /// How many processors this process may use.
    pub cpus: usize,
    /// The hard limit of open files, `RLIMIT_NOFILE`; `None` is no limit.
    pub open_files: Option<u64>,
    /// The soft limit of the user's processes, `RLIMIT_NPROC`; `None` is no limit.
    pub processes: Option<u64>,
    /// The node image the caller asked Podman about.
    pub node_image: Option<NodeImage>,
}

impl Sources {
    /// The sources of the running machine and of this process. Runs `podman info` and
    /// `netavark version`.
    pub async fn of_this_machine(node_image: Option<NodeImage>) -> Self {
        Self::with(PodmanAnswer::ask().await, node_image).await
    }

    /// The same, with what Podman said of itself when it was last asked, if nothing that the answer
    /// depends on has changed since. The answer is kept in `runtime`, kipod's runtime folder.
    pub async fn remembered(runtime: &Path) -> Self {
        Self::with(super::remembered::ask(runtime).await, None).await
    }

    /// The same, but Podman is asked whatever is remembered.
    pub async fn asked_and_remembered(runtime: &Path) -> Self {
        super::remembered::forget(runtime);
        Self::remembered(runtime).await
    }

    async fn with(podman: PodmanAnswer, node_image: Option<NodeImage>) -> Self {
        Self {
            root: Root::new("/"),
            uid: rustix::process::geteuid().as_raw(),
            environment: std::env::vars_os()
                .filter_map(|(name, value)| {
                    Some((name.into_string().ok()?, value.into_string().ok()?))
                })
                .collect(),
            netavark: netavark(&podman).await,
            podman,
            clock: SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .map_or(0, |age| age.as_secs()),
            cpus: std::thread::available_parallelism().map_or(1, usize::from),
            open_files: getrlimit(Resource::Nofile).maximum,
            processes: getrlimit(Resource::Nproc).current,
            node_image,
        }
    }

    /// A variable of the environment that is set and not empty.
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.environment.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The user's folder for configuration files.
    pub(super) fn configuration(&self) -> Option<String> {
        self.variable("XDG_CONFIG_HOME")
            .map(str::to_owned)
            .or_else(|| Some(format!("{}/.config", self.variable("HOME")?)))
    }

    /// Where a program lies: in `folders`, then on the `PATH`, then where administrators' programs
    /// are, which is not on every user's `PATH`.
    pub(super) fn program(&self, name: &str, folders: &[&str]) -> Option<PathBuf> {
        let path = self.variable("PATH").unwrap_or("/usr/bin:/bin");
        folders
            .iter()
            .copied()
            .chain(path.split(':'))
            .chain(["/usr/sbin", "/sbin"])
            .filter(|folder| folder.starts_with('/'))
            .map(|folder| Path::new(folder).join(name))
            .find(|candidate| self.root.exists(candidate))
    }
}
