//! Gathering the facts. Nothing here fails: what cannot be read is `None`.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::cgroup::{CgroupFacts, ScopeKind};
use super::distribution::Distribution;
use super::facts::{
    Device, Devices, HostFacts, IdRange, Limits, NetworkFacts, Resources, Session, StorageFacts,
    SubordinateIds, User, UserNamespaces,
};
use super::kernel::{IPV6, Kernel};
use super::podman_facts::{IdMap, PodmanFacts, version_at};
use super::source::{HELPER_FOLDERS, PodmanAnswer, Root, Sources};
use crate::util::blocking;

/// `SUB_UID_MIN` of `/etc/login.defs`, unless an administrator changed it.
const FIRST_SUBORDINATE_ID: u64 = 100_000;

impl HostFacts {
    /// Asks the machine, once.
    ///
    /// The files are read on tokio's blocking threads, since one of them may lie on a file system
    /// that does not answer.
    ///
    /// ```no_run
    /// use kipod_engine::host::{HostFacts, Sources};
    ///
    /// # async fn example() {
    /// let facts = HostFacts::gather(Sources::of_this_machine(None).await).await;
    /// println!("{} controllers", facts.cgroup.delegated.len());
    /// # }
    /// ```
    pub async fn gather(sources: Sources) -> Self {
        blocking(move || Self::read(&sources)).await
    }

    fn read(sources: &Sources) -> Self {
        let root = &sources.root;
        let podman = PodmanFacts::read(&sources.podman);
        let info = match &sources.podman {
            PodmanAnswer::Info(info) => info,
            _ => &Value::Null,
        };
        let user = user(sources);
        let cgroup = CgroupFacts::read(root, sources.uid, podman.info.as_ref());
        Self {
            clock: sources.clock,
            architecture: std::env::consts::ARCH.to_owned(),
            distribution: Distribution::read(root),
            kernel: Kernel::read(root),
            user_namespaces: user_namespaces(sources, &podman),
            subuids: subordinate_ids(sources, &user, &podman, Ids::User),
            subgids: subordinate_ids(sources, &user, &podman, Ids::Group),
            devices: Devices { fuse: device(root, "/dev/fuse"), tun: device(root, "/dev/net/tun") },
            storage: storage(sources, info),
            network: network(sources, info, &podman),
            limits: limits(sources, &cgroup),
            session: session(sources, &user),
            resources: resources(sources),
            node_image: sources.node_image.clone(),
            cgroup,
            podman,
            user,
        }
    }
}

fn user(sources: &Sources) -> User {
    let passwd = sources.root.read("/etc/passwd").unwrap_or_default();
    let named = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(sources.uid)).then(|| name.to_owned())
    });
    // A user of a directory service is not in the file.
    let local = named.is_some();
    let name = named.or_else(|| sources.variable("USER").map(str::to_owned));
    User { uid: sources.uid, name, local }
}

fn user_namespaces(sources: &Sources, podman: &PodmanFacts) -> UserNamespaces {
    let root = &sources.root;
    let flag = |name: &str| Some(root.number(format!("/proc/sys/kernel/{name}"))? != 0);
    // A profile is for the program at one path: a podman from elsewhere is not in Ubuntu's own.
    let program = sources.program("podman", &[]).unwrap_or_else(|| "/usr/bin/podman".into());
    let program = program.display().to_string();
    let allows = |file: &str| {
        let text = root.read(file).unwrap_or_default();
        text.split_whitespace().any(|word| word == program)
            && text.lines().any(|line| line.trim_start().starts_with("userns"))
    };
    UserNamespaces {
        proven: podman.info.as_ref().is_some_and(|info| info.rootless && !info.uid_map.is_empty()),
        max: root.number("/proc/sys/user/max_user_namespaces"),
        unprivileged_clone: flag("unprivileged_userns_clone"),
        apparmor_restricted: flag("apparmor_restrict_unprivileged_userns"),
        apparmor_profile: ["podman", "kipod-podman"]
            .iter()
            .any(|name| allows(&format!("/etc/apparmor.d/{name}"))),
    }
}

#[derive(Clone, Copy)]
enum Ids {
    User,
    Group,
}

