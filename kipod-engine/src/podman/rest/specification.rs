//! The specification of a container to be created, as the API expects it.
//!
//! Everything that a container of kipod depends on is set here, even to Podman's own default: for what is
//! not set, Podman uses the defaults in the user's containers.conf(5), such as `pidns = "host"`. The API
//! crate has no field for the log driver, so this is plain JSON.

use serde_json::{Map, Value, json};

use crate::podman::api::{ContainerOptions, NetworkAttachment, PortMapping};

/// The size of `/dev/shm` in bytes. Source: containers.conf(5), the default of `shm_size`.
const SHM_SIZE: u64 = 65_536_000;

/// The period of the limit of processor time in microseconds. Source: podman-run(1), `--cpu-period`.
const CPU_PERIOD: u64 = 100_000;

/// Returns whether the container's cgroup will have the `pids` controller. `podman info` reports it,
/// too, but takes 200 ms: it looks up the packages of all its programs.
pub(super) fn can_limit_pids(parent: Option<&str>) -> bool {
    let user = rustix::process::getuid().as_raw();
    let parent = match parent {
        Some(parent) => parent.to_owned(),
        // systemd creates the cgroup below the user's service manager.
        None => format!("/user.slice/user-{user}.slice/user@{user}.service"),
    };
    std::fs::read_to_string(format!("/sys/fs/cgroup{parent}/cgroup.controllers"))
        .is_ok_and(|controllers| controllers.split_whitespace().any(|name| name == "pids"))
}

/// Converts options to a specification. `can_limit_pids` is `true` if the `pids` controller is
/// available: only then a limit can be set, and only then there is one by default.
pub(super) fn specification(options: &ContainerOptions, can_limit_pids: bool) -> Value {
    let mut specification = fixed(can_limit_pids);
    specification.extend(object(json!({
        "name": options.name,
        "hostname": options.hostname,
        "image": options.image,
        "command": options.command,
        "env": options.env,
        // The first process gets only the variables of `env`, not those of the user's containers.conf.
        // Images of registries have variables of their own.
        "unsetenvall": options.systemd,
        "labels": options.labels,
        "privileged": options.systemd,
        "systemd": if options.systemd { "always" } else { "false" },
        "mounts": mounts(options),
        "volumes": volumes(options),
        "devices": devices(options),
        "Networks": { &options.network.name: network(&options.network) },
        "portmappings": ports(options),
        "stop_signal": options.stop_signal,
        "stop_timeout": options.stop_timeout,
        "restart_policy": if options.restart { "always" } else { "no" },
    })));
    limit(&mut specification["resource_limits"], options);
    if let Some(parent) = &options.cgroup_parent {
        specification.insert("cgroup_parent".to_owned(), json!(parent));
    }
    if let Some(domains) = &options.dns_search {
        // A dot means no domain; an empty list would mean those of the host.
        let domains = if domains.is_empty() { json!(["."]) } else { json!(domains) };
        specification.insert("dns_search".to_owned(), domains);
    }
    Value::Object(specification)
}

/// Returns the settings that all containers have in common.
pub(super) fn fixed(can_limit_pids: bool) -> Map<String, Value> {
    object(json!({
        "cgroups_mode": "enabled",
        "cgroupns": { "nsmode": "private" },
        "ipcns": { "nsmode": "shareable" },
        "netns": { "nsmode": "bridge" },
        "pidns": { "nsmode": "private" },
        // That of rootless Podman, without another one in it.
        "userns": { "nsmode": "host" },
        "utsns": { "nsmode": "private" },
        "env_host": false,
        "httpproxy": false,
        "image_volume_mode": "anonymous",
        "init": false,
        // The container's owner can always read this log; journald may not be available.
        "log_configuration": { "driver": "k8s-file" },
        "read_only_filesystem": false,
        "resource_limits": { "pids": { "limit": if can_limit_pids { -1 } else { 0 } } },
        "shm_size": SHM_SIZE,
        "umask": "0022",
        // Podman writes `/etc/hosts`.
        "use_image_hosts": false,
    }))
}

