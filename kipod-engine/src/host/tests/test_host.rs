//! A simulated host: files below a temporary directory, and Podman's output.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::host::probe::{PodmanResponse, Root, Sources};
use crate::host::{HostFacts, NodeImagePresence, Report};

pub(super) const GIB: u64 = 1024 * 1024 * 1024;

/// The output of `podman info` for a rootless Podman 5 in a systemd session.
pub(super) fn podman_5() -> Value {
    json!({
        "host": {
            "cgroupManager": "systemd",
            "cgroupVersion": "v2",
            "cgroupControllers": ["cpu", "io", "memory", "pids"],
            "idMappings": {
                "uidmap": [
                    {"container_id": 0, "host_id": 1000, "size": 1},
                    {"container_id": 1, "host_id": 524288, "size": 65536},
                ],
                "gidmap": [
                    {"container_id": 0, "host_id": 1000, "size": 1},
                    {"container_id": 1, "host_id": 524288, "size": 65536},
                ],
            },
            "networkBackend": "netavark",
            "networkBackendInfo": {"dns": {"path": "/usr/libexec/podman/aardvark-dns"}},
            "ociRuntime": {"name": "crun"},
            "pasta": {"executable": "/usr/bin/pasta"},
            "rootlessNetworkCmd": "pasta",
            "security": {"rootless": true, "selinuxEnabled": true},
            "serviceIsRemote": false,
            "slirp4netns": {"executable": ""},
        },
        "store": {
            "graphDriverName": "overlay",
            "graphOptions": {},
            "graphRoot": "/home/ada/.local/share/containers/storage",
            "graphStatus": {"Backing Filesystem": "btrfs", "Supports d_type": "true"},
        },
        "version": {"Version": "5.5.2"},
    })
}

/// The output of `podman info` for Debian 12's Podman, without a systemd session.
pub(super) fn podman_4() -> Value {
    let mut info = podman_5();
    let host = &mut info["host"];
    host["cgroupManager"] = json!("cgroupfs");
    host["cgroupControllers"] = json!([]);
    host["idMappings"]["uidmap"][1]["host_id"] = json!(100_000);
    host["idMappings"]["gidmap"][1]["host_id"] = json!(100_000);
    host["slirp4netns"]["executable"] = json!("/usr/bin/slirp4netns");
    host["security"]["selinuxEnabled"] = json!(false);
    let table = host.as_object_mut().unwrap();
    table.remove("rootlessNetworkCmd");
    table.remove("pasta");
    table.remove("networkBackendInfo");
    info["store"]["graphStatus"]["Backing Filesystem"] = json!("extfs");
    info["version"]["Version"] = json!("4.3.1");
    info
}

/// The error that Podman prints if it is not allowed to create a user namespace.
pub(super) fn failed_podman(version: &str) -> PodmanResponse {
    PodmanResponse::Failed {
        version: Some(json!({"Client": {"Version": version}})),
        message: "`podman info --format json` failed with exit status 125:\n  cannot clone: Permission denied".to_owned(),
    }
}

pub(crate) struct TestHost {
    root: TempDir,
    pub(super) sources: Sources,
}

impl TestHost {
    /// Fedora 42 with everything a cluster needs, and the user `ada`.
    pub(crate) fn fedora() -> Self {
        let root = tempfile::tempdir().unwrap();
        let environment = [
            ("HOME", "/home/ada"),
            ("PATH", "/usr/local/bin:/usr/bin"),
            ("USER", "ada"),
            ("XDG_RUNTIME_DIR", "/run/user/1000"),
        ];
        let sources = Sources {
            root: Root::new(root.path()),
            uid: 1000,
            environment: environment.map(|(name, value)| (name.into(), value.into())).into(),
            podman: PodmanResponse::Info(podman_5()),
            netavark: None,
            clock: 1_800_000_000,
            cpus: 8,
            open_files: Some(524_288),
            processes: Some(62_000),
            node_image: None,
        };
        let host = Self { root, sources };
        host.release("fedora", "", "42").kernel("6.14.5-300.fc42.x86_64");
        for program in ["newuidmap", "newgidmap", "pasta", "fuse-overlayfs", "iptables"] {
            host.file(&format!("/usr/bin/{program}"), "");
        }
        host.file(
            "/etc/passwd",
            "root:x:0:0:root:/root:/bin/sh\nada:x:1000:1000::/home/ada:/bin/sh\n",
        )
        .file("/etc/subuid", "ada:524288:65536\n")
        .file("/etc/subgid", "ada:524288:65536\n")
        .file("/proc/sys/user/max_user_namespaces", "63000\n")
        .file("/proc/sys/net/ipv6/conf/all/disable_ipv6", "0\n")
        .file("/proc/sys/fs/inotify/max_user_instances", "8192\n")
        .file("/proc/sys/fs/inotify/max_user_watches", "524288\n")
        .file("/proc/meminfo", "MemTotal:  16000000 kB\nMemAvailable:   8388608 kB\n")
        .file("/proc/self/cgroup", "0::/user.slice/user-1000.slice/session-3.scope\n")
        .file("/dev/fuse", "")
        .file("/dev/net/tun", "")
        .file("/run/systemd/system/.keep", "")
        .file("/run/user/1000/systemd/private", "")
        .file("/run/user/1000/bus", "")
        .file("/var/lib/systemd/linger/ada", "")
        .group("/", "cpuset cpu io memory hugetlb pids rdma misc")
        .group("/user.slice/user-1000.slice", "cpuset cpu io memory pids")
        .group("/user.slice/user-1000.slice/session-3.scope", "memory pids")
        .group("/user.slice/user-1000.slice/user@1000.service", "cpuset cpu io memory pids")
        .file("/sys/fs/cgroup/user.slice/user-1000.slice/pids.max", "20000\n")
        .file("/sys/fs/cgroup/user.slice/pids.max", "max\n");
        host
    }

