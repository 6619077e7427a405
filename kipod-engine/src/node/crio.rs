//! CRI-O's configuration and its image stores.

use super::{CgroupMode, NodeFile, NodeSettings};
use crate::spec::{LocalRegistry, Registry};

/// Where the credentials for registries are, as CRI-O sees it.
const AUTH_FILE: &str = "/etc/crio/registry-auth.json";

/// CRI-O's files.
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

/// Where images are pulled from: what the user wrote of a registry of this machine comes before what
/// kipod knows of it.
pub fn registries_file(asked: &[Registry], local: &[LocalRegistry]) -> NodeFile {
    let known = local.iter().map(LocalRegistry::as_registry);
    let known = known.filter(|one| asked.iter().all(|other| other.prefix != one.prefix));
    let all: Vec<Registry> = asked.iter().cloned().chain(known).collect();
    NodeFile::new("containers/registries.conf", registries_conf(&all))
}

/// Where images are pulled from, where that is not where their names say. What is written here is
/// known to have nothing in it that TOML would need quoted.
fn registries_conf(registries: &[Registry]) -> String {
    let mut text = "# Written by kipod.\n".to_owned();
    for registry in registries {
        text.push_str(&format!("\n[[registry]]\nprefix = \"{}\"\n", registry.prefix));
        // A prefix that stands for many hosts has no place of its own.
        let location = registry.location.as_ref();
        let own = (!registry.prefix.starts_with("*.")).then_some(&registry.prefix);
        if let Some(location) = location.or(own) {
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

/// What watches a container is not held to the pod's memory limit, where there are any: only the host's
/// root may exempt it from being killed for memory, and a container that nobody watches seems to run for
/// ever. With cgroupfs CRI-O silently makes nothing of a slice named here.
fn crio_conf(node: &NodeSettings<'_>) -> String {
    let (manager, monitors) = match node.cluster.cgroups {
        CgroupMode::Delegated => ("systemd", "system.slice"),
        CgroupMode::Unlimited => ("cgroupfs", "pod"),
    };
    let auth = match node.cluster.found_registries.auth {
        Some(_) => format!("global_auth_file = \"{AUTH_FILE}\"\n"),
        None => String::new(),
    };
    format!(
        r#"# Written by kipod. Drop-ins go to crio.conf.d beside this file.
[crio]
# A repair that fails empties the store, and it walks the host's images first: a node that was
# killed is started as it is.
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
conmon_cgroup = "{monitors}"
pinns_path = "/usr/local/bin/pinns"
default_runtime = "crun"
drop_infra_ctr = true
# Unprivileged ping, for the one group that is mapped whatever the host maps.
default_sysctls = ["net.ipv4.ping_group_range=0 0"]

# The shim makes a container's configuration fit a rootless node, then replaces itself with crun.
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
    )
}

/// Image stores of the host come before the node's own, read-only.
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
