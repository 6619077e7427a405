//! Podman's description of itself.

use serde::Serialize;

/// The installed Podman.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PodmanFacts {
    /// `true` if the `podman` program is installed.
    pub installed: bool,
    /// Its version, if it reports one.
    #[serde(serialize_with = "serialize_version")]
    pub version: Option<semver::Version>,
    /// The error of `podman info`, if it failed.
    pub problem: Option<String>,
    /// The output of `podman info`, if it succeeded.
    pub info: Option<PodmanInfo>,
}

/// The fields of `podman info` that no other fact contains.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PodmanInfo {
    /// `true` if Podman runs without root privileges.
    pub rootless: bool,
    /// `true` if the `podman` program is a client of a remote service.
    pub remote: bool,
    /// The manager of containers' control groups: `systemd` or `cgroupfs`.
    pub cgroup_manager: String,
    /// `v1` or `v2`.
    pub cgroup_version: String,
    /// The controllers that Podman reports.
    pub cgroup_controllers: Vec<String>,
    /// The user ids of its user namespace; empty for root.
    pub uid_map: Vec<IdMap>,
    /// The group ids of its user namespace; empty for root.
    pub gid_map: Vec<IdMap>,
    /// The OCI runtime's name.
    pub runtime: String,
    /// `true` if SELinux is enabled.
    pub selinux: bool,
}

/// One line of a user namespace's id map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct IdMap {
    /// The first id inside the namespace.
    pub container_id: u64,
    /// The first id outside the namespace.
    pub host_id: u64,
    /// The number of ids.
    pub size: u64,
}

pub(super) fn serialize_version<S: serde::Serializer>(
    version: &Option<semver::Version>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    version.as_ref().map(ToString::to_string).serialize(serializer)
}
