//! Tests of the script `setup`, with a temporary root directory and fake programs that record their
//! calls.
#![allow(missing_docs, reason = "a test crate has no users")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// Fake of all programs: records its call, and simulates the effects that `setup` reads.
const PROGRAM: &str = r#"#!/bin/sh
name=${0##*/}
case "$name $1" in
    dpkg-query*) for package; do :; done; grep -qx "$package" "$STATE/packages" && echo 'install ok installed'; exit ;;
    rpm*) for package; do :; done; grep -qx "$package" "$STATE/packages"; exit ;;
    'apt-cache show') [ "$2" != passt ]; exit ;;
    'dnf --version') echo dnf5 version 5.2; exit ;;
    'cargo --version') [ -s "$STATE/cargo" ] && cat "$STATE/cargo"; exit ;;
    'systemctl --quiet') [ -e "$STATE/active" ]; exit ;;
esac
echo "$name $*" >> "$STATE/calls"
case "$name $1" in
    'apt-get install' | 'dnf install') shift; printf '%s\n' "$@" >> "$STATE/packages" ;;
    'loginctl enable-linger') mkdir -p "$KIPOD_SETUP_ROOT/var/lib/systemd/linger"; : > "$KIPOD_SETUP_ROOT/var/lib/systemd/linger/$2" ;;
    'sysctl --quiet') sed -n 's/ = / /p' "$3" | while read -r name value; do
            echo "$value" > "$KIPOD_SETUP_ROOT/proc/sys/$(echo "$name" | tr . /)"; done ;;
esac
"#;

const PROGRAMS: &[&str] = &[
    "apt-cache",
    "apt-get",
    "cargo",
    "cc",
    "dnf",
    "dpkg-query",
    "loginctl",
    "modprobe",
    "rpm",
    "sudo",
    "sysctl",
    "systemctl",
];

struct Machine {
    dir: TempDir,
}

struct Outcome {
    status: i32,
    text: String,
}

impl Machine {
    /// Creates a fresh installation with systemd and the user Ada.
    fn new(id: &str, version: &str) -> Self {
        let machine = Self { dir: tempfile::tempdir().unwrap() };
        for program in PROGRAMS {
            let path = machine.dir.path().join("bin").join(program);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, PROGRAM).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        fs::create_dir_all(machine.dir.path().join("state")).unwrap();
        machine
            .state("cargo", "cargo 1.95.0 (abc 2026-01-01)\n")
            .state("packages", "")
            .state("calls", "");
        machine
            .file("/etc/os-release", &format!("ID={id}\nVERSION_ID=\"{version}\"\n"))
            .file("/etc/passwd", "root:x:0:0::/root:/bin/sh\nada:x:1000:1000::/home/ada:/bin/sh\n")
            .file("/etc/subuid", "bob:100000:65536")
            .file("/proc/sys/fs/inotify/max_user_instances", "128\n")
            .file("/proc/sys/fs/inotify/max_user_watches", "1048576\n")
            .file("/proc/sys/net/core/wmem_max", "212992\n")
            .file("/proc/sys/user/max_user_namespaces", "63000\n")
            .file("/sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory pids\n")
            .file("/run/systemd/system/.keep", "")
            .file("/etc/udev/udev.conf", "")
            .device("/dev/fuse", 0o666)
            .device("/dev/net/tun", 0o666);
        machine
    }

    fn file(&self, path: &str, text: &str) -> &Self {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    fn device(&self, path: &str, mode: u32) -> &Self {
        self.file(path, "");
        fs::set_permissions(self.path(path), fs::Permissions::from_mode(mode)).unwrap();
        self
    }

    fn state(&self, name: &str, text: &str) -> &Self {
        fs::write(self.dir.path().join("state").join(name), text).unwrap();
        self
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join("root").join(path.strip_prefix('/').unwrap())
    }

    /// Returns the recorded calls since the last time.
    fn calls(&self) -> Vec<String> {
        let path = self.dir.path().join("state/calls");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(path, "").unwrap();
        let root = self.dir.path().join("root").display().to_string();
        text.lines().map(|line| line.replace(&root, "")).collect()
    }

    /// Returns every file with its content.
    fn files(&self) -> BTreeMap<PathBuf, String> {
        fn walk(dir: &Path, files: &mut BTreeMap<PathBuf, String>) {
            for entry in fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    walk(&path, files);
                } else {
                    files.insert(path.clone(), fs::read_to_string(&path).unwrap());
                }
            }
        }
        let mut files = BTreeMap::new();
        walk(&self.dir.path().join("root"), &mut files);
        files
    }

    fn setup(&self, args: &[&str]) -> Outcome {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../setup");
        let output = Command::new(script)
            .args(args)
            .env_clear()
            .env("KIPOD_SETUP_ROOT", self.dir.path().join("root"))
            .env("STATE", self.dir.path().join("state"))
            .env("PATH", format!("{}:/usr/bin:/bin", self.dir.path().join("bin").display()))
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        Outcome { status: output.status.code().unwrap(), text }
    }
}

