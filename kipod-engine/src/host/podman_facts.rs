//! What Podman says of itself.

use serde::Serialize;
use serde_json::Value;

use super::source::PodmanAnswer;

/// Podman as it stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PodmanFacts {
    /// Whether there is a `podman` program.
    pub installed: bool,
    /// Its version, when it has said so.
    #[serde(serialize_with = "as_text")]
    pub version: Option<semver::Version>,
    /// Why it could not describe itself.
    pub problem: Option<String>,
    /// How it described itself.
    pub info: Option<PodmanInfo>,
}

/// The part of `podman info` that matters here and belongs to no other fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PodmanInfo {
    /// Whether it runs without root's rights.
    pub rootless: bool,
    /// Whether the `podman` program is a client of a service elsewhere.
    pub remote: bool,
    /// `systemd` or `cgroupfs`: who makes control groups for containers.
    pub cgroup_manager: String,
    /// `v1` or `v2`.
    pub cgroup_version: String,
    /// The controllers Podman believes it has.
    pub cgroup_controllers: Vec<String>,
    /// The user ids of its user namespace; empty for root.
    pub uid_map: Vec<IdMap>,
    /// The group ids of its user namespace; empty for root.
    pub gid_map: Vec<IdMap>,
    /// The OCI runtime's name.
    pub runtime: String,
    /// Whether SELinux is on.
    pub selinux: bool,
}

/// One line of a user namespace's id map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct IdMap {
    /// The first id inside.
    pub container_id: u64,
    /// The first id outside.
    pub host_id: u64,
    /// How many.
    pub size: u64,
}

impl PodmanFacts {
    /// Reads Podman's answer.
    pub(super) fn read(answer: &PodmanAnswer) -> Self {
        match answer {
            PodmanAnswer::NotInstalled => {
                Self { installed: false, version: None, problem: None, info: None }
            }
            PodmanAnswer::Broken { version, message } => Self {
                installed: true,
                version: version.as_ref().and_then(|value| version_at(value, "/Client/Version")),
                problem: Some(message.clone()),
                info: None,
            },
            PodmanAnswer::Info(info) => Self {
                installed: true,
                version: version_at(info, "/version/Version"),
                problem: None,
                info: Some(PodmanInfo::read(info)),
            },
        }
    }
}

impl PodmanInfo {
    fn read(info: &Value) -> Self {
        let host = |pointer: &str| info.pointer(&format!("/host{pointer}"));
        let word = |pointer| host(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let yes = |pointer| host(pointer).and_then(Value::as_bool).unwrap_or(false);
        Self {
            rootless: yes("/security/rootless"),
            remote: yes("/serviceIsRemote"),
            cgroup_manager: word("/cgroupManager"),
            cgroup_version: word("/cgroupVersion"),
            cgroup_controllers: host("/cgroupControllers")
                .and_then(Value::as_array)
                .map(|names| names.iter().filter_map(Value::as_str).map(str::to_owned).collect())
                .unwrap_or_default(),
            uid_map: id_map(host("/idMappings/uidmap")),
            gid_map: id_map(host("/idMappings/gidmap")),
            runtime: word("/ociRuntime/name"),
            selinux: yes("/security/selinuxEnabled"),
        }
    }
}

pub(super) fn as_text<S: serde::Serializer>(
    version: &Option<semver::Version>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    version.as_ref().map(ToString::to_string).serialize(serializer)
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

/// The version at a place of Podman's answer. Distributions add words that semantic versioning
/// does not know (`5.4.0~rc1`, `4.9.4-rhel`), so only the three numbers are kept.
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