/// Adds the limits of processor time and memory.
fn limit(resources: &mut Value, options: &ContainerOptions) {
    if let Some(millis) = options.milli_cpus {
        let quota = u64::from(millis) * CPU_PERIOD / 1_000;
        resources["cpu"] = json!({ "period": CPU_PERIOD, "quota": quota });
    }
    if let Some(bytes) = options.memory {
        resources["memory"] = json!({ "limit": bytes });
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => unreachable!("it is written as an object"),
    }
}

/// Returns the temporary file systems and bind mounts.
fn mounts(options: &ContainerOptions) -> Vec<Value> {
    let tmpfs = options.tmpfs.iter().map(|path| json!({ "type": "tmpfs", "destination": path }));
    let binds = options.binds.iter().map(|bind| {
        let mode = if bind.read_only { "ro" } else { "rw" };
        let options: Vec<&str> = bind.options.iter().copied().chain([mode]).collect();
        json!({
            "type": "bind",
            "source": bind.source.to_string_lossy(),
            "destination": bind.target,
            "options": options,
        })
    });
    tmpfs.chain(binds).collect()
}

fn volumes(options: &ContainerOptions) -> Vec<Value> {
    let volume = |name: &str, target: &str| {
        // Container images with setuid programs and device nodes are extracted to volumes.
        json!({ "Name": name, "Dest": target, "Options": ["exec", "suid", "dev"] })
    };
    options.volumes.iter().map(|mount| volume(&mount.name, &mount.target)).collect()
}

fn devices(options: &ContainerOptions) -> Vec<Value> {
    options.devices.iter().map(|path| json!({ "path": path })).collect()
}

fn ports(options: &ContainerOptions) -> Vec<Value> {
    let mapping = |port: &PortMapping| {
        json!({
            "container_port": port.container_port,
            "host_ip": port.host_address,
            // Podman chooses a port in place of 0.
            "host_port": port.host_port.unwrap_or(0),
            "protocol": port.protocol,
            "range": port.count,
        })
    };
    options.ports.iter().map(mapping).collect()
}

fn network(network: &NetworkAttachment) -> Value {
    let address6 = network.address6.map(|address| address.to_string());
    let addresses: Vec<String> =
        [network.address.to_string()].into_iter().chain(address6).collect();
    json!({ "static_ips": addresses, "static_mac": mac_address(network.address) })
}