#[test]
fn setup_prepares_a_fresh_fedora() {
    let machine = Machine::new("fedora", "42");
    let outcome = machine.setup(&["--user", "ada"]);
    assert_eq!(outcome.status, 0, "{}", outcome.text);
    assert_eq!(machine.read("/etc/subuid"), "bob:100000:65536\nada:165536:65536\n");
    assert_eq!(machine.read("/etc/subgid"), "ada:100000:65536\n");
    assert_eq!(
        machine.read("/etc/systemd/system/user@.service.d/kipod-delegate.conf"),
        "# Written by kipod's setup: lets users limit the resources of their containers.\n\
         [Service]\nDelegate=cpu cpuset io memory pids\n"
    );
    // Higher values are kept.
    assert_eq!(machine.read("/proc/sys/fs/inotify/max_user_instances"), "8192\n");
    assert_eq!(machine.read("/proc/sys/fs/inotify/max_user_watches"), "1048576\n");
    assert_eq!(machine.read("/proc/sys/net/core/wmem_max"), "4194304\n");
    assert_eq!(
        machine.calls(),
        [
            "dnf install -y --skip-unavailable podman crun shadow-utils slirp4netns passt fuse-overlayfs netavark aardvark-dns catatonit iptables-nft nftables dbus-broker",
            "sysctl --quiet --load /etc/sysctl.d/60-kipod.conf",
            "systemctl daemon-reload",
            "loginctl enable-linger ada",
        ]
    );

    let before = machine.files();
    let outcome = machine.setup(&["--user", "ada"]);
    assert_eq!(
        (outcome.status, outcome.text.ends_with("nothing to do\n")),
        (0, true),
        "{}",
        outcome.text
    );
    assert_eq!(machine.calls(), [""; 0]);
    assert_eq!(machine.files(), before);
}

#[test]
fn a_dry_run_changes_nothing() {
    let machine = Machine::new("ubuntu", "24.04");
    let before = machine.files();
    let outcome = machine.setup(&["--dry-run", "--user=ada"]);
    assert_eq!(outcome.status, 0, "{}", outcome.text);
    for words in [
        "todo  install podman crun uidmap slirp4netns fuse-overlayfs",
        "todo  /etc/subuid: add ada:165536:65536",
        "fs.inotify.max_user_instances = 8192, was 128",
        "changes needed: 6",
    ] {
        assert!(outcome.text.contains(words), "`{words}` is not in:\n{}", outcome.text);
    }
    assert_eq!(machine.calls(), [""; 0]);
    assert_eq!(machine.files(), before);
}

#[test]
fn setup_skips_systemd_in_a_container() {
    let machine = Machine::new("debian", "12");
    fs::remove_dir_all(machine.path("/run/systemd")).unwrap();
    machine.file("/etc/subuid", "1000:100000:40000\nada:200000:40000\n");
    let outcome = machine.setup(&["--user", "ada"]);
    assert_eq!(outcome.status, 0, "{}", outcome.text);
    assert!(outcome.text.contains("skip  controllers: systemd is not running"), "{}", outcome.text);
    assert!(outcome.text.contains("skip  lingering: systemd is not running"), "{}", outcome.text);
    assert_eq!(machine.read("/etc/subuid"), "1000:100000:40000\nada:200000:40000\n");
    assert_eq!(
        machine.calls(),
        [
            "apt-get update -q",
            "apt-get install -q -y podman crun uidmap slirp4netns fuse-overlayfs netavark aardvark-dns catatonit iptables nftables dbus-user-session",
            "sysctl --quiet --load /etc/sysctl.d/60-kipod.conf",
        ]
    );
}

