//! The configuration of CRI-O and of its image stores.

use super::{CgroupMode, NodeFile, NodeSettings};
use crate::spec::{LocalRegistry, Registry};

/// The file with registry credentials, as a path inside the node.
const AUTH_FILE: &str = "/etc/crio/registry-auth.json";

/// The capabilities of containers. CRI-O's defaults lack, for example, those for `ping` and `chroot`.
/// Source: `defaultUnixCaps` in containerd's `pkg/oci/spec.go`.
const CAPABILITIES: [&str; 14] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "FSETID",
    "FOWNER",
    "MKNOD",
    "NET_RAW",
    "SETGID",
    "SETUID",
    "SETFCAP",
    "SETPCAP",
    "NET_BIND_SERVICE",
    "SYS_CHROOT",
    "KILL",
    "AUDIT_WRITE",
];

/// Returns the files that CRI-O reads.
pub(super) fn files(node: &NodeSettings<'_>) -> Vec<NodeFile> {
    let spec = node.cluster.spec;
    let mut files = vec![
        NodeFile::new("crio/crio.conf", crio_conf(node)),
        NodeFile::new("containers/storage.conf", storage_conf(node)),
        registries_file(&spec.registries, &node.cluster.found_registries.local),
    ];
    if let Some(auth) = &node.cluster.found_registries.auth {
        files.push(NodeFile::secret("crio/registry-auth.json", auth.text()));
    }
    let drop_ins = spec.crio_drop_ins.iter();
    files.extend(
        drop_ins.map(|(name, text)| NodeFile::new(&format!("crio/crio.conf.d/{name}"), text)),
    );
    files
}

/// Returns `registries.conf`. An entry of the user replaces kipod's entry for a local registry with
/// the same prefix.
pub fn registries_file(configured: &[Registry], local: &[LocalRegistry]) -> NodeFile {
    let local = local.iter().map(LocalRegistry::as_registry);
    let local = local.filter(|one| configured.iter().all(|other| other.prefix != one.prefix));
    let all: Vec<Registry> = configured.iter().cloned().chain(local).collect();
    NodeFile::new("containers/registries.conf", registries_conf(&all))
}

/// Redirects image pulls to other locations and mirrors. The values are validated and contain no
/// characters that TOML requires to be escaped.
fn registries_conf(registries: &[Registry]) -> String {
    let mut text = "# Written by kipod.\n".to_owned();
    for registry in registries {
        text.push_str(&format!("\n[[registry]]\nprefix = \"{}\"\n", registry.prefix));
        // A wildcard prefix stands for many hosts, so it cannot be a location.
        let location = registry.location.as_ref();
        let prefix = (!registry.prefix.starts_with("*.")).then_some(&registry.prefix);
        if let Some(location) = location.or(prefix) {
            text.push_str(&format!("location = \"{location}\"\n"));
        }
        text.push_str(&format!("insecure = {}\n", registry.insecure));
        for mirror in &registry.mirrors {
            text.push_str(&format!(
                "\n[[registry.mirror]]\nlocation = \"{}\"\ninsecure = {}\n",
                mirror.location, mirror.insecure,
            ));
        }
    }
    text
}

/// With delegated cgroups, conmon runs outside of the pod's cgroup. The pod's memory limit must not
/// apply to it: without conmon, a container appears to run forever, and only the host's root can
/// protect conmon from the OOM killer. With cgroupfs, CRI-O silently ignores a slice in
/// `conmon_cgroup`.
fn crio_conf(node: &NodeSettings<'_>) -> String {
    let (manager, conmon_cgroup) = match node.cluster.cgroups {
        CgroupMode::Delegated => ("systemd", "system.slice"),
        CgroupMode::Unlimited => ("cgroupfs", "pod"),
    };
    let (first_group, last_group) = node.cluster.ping_groups;
    let auth = match node.cluster.found_registries.auth {
        Some(_) => format!("global_auth_file = \"{AUTH_FILE}\"\n"),
        None => String::new(),
    };
    format!(
        r#"# Written by kipod. Drop-ins are in crio.conf.d next to this file.
[crio]
# Do not repair the store after a node was killed: a repair first checks the host's images, and a
# failed repair empties the store.
internal_repair = false

[crio.api]
listen = "/run/crio/crio.sock"
stream_port = "0"

[crio.image]
pause_image = "{pause}"
short_name_mode = "disabled"
{auth}
[crio.runtime]
cgroup_manager = "{manager}"
conmon = "/usr/local/bin/conmon"
conmon_cgroup = "{conmon_cgroup}"
pinns_path = "/usr/local/bin/pinns"
default_runtime = "crun"
drop_infra_ctr = true
# Pods have the same rights as with containerd: containers without root listen on every port and send
# ICMP echo requests.
default_sysctls = ["net.ipv4.ip_unprivileged_port_start=0", "net.ipv4.ping_group_range={first_group} {last_group}"]
default_capabilities = {capabilities:?}

# The shim adapts a container's configuration to a rootless node, then replaces itself with crun.
[crio.runtime.runtimes.crun]
runtime_path = "/usr/local/bin/kipod-crun"
runtime_type = "oci"
runtime_root = "/run/crun"
monitor_path = "/usr/local/bin/conmon"

[crio.network]
network_dir = "/etc/cni/net.d"
plugin_dirs = ["/opt/cni/bin"]
"#,
        pause = node.pause_image,
        capabilities = CAPABILITIES,
    )
}

/// The read-only image stores of the host are searched before the node's own store.
fn storage_conf(node: &NodeSettings<'_>) -> String {
    let driver = node.cluster.storage_driver.name();
    format!(
        r#"# Written by kipod.
[storage]
driver = "{driver}"
graphroot = "/var/lib/containers/storage"
runroot = "/run/containers/storage"

[storage.options]
additionalimagestores = {stores:?}
"#,
        stores = node.image_stores,
    )
}