/// Derives a MAC address from `address`, in the locally administered range. Podman would generate
/// another one at each start, and the neighbours of a restarted node would use the old one until their
/// ARP entry expires: half a minute without a connection with Podman 4.3.
fn mac_address(address: std::net::Ipv4Addr) -> String {
    let [a, b, c, d] = address.octets();
    format!("0a:58:{a:02x}:{b:02x}:{c:02x}:{d:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::podman::api::{Bind, VolumeMount};

    fn options() -> ContainerOptions {
        ContainerOptions {
            name: "n".into(),
            hostname: "h".into(),
            image: "i".into(),
            systemd: true,
            command: vec!["/sbin/init".into()],
            env: [("A".into(), "b".into())].into(),
            labels: [("c".into(), "d".into())].into(),
            volumes: vec![VolumeMount { name: "v".into(), target: "/var".into() }],
            binds: vec![Bind {
                source: "/s".into(),
                target: "/t".into(),
                read_only: true,
                options: vec!["bind"],
            }],
            tmpfs: vec!["/run".into()],
            devices: vec!["/dev/fuse".into()],
            milli_cpus: None,
            memory: None,
            network: NetworkAttachment {
                name: "net".into(),
                address: [10, 1, 2, 3].into(),
                address6: None,
            },
            ports: vec![PortMapping {
                host_address: [127, 0, 0, 1].into(),
                host_port: Some(16443),
                container_port: 6443,
                protocol: "tcp",
                count: 1,
            }],
            dns_search: None,
            cgroup_parent: Some("/mine".into()),
            stop_signal: 37,
            stop_timeout: 10,
            restart: true,
        }
    }

    #[test]
    fn options_become_a_specification() {
        let sent = specification(&options(), true);
        let is_fixed = |name: &String| fixed(true).contains_key(name);
        let sent: Map<_, _> =
            object(sent).into_iter().filter(|(name, _)| !is_fixed(name)).collect();
        let expected = json!({
            "Networks": {
                "net": { "static_ips": ["10.1.2.3"], "static_mac": "0a:58:0a:01:02:03" },
            },
            "cgroup_parent": "/mine",
            "command": ["/sbin/init"],
            "devices": [{ "path": "/dev/fuse" }],
            "env": { "A": "b" },
            "hostname": "h",
            "image": "i",
            "labels": { "c": "d" },
            "mounts": [
                { "destination": "/run", "type": "tmpfs" },
                {
                    "destination": "/t",
                    "options": ["bind", "ro"],
                    "source": "/s",
                    "type": "bind",
                },
            ],
            "name": "n",
            "portmappings": [{
                "container_port": 6443,
                "host_ip": "127.0.0.1",
                "host_port": 16443,
                "protocol": "tcp",
                "range": 1,
            }],
            "privileged": true,
            "restart_policy": "always",
            "stop_signal": 37,
            "stop_timeout": 10,
            "systemd": "always",
            "unsetenvall": true,
            "volumes": [{ "Dest": "/var", "Name": "v", "Options": ["exec", "suid", "dev"] }],
        });
        assert_eq!(Value::Object(sent), expected);
    }

    #[test]
    fn defaults_of_the_user_are_overridden() {
        let sent = specification(&options(), true);
        let expected = object(json!({
            "cgroupns": { "nsmode": "private" },
            "cgroups_mode": "enabled",
            "env_host": false,
            "httpproxy": false,
            "image_volume_mode": "anonymous",
            "init": false,
            "ipcns": { "nsmode": "shareable" },
            "log_configuration": { "driver": "k8s-file" },
            "netns": { "nsmode": "bridge" },
            "pidns": { "nsmode": "private" },
            "read_only_filesystem": false,
            "resource_limits": { "pids": { "limit": -1 } },
            "shm_size": 65_536_000,
            "umask": "0022",
            "use_image_hosts": false,
            "userns": { "nsmode": "host" },
            "utsns": { "nsmode": "private" },
        }));
        for (name, value) in expected {
            assert_eq!(sent[&name], value, "{name}");
        }
    }

    #[test]
    fn both_addresses_are_static() {
        let mut options = options();
        options.network.address6 = Some("fd00:10:1:2::3".parse().unwrap());
        let addresses = &specification(&options, true)["Networks"]["net"]["static_ips"];
        assert_eq!(addresses, &json!(["10.1.2.3", "fd00:10:1:2::3"]));
    }

    #[test]
    fn consecutive_ports_are_one_range() {
        let mut options = options();
        options.ports[0].count = 3;
        assert_eq!(specification(&options, true)["portmappings"][0]["range"], 3);
    }

    #[test]
    fn limits_of_resources_are_sent() {
        let options =
            ContainerOptions { milli_cpus: Some(1_500), memory: Some(2 << 30), ..options() };
        let limits = &specification(&options, true)["resource_limits"];
        assert_eq!(limits["cpu"], json!({ "quota": 150_000, "period": 100_000 }));
        assert_eq!(limits["memory"], json!({ "limit": 2_147_483_648_u64 }));
        assert_eq!(limits["pids"]["limit"], -1);
    }

    #[test]
    fn search_domains_replace_those_of_the_host() {
        for (domains, expected) in
            [(vec!["a.example".to_owned()], json!(["a.example"])), (Vec::new(), json!(["."]))]
        {
            let options = ContainerOptions { dns_search: Some(domains), ..options() };
            assert_eq!(specification(&options, true)["dns_search"], expected);
        }
    }

    #[test]
    fn images_without_systemd_keep_their_environment() {
        let options = ContainerOptions { systemd: false, ..options() };
        let sent = specification(&options, true);
        assert_eq!((&sent["unsetenvall"], &sent["privileged"]), (&json!(false), &json!(false)));
    }

    #[test]
    fn unset_options_are_omitted() {
        let options = ContainerOptions { cgroup_parent: None, restart: false, ..options() };
        let sent = specification(&options, false);
        assert_eq!(sent.get("dns_search"), None);
        assert_eq!(sent.get("cgroup_parent"), None);
        assert_eq!(sent["restart_policy"], "no");
        // crun rejects any limit of a controller that is not available, even `unlimited`.
        assert_eq!(sent["resource_limits"]["pids"]["limit"], 0);
    }
}