#[test]
fn setup_fixes_devices_modules_and_namespaces() {
    let machine = Machine::new("fedora", "42");
    let release = Command::new("uname").arg("-r").output().unwrap().stdout;
    let release = String::from_utf8(release).unwrap();
    let modules = format!("/lib/modules/{}/modules.dep", release.trim());
    machine
        .device("/dev/fuse", 0o600)
        .file(&modules, "kernel/fs/fuse/fuse.ko.xz:\nkernel/net/xt_mark.ko: kernel/x_tables.ko\n")
        .file("/proc/sys/user/max_user_namespaces", "0\n");
    let outcome = machine.setup(&["--user", "ada"]);
    assert_eq!(outcome.status, 0, "{}", outcome.text);
    let mode = fs::metadata(machine.path("/dev/fuse")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o666);
    assert!(
        machine.read("/etc/udev/rules.d/60-kipod.rules").contains("KERNEL==\"tun\", MODE=\"0666\"")
    );
    assert!(machine.read("/etc/modules-load.d/kipod.conf").ends_with("\nfuse\nxt_mark\n"));
    assert_eq!(machine.read("/proc/sys/user/max_user_namespaces"), "28633\n");
    let calls = machine.calls();
    assert!(calls.contains(&"modprobe fuse".to_owned()), "{calls:?}");
    assert!(calls.contains(&"modprobe xt_mark".to_owned()), "{calls:?}");
    let outcome = machine.setup(&["--user", "ada"]);
    assert!(outcome.text.ends_with("nothing to do\n"), "{}", outcome.text);
}

#[test]
fn a_running_manager_needs_a_new_login() {
    let machine = Machine::new("fedora", "42");
    machine.state("active", "").file(
        "/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/cgroup.controllers",
        "memory pids\n",
    );
    let advice = "the controllers take effect at the next login";
    assert!(machine.setup(&["--user", "ada"]).text.contains(advice));
    // Also if no changes are needed.
    assert!(machine.setup(&["--user", "ada"]).text.contains(advice));
    machine.file(
        "/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/cgroup.controllers",
        "cpuset cpu io memory pids\n",
    );
    assert!(!machine.setup(&["--user", "ada"]).text.contains(advice));
}

#[test]
fn setup_refuses_wrong_usage_and_old_releases() {
    let cases = [
        (("ubuntu", "22.04"), vec!["--user", "ada"], 1, "upgrade to 24.04 or later"),
        (("debian", "11"), vec!["--user", "ada"], 1, "upgrade to 12 or later"),
        (("debian", "12"), vec!["--user", "eve"], 1, "user `eve` not found"),
        (("debian", "12"), vec!["--user"], 2, "--user needs a name"),
        (("debian", "12"), vec!["--now"], 2, "unknown argument `--now`"),
    ];
    for ((id, version), args, status, words) in cases {
        let machine = Machine::new(id, version);
        let before = machine.files();
        let outcome = machine.setup(&args);
        assert_eq!(outcome.status, status, "{}", outcome.text);
        assert!(outcome.text.contains(words), "`{words}` is not in:\n{}", outcome.text);
        assert_eq!(machine.files(), before);
    }
}

#[test]
fn an_unknown_distribution_gets_no_packages() {
    let machine = Machine::new("arch", "");
    let outcome = machine.setup(&["--user", "ada"]);
    assert_eq!(outcome.status, 0, "{}", outcome.text);
    assert!(outcome.text.contains("skip  packages:"), "{}", outcome.text);
    assert_eq!(machine.read("/etc/subgid"), "ada:100000:65536\n");
}

#[test]
fn setup_gives_advice_on_rust() {
    let machine = Machine::new("fedora", "42");
    let text =
        |cargo: &str| machine.state("cargo", cargo).setup(&["--dry-run", "--user", "ada"]).text;
    assert!(text("").contains("ada needs Rust 1.89 or later (https://rustup.rs)"));
    assert!(text("cargo 1.75.0\n").contains("ada needs Rust 1.89 or later, not 1.75.0"));
    assert!(!text("cargo 1.100.0 (abc)\n").contains("cargo"));
}

#[test]
fn the_tests_option_installs_busybox_once() {
    for (id, version, package) in [("debian", "12", "busybox-static"), ("fedora", "42", "busybox")]
    {
        let machine = Machine::new(id, version);
        assert_eq!(machine.setup(&["--user", "ada"]).status, 0);
        let installs = |calls: Vec<String>| {
            let words = calls.iter().flat_map(|call| call.split(' '));
            words.filter(|word| *word == package).count()
        };
        assert_eq!(installs(machine.calls()), 0);
        let outcome = machine.setup(&["--tests", "--user", "ada"]);
        assert_eq!((outcome.status, installs(machine.calls())), (0, 1), "{}", outcome.text);
        let outcome = machine.setup(&["--tests", "--user", "ada"]);
        assert!(outcome.text.contains("nothing to do"), "{}", outcome.text);
    }
}

#[test]
fn help_explains_how_to_undo_each_change() {
    let outcome = Machine::new("fedora", "42").setup(&["--help"]);
    assert_eq!(
        (outcome.status, outcome.text.matches("undo: ").count()),
        (0, 7),
        "{}",
        outcome.text
    );
}