fn subordinate_ids(
    sources: &Sources,
    user: &User,
    podman: &PodmanFacts,
    ids: Ids,
) -> SubordinateIds {
    let (file, helper) = match ids {
        Ids::User => ("/etc/subuid", "newuidmap"),
        Ids::Group => ("/etc/subgid", "newgidmap"),
    };
    let text = sources.root.read(file).unwrap_or_default();
    // Both files are keyed by the user, the one with groups too; by name or by number.
    let number = user.uid.to_string();
    let mut ranges = vec![];
    let mut next_free = FIRST_SUBORDINATE_ID;
    for line in text.lines() {
        let Some((key, range)) = subordinate_line(line) else { continue };
        next_free = next_free.max(range.start.saturating_add(range.count));
        if Some(key) == user.name.as_deref() || key == number {
            ranges.push(range);
        }
    }
    let mapped = podman.info.as_ref().filter(|info| info.rootless).map(|info| {
        let map = match ids {
            Ids::User => &info.uid_map,
            Ids::Group => &info.gid_map,
        };
        map.iter().filter(|line| line.container_id != 0).map(|line: &IdMap| line.size).sum()
    });
    SubordinateIds { ranges, next_free, mapped, helper: sources.program(helper, &[]) }
}

/// `ada:100000:65536`
fn subordinate_line(line: &str) -> Option<(&str, IdRange)> {
    let mut fields = line.trim().split(':');
    let key = fields.next()?;
    let start = fields.next()?.parse().ok()?;
    Some((key, IdRange { start, count: fields.next()?.parse().ok()? }))
}

fn device(root: &Root, path: &str) -> Device {
    Device { present: root.exists(path), usable: root.read_write(path) }
}

fn storage(sources: &Sources, info: &Value) -> StorageFacts {
    let store = |pointer: &str| info.pointer(&format!("/store{pointer}"));
    let word = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    // `graphOptions` holds a text or, for programs, a table with the path and the version.
    let program = store("/graphOptions/overlay.mount_program");
    let program = program.and_then(|value| value.get("Executable").or(Some(value)));
    let graph_root = word(store("/graphRoot")).map(PathBuf::from);
    StorageFacts {
        driver: word(store("/graphDriverName")),
        mount_program: word(program),
        backing_file_system: word(store("/graphStatus/Backing Filesystem")),
        file_types: word(store("/graphStatus/Supports d_type")).map(|value| value == "true"),
        free: graph_root.as_deref().and_then(|path| free(&sources.root, path)),
        graph_root,
        fuse_overlayfs: sources.program("fuse-overlayfs", &[]),
    }
}

/// The bytes that can still be written at the nearest folder that exists.
fn free(root: &Root, path: &Path) -> Option<u64> {
    let folder = path.ancestors().find(|folder| root.exists(folder))?;
    let answer = rustix::fs::statvfs(root.path(folder)).ok()?;
    Some(answer.f_bavail.saturating_mul(answer.f_frsize))
}

fn network(sources: &Sources, info: &Value, podman: &PodmanFacts) -> NetworkFacts {
    let word = |pointer: &str| info.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let rootless = podman.info.as_ref().is_some_and(|info| info.rootless);
    // Podman says which since 5.0. Before, a network of several containers had slirp4netns.
    let command =
        word("/host/rootlessNetworkCmd").or_else(|| rootless.then(|| "slirp4netns".to_owned()));
    let program = command.as_ref().and_then(|name| {
        word(&format!("/host/{name}/executable"))
            .filter(|path| !path.is_empty())
            .map(PathBuf::from)
            .or_else(|| sources.program(name, HELPER_FOLDERS))
    });
    let driver = firewall_driver(sources);
    let firewall = match driver.as_str() {
        "iptables" => sources.program("iptables", &[]),
        "nftables" => sources.program("nft", &[]),
        _ => None,
    };
    NetworkFacts {
        backend: word("/host/networkBackend"),
        netavark: sources.netavark.as_ref().and_then(|value| version_at(value, "/version")),
        rootless_command: command,
        rootless_program: program,
        aardvark_dns: word("/host/networkBackendInfo/dns/path")
            .filter(|path| !path.is_empty())
            .map(PathBuf::from)
            .or_else(|| sources.program("aardvark-dns", HELPER_FOLDERS)),
        firewall_driver: driver,
        firewall,
        ipv6: sources.root.exists(IPV6),
    }
}

