//! A cache of `podman info`.
//!
//! `podman info` takes a quarter of a second, most of which it spends querying the package manager
//! for versions that kipod does not use. `kipod check` always queries Podman. Creation accepts the
//! cached output if the program, its configuration, the user, the boot and the cgroup are the same.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::podman::PodmanResponse;
use crate::util::bounded::{self, TEXT_LIMIT};
use crate::util::fs::write_private;
use crate::util::variable;

/// Variables that change Podman's configuration or the programs it finds.
const VARIABLES: &[&str] = &[
    "CONTAINERS_CONF",
    "CONTAINERS_CONF_OVERRIDE",
    "CONTAINERS_STORAGE_CONF",
    "CONTAINER_HOST",
    "DBUS_SESSION_BUS_ADDRESS",
    "HOME",
    "PATH",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_RUNTIME_DIR",
];
/// Files with content that Podman reports.
const CONTENTS: &[&str] =
    &["/proc/sys/kernel/random/boot_id", "/proc/self/cgroup", "/proc/self/uid_map"];
/// Directories of Podman's configuration and of the programs it calls.
const DIRECTORIES: &[&str] = &[
    "/etc/containers",
    "/etc/containers/containers.conf.d",
    "/etc/containers/storage.conf.d",
    "/usr/share/containers",
    "/usr/lib/podman",
    "/usr/libexec/podman",
    "/etc/systemd/system/user@.service.d",
];
/// Programs that Podman looks up.
const PROGRAMS: &[&str] =
    &["podman", "crun", "runc", "conmon", "slirp4netns", "pasta", "fuse-overlayfs"];

#[derive(Serialize, Deserialize)]
struct Entry {
    key: String,
    info: Value,
}

/// Returns the response cached in kipod's runtime directory, or queries Podman and caches the
/// response. Errors are not cached.
pub(super) async fn query_cached(runtime: &Path) -> PodmanResponse {
    let file = path(runtime);
    let key = key();
    let cached = bounded::read(&file, TEXT_LIMIT).ok();
    let entry = cached.and_then(|text| serde_json::from_slice::<Entry>(&text).ok());
    if let Some(entry) = entry.filter(|entry| entry.key == key) {
        return PodmanResponse::Info(entry.info);
    }
    let response = PodmanResponse::query().await;
    if let PodmanResponse::Info(info) = &response
        && let Ok(text) = serde_json::to_vec(&Entry { key, info: info.clone() })
    {
        // Without the cache the next creation is a little slower.
        let _ = write_private(&file, &text);
    }
    response
}

/// Clears the cache.
pub(super) fn clear(runtime: &Path) {
    // If the file cannot be removed, the cached response is used again.
    let _ = fs::remove_file(path(runtime));
}

fn path(runtime: &Path) -> PathBuf {
    runtime.join("podman-info.json")
}

/// Returns everything the response depends on, as text.
fn key() -> String {
    let mut key = String::new();
    let mut add = |name: &str, value: &str| {
        let _ = writeln!(key, "{name}: {}", value.trim());
    };
    let uid = rustix::process::geteuid().as_raw();
    add("uid", &uid.to_string());
    let delegated =
        format!("/sys/fs/cgroup/user.slice/user-{uid}.slice/user@{uid}.service/cgroup.controllers");
    for path in CONTENTS.iter().copied().chain([delegated.as_str()]) {
        add(path, &bounded::read_text(Path::new(path), TEXT_LIMIT).unwrap_or_default());
    }
    for name in VARIABLES {
        add(name, &std::env::var(name).unwrap_or_default());
    }
    let home = variable("HOME").map(PathBuf::from).unwrap_or_default();
    let config = variable("XDG_CONFIG_HOME").map_or_else(|| home.join(".config"), Into::into);
    let directories = DIRECTORIES.iter().map(PathBuf::from).chain([config.join("containers")]);
    let mut files: Vec<PathBuf> = directories.flat_map(entries).collect();
    let path = std::env::var_os("PATH").unwrap_or_default();
    for directory in std::env::split_paths(&path) {
        files.extend(PROGRAMS.iter().map(|program| directory.join(program)));
    }
    for file in files {
        if let Ok(metadata) = fs::metadata(&file) {
            let stamp =
                format!("{} {}.{}", metadata.len(), metadata.mtime(), metadata.mtime_nsec());
            add(&file.to_string_lossy(), &stamp);
        }
    }
    key
}

/// Returns the sorted entries of a directory, and the directory itself.
fn entries(directory: PathBuf) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(&directory)
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    found.sort();
    found.push(directory);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn cache_is_used_while_the_key_matches() {
        let runtime = tempfile::tempdir().unwrap();
        let file = path(runtime.path());
        let entry = Entry { key: key(), info: serde_json::json!({ "planted": true }) };
        fs::write(&file, serde_json::to_vec(&entry).unwrap()).unwrap();
        let PodmanResponse::Info(info) = query_cached(runtime.path()).await else {
            panic!("Podman was queried")
        };
        assert_eq!(info, serde_json::json!({ "planted": true }));

        let other = Entry { key: "another host".to_owned(), ..entry };
        fs::write(&file, serde_json::to_vec(&other).unwrap()).unwrap();
        let response = query_cached(runtime.path()).await;
        assert!(!format!("{response:?}").contains("planted"), "{response:?}");
    }
}
