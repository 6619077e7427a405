//! Podman's description of itself, remembered while nothing that it depends on has changed.
//!
//! `podman info` takes a quarter of a second, most of it to ask the package manager for versions
//! that nobody here reads. `kipod check` asks each time; creation is content with the last answer if
//! the same program would give it under the same configuration, to the same user, after the same
//! boot, in the same cgroup.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::source::PodmanAnswer;
use crate::util::fs::write_private;

/// Variables that change which configuration Podman reads, or what it finds.
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
/// Files whose text is part of what Podman reports.
const TEXTS: &[&str] =
    &["/proc/sys/kernel/random/boot_id", "/proc/self/cgroup", "/proc/self/uid_map"];
/// Folders with Podman's configuration and with the programs it calls.
const FOLDERS: &[&str] = &[
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
struct Memory {
    key: String,
    info: Value,
}

/// The answer that is remembered in kipod's runtime folder, or else Podman's own, remembered from
/// now on. A fault is not remembered.
pub(super) async fn ask(runtime: &Path) -> PodmanAnswer {
    let file = runtime.join("podman-info.json");
    let key = key();
    let memory = fs::read(&file).ok().and_then(|text| serde_json::from_slice::<Memory>(&text).ok());
    if let Some(memory) = memory.filter(|memory| memory.key == key) {
        return PodmanAnswer::Info(memory.info);
    }
    let answer = PodmanAnswer::ask().await;
    if let PodmanAnswer::Info(info) = &answer
        && let Ok(text) = serde_json::to_vec(&Memory { key, info: info.clone() })
    {
        // Without it the next creation is a little slower.
        let _ = write_private(&file, &text);
    }
    answer
}

/// Makes the next call ask.
pub(super) fn forget(runtime: &Path) {
    // A file that cannot be removed holds an answer that is judged again.
    let _ = fs::remove_file(runtime.join("podman-info.json"));
}

/// All that the answer depends on, as text.
fn key() -> String {
    let mut key = String::new();
    let mut note = |name: &str, value: &str| {
        let _ = writeln!(key, "{name}: {}", value.trim());
    };
    let uid = rustix::process::geteuid().as_raw();
    note("uid", &uid.to_string());
    let delegated =
        format!("/sys/fs/cgroup/user.slice/user-{uid}.slice/user@{uid}.service/cgroup.controllers");
    for path in TEXTS.iter().copied().chain([delegated.as_str()]) {
        note(path, &fs::read_to_string(path).unwrap_or_default());
    }
    for name in VARIABLES {
        note(name, &std::env::var(name).unwrap_or_default());
    }
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let config =
        std::env::var_os("XDG_CONFIG_HOME").map_or_else(|| home.join(".config"), Into::into);
    let folders = FOLDERS.iter().map(PathBuf::from).chain([config.join("containers")]);
    let mut files: Vec<PathBuf> = folders.flat_map(entries).collect();
    let path = std::env::var_os("PATH").unwrap_or_default();
    for folder in std::env::split_paths(&path) {
        files.extend(PROGRAMS.iter().map(|program| folder.join(program)));
    }
    for file in files {
        if let Ok(facts) = fs::metadata(&file) {
            let stamp = format!("{} {}.{}", facts.len(), facts.mtime(), facts.mtime_nsec());
            note(&file.to_string_lossy(), &stamp);
        }
    }
    key
}

/// A folder and what is in it, in order.
fn entries(folder: PathBuf) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(&folder)
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    found.sort();
    found.push(folder);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_remembered_answer_is_given_while_the_key_is_the_same() {
        let runtime = tempfile::tempdir().unwrap();
        let file = runtime.path().join("podman-info.json");
        let memory = Memory { key: key(), info: serde_json::json!({ "planted": true }) };
        fs::write(&file, serde_json::to_vec(&memory).unwrap()).unwrap();
        let PodmanAnswer::Info(info) = ask(runtime.path()).await else { panic!("it asked") };
        assert_eq!(info, serde_json::json!({ "planted": true }));

        let other = Memory { key: "another machine".to_owned(), ..memory };
        fs::write(&file, serde_json::to_vec(&other).unwrap()).unwrap();
        let answer = ask(runtime.path()).await;
        assert!(!format!("{answer:?}").contains("planted"), "{answer:?}");
    }
}