/// What Netavark writes its rules with: as configured, or as it was built to.
fn firewall_driver(sources: &Sources) -> String {
    // Those from before 1.13 do not say, and knew only the one as a default.
    let built = || sources.netavark.as_ref()?.get("default_fw_driver")?.as_str();
    sources
        .variable("NETAVARK_FW")
        .map(str::to_owned)
        .or_else(|| containers_conf(sources, "firewall_driver"))
        .or_else(|| built().map(str::to_owned))
        .unwrap_or_else(|| "iptables".to_owned())
}

fn limits(sources: &Sources, cgroup: &CgroupFacts) -> Limits {
    let root = &sources.root;
    let scope = cgroup
        .scope(ScopeKind::UserService)
        .filter(|_| cgroup.deciding == Some(ScopeKind::UserService))
        .or_else(|| cgroup.scope(ScopeKind::Own));
    // The limit of any group around the node's is the node's limit too.
    let cgroup_pids = scope.and_then(|scope| {
        Path::new(&scope.path)
            .ancestors()
            .filter_map(|path| {
                let path = path.strip_prefix("/").unwrap_or(path);
                root.number(Path::new("/sys/fs/cgroup").join(path).join("pids.max"))
            })
            .min()
    });
    Limits {
        inotify_instances: root.number("/proc/sys/fs/inotify/max_user_instances"),
        inotify_watches: root.number("/proc/sys/fs/inotify/max_user_watches"),
        send_buffer: root.number("/proc/sys/net/core/wmem_max"),
        cgroup_pids,
        podman_pids: containers_conf(sources, "pids_limit").and_then(|text| text.parse().ok()),
        processes: sources.processes,
        open_files: sources.open_files,
    }
}

/// The value of `key` in the last of Podman's configuration files that sets it.
fn containers_conf(sources: &Sources, key: &str) -> Option<String> {
    ["/usr/share".to_owned(), "/etc".to_owned()]
        .into_iter()
        .chain(sources.configuration())
        .flat_map(|folder| {
            let file = PathBuf::from(format!("{folder}/containers/containers.conf"));
            let drop_ins = format!("{folder}/containers/containers.conf.d");
            std::iter::once(file).chain(sources.root.list(drop_ins, ".conf"))
        })
        .filter_map(|file| {
            let text = sources.root.read(file)?;
            text.lines()
                .filter_map(|line| line.split_once('='))
                .filter(|(name, _)| name.trim() == key)
                .filter_map(|(_, value)| Some(value.split('#').next()?.trim()))
                .next_back()
                .map(|value| value.trim_matches(['"', '\'']).to_owned())
        })
        .next_back()
}

fn session(sources: &Sources, user: &User) -> Session {
    let root = &sources.root;
    let folder = format!("/run/user/{}", user.uid);
    let linger = user.name.as_ref().map(|name| format!("/var/lib/systemd/linger/{name}"));
    let bus = sources.variable("XDG_RUNTIME_DIR").unwrap_or(&folder);
    Session {
        systemd: root.exists("/run/systemd/system"),
        user_manager: root.exists(format!("{folder}/systemd")),
        bus: root.exists(format!("{bus}/bus")),
        starts_at_boot: starts_at_boot(sources),
        lingering: linger.is_some_and(|path| root.exists(path)),
        runtime_dir: sources
            .variable("XDG_RUNTIME_DIR")
            .map(PathBuf::from)
            .filter(|path| path.is_absolute() && root.path(path).is_dir() && root.writable(path)),
    }
}

/// Whether systemd is told to run `podman-restart.service` when it starts the user's manager.
fn starts_at_boot(sources: &Sources) -> bool {
    const WANTED: &str = "systemd/user/default.target.wants/podman-restart.service";
    let is_wanted = |folder: &str| sources.root.is_linked(Path::new(folder).join(WANTED));
    sources.configuration().is_some_and(|folder| is_wanted(&folder)) || is_wanted("/etc")
}

fn resources(sources: &Sources) -> Resources {
    let text = sources.root.read("/proc/meminfo").unwrap_or_default();
    let bytes = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
        let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
        Some(kibibytes * 1024)
    };
    Resources {
        cpus: sources.cpus,
        memory_total: bytes("MemTotal"),
        memory_available: bytes("MemAvailable"),
    }
}
