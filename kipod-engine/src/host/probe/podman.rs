//! Runs `podman info`, `podman version` and `netavark version`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::host::facts::{IdMap, PodmanFacts, PodmanInfo};
use crate::podman::Command;
use crate::util::text::error_chain;

/// Directories of the programs that only Podman calls.
pub(super) const HELPER_DIRECTORIES: &[&str] = &[
    "/usr/libexec/podman",
    "/usr/lib/podman",
    "/usr/local/libexec/podman",
    "/usr/local/lib/podman",
];

/// Timeout for a query. Podman responds in well under a second, but can wait for a lock of another
/// process without end.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Podman's description of itself.
#[derive(Debug, Clone)]
pub(crate) enum PodmanResponse {
    /// There is no `podman` program on the `PATH`.
    NotInstalled,
    /// `podman info` failed.
    Failed {
        /// The output of `podman version --format json`, if that succeeded.
        version: Option<Value>,
        /// The failed command and the end of its output.
        message: String,
    },
    /// The output of `podman info --format json`.
    Info(Value),
}

impl PodmanResponse {
    /// Queries the `podman` on the `PATH`.
    pub(super) async fn query() -> Self {
        let message =
            match json_of(&Command::new("podman").args(["info", "--format", "json"])).await {
                Ok(info) => return Self::Info(info),
                Err(QueryError::NotInstalled) => return Self::NotInstalled,
                Err(QueryError::Failed(message)) => message,
            };
        let version = Command::new("podman").args(["version", "--format", "json"]);
        Self::Failed { version: json_of(&version).await.ok(), message }
    }

    /// Returns the output of `podman info`, or null.
    pub(super) fn info(&self) -> &Value {
        match self {
            Self::Info(info) => info,
            _ => &Value::Null,
        }
    }
}

/// Returns the output of `netavark version`, if Netavark is installed.
pub(super) async fn query_netavark(podman: &PodmanResponse) -> Option<Value> {
    // Podman reports the path since 5.0.
    let reported = podman.info().pointer("/host/networkBackendInfo/path").and_then(Value::as_str);
    let reported = reported.filter(|path| !path.is_empty()).map(PathBuf::from);
    let program = reported.or_else(|| {
        let mut paths = HELPER_DIRECTORIES.iter().map(|path| Path::new(path).join("netavark"));
        paths.find(|path| path.exists())
    })?;
    json_of(&Command::new(program).args(["version"])).await.ok()
}

enum QueryError {
    NotInstalled,
    Failed(String),
}

/// Returns the JSON that a command prints.
async fn json_of(command: &Command) -> Result<Value, QueryError> {
    let output = match tokio::time::timeout(TIMEOUT, command.output()).await {
        Err(_) => {
            let seconds = TIMEOUT.as_secs();
            return Err(QueryError::Failed(format!("`{command}` timed out after {seconds}s")));
        }
        Ok(Err(failure)) if failure.is_not_found() => return Err(QueryError::NotInstalled),
        Ok(Err(failure)) => return Err(QueryError::Failed(error_chain(&failure))),
        Ok(Ok(output)) => output,
    };
    serde_json::from_slice(&output)
        .map_err(|error| QueryError::Failed(format!("`{command}` printed invalid JSON: {error}")))
}

/// Reads the facts from Podman's response.
pub(super) fn podman_facts(response: &PodmanResponse) -> PodmanFacts {
    match response {
        PodmanResponse::NotInstalled => {
            PodmanFacts { installed: false, version: None, problem: None, info: None }
        }
        PodmanResponse::Failed { version, message } => PodmanFacts {
            installed: true,
            version: version.as_ref().and_then(|value| version_at(value, "/Client/Version")),
            problem: Some(message.clone()),
            info: None,
        },
        PodmanResponse::Info(info) => PodmanFacts {
            installed: true,
            version: version_at(info, "/version/Version"),
            problem: None,
            info: Some(podman_info(info)),
        },
    }
}

fn podman_info(info: &Value) -> PodmanInfo {
    let host = |pointer: &str| info.pointer(&format!("/host{pointer}"));
    let text = |pointer| host(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let flag = |pointer| host(pointer).and_then(Value::as_bool).unwrap_or(false);
    PodmanInfo {
        rootless: flag("/security/rootless"),
        remote: flag("/serviceIsRemote"),
        cgroup_manager: text("/cgroupManager"),
        cgroup_version: text("/cgroupVersion"),
        cgroup_controllers: host("/cgroupControllers")
            .and_then(Value::as_array)
            .map(|names| names.iter().filter_map(Value::as_str).map(str::to_owned).collect())
            .unwrap_or_default(),
        uid_map: id_map(host("/idMappings/uidmap")),
        gid_map: id_map(host("/idMappings/gidmap")),
        runtime: text("/ociRuntime/name"),
        selinux: flag("/security/selinuxEnabled"),
    }
}

fn id_map(value: Option<&Value>) -> Vec<IdMap> {
    let number = |entry: &Value, key| entry.get(key).and_then(Value::as_u64);
    value
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            Some(IdMap {
                container_id: number(entry, "container_id")?,
                host_id: number(entry, "host_id")?,
                size: number(entry, "size")?,
            })
        })
        .collect()
}

/// Reads a version from a response. Distributions add suffixes that are not semantic versioning
/// (`5.4.0~rc1`, `4.9.4-rhel`), so only the three numbers are kept.
pub(super) fn version_at(value: &Value, pointer: &str) -> Option<semver::Version> {
    let text = value.pointer(pointer)?.as_str()?;
    let numbers = text.split(|c: char| !c.is_ascii_digit() && c != '.').next()?;
    let mut numbers = numbers.split('.').map(str::parse);
    Some(semver::Version::new(
        numbers.next()?.ok()?,
        numbers.next()?.ok()?,
        numbers.next().and_then(Result::ok).unwrap_or(0),
    ))
}