    /// Debian 12 as installed: Podman 4, systemd with its stock delegation, no lingering.
    pub(super) fn debian() -> Self {
        let mut host = Self::fedora();
        let mut info = podman_4();
        info["host"]["cgroupManager"] = json!("systemd");
        host.sources.podman = PodmanResponse::Info(info);
        host.release("debian", "", "12")
            .kernel("6.1.0-37-amd64")
            .file("/etc/subuid", "ada:100000:65536\n")
            .file("/etc/subgid", "ada:100000:65536\n")
            .file("/usr/bin/slirp4netns", "")
            .file("/usr/lib/podman/aardvark-dns", "")
            .file("/proc/sys/fs/inotify/max_user_instances", "128\n")
            .group("/user.slice/user-1000.slice/user@1000.service", "memory pids")
            .gone("/var/lib/systemd/linger/ada");
        host
    }

    pub(super) fn file(&self, path: &str, text: &str) -> &Self {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    pub(super) fn gone(&self, path: &str) -> &Self {
        let path = self.path(path);
        if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.unwrap();
        self
    }

    pub(super) fn release(&self, id: &str, like: &str, version: &str) -> &Self {
        let text = format!("ID={id}\nID_LIKE=\"{like}\"\nVERSION_ID=\"{version}\"\n");
        self.file("/etc/os-release", &text)
    }

    /// A kernel whose modules are all installed.
    pub(super) fn kernel(&self, release: &str) -> &Self {
        let modules = [
            "br_netfilter",
            "bridge",
            "ip_tables",
            "iptable_filter",
            "iptable_nat",
            "nf_conntrack",
            "nf_nat",
            "nf_tables",
            "nft_chain_nat",
            "nft_compat",
            "overlay",
            "veth",
            "xt_MASQUERADE",
            "xt_addrtype",
            "xt_comment",
            "xt_conntrack",
            "xt_nat",
            "xt_statistic",
        ];
        let lines = modules.map(|name| format!("kernel/{name}.ko.xz: kernel/x_tables.ko.xz\n"));
        self.file("/proc/sys/kernel/osrelease", &format!("{release}\n"))
            .file(&format!("/lib/modules/{release}/modules.builtin"), "kernel/net/xt_mark.ko\n")
            .file(&format!("/lib/modules/{release}/modules.dep"), &lines.concat())
            .file("/proc/modules", "overlay 200704 0 - Live 0x0\nnf_tables 1 0 - Live 0x0\n")
    }

    /// A control group of version 2 with those controllers.
    pub(super) fn group(&self, path: &str, controllers: &str) -> &Self {
        let directory = format!("/sys/fs/cgroup{path}");
        for (name, text) in [
            ("cgroup.controllers", controllers),
            ("cgroup.subtree_control", controllers),
            ("cgroup.procs", ""),
        ] {
            self.file(&format!("{directory}/{name}"), text);
        }
        self
    }

    pub(super) fn info(&mut self) -> &mut Value {
        match &mut self.sources.podman {
            PodmanResponse::Info(info) => info,
            other => panic!("`podman info` failed: {other:?}"),
        }
    }

    pub(super) fn node_image(&mut self, present: bool) {
        let reference = "localhost/kipod-node:latest".to_owned();
        self.sources.node_image = Some(NodeImagePresence { reference, present });
    }

    pub(crate) async fn facts(&self) -> HostFacts {
        let mut facts = HostFacts::gather(self.sources.clone()).await;
        // These two are read from the real host, not from the root directory.
        facts.architecture = "x86_64".to_owned();
        facts.storage.free = facts.storage.free.map(|_| 40 * GIB);
        facts
    }

    pub(super) async fn report(&self) -> Report {
        Report::of(self.facts().await)
    }

    fn path(&self, path: &str) -> std::path::PathBuf {
        self.root.path().join(Path::new(path).strip_prefix("/").unwrap())
    }
}
