//! The specification of a container to be created, as the API expects it.

use podman_api::models::{
    ContainerMount, LinuxDevice, LinuxPids, LinuxResources, LogConfig, NamedVolume, Namespace,
    PerNetworkOptions, PortMapping,
};
use podman_api::opts::{ContainerCreateOpts, ContainerRestartPolicy, SystemdEnabled};

use crate::podman::api::{ContainerOptions, NetworkAttachment};

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
pub(super) fn specification(
    options: &ContainerOptions,
    can_limit_pids: bool,
) -> ContainerCreateOpts {
    let address = PerNetworkOptions {
        static_ips: Some(addresses(&options.network)),
        aliases: None,
        interface_name: None,
        static_mac: Some(mac_address(options.network.address)),
    };
    let restart = match options.restart {
        true => ContainerRestartPolicy::Always,
        false => ContainerRestartPolicy::No,
    };
    let mut builder = ContainerCreateOpts::builder()
        .name(&options.name)
        .hostname(&options.hostname)
        .image(&options.image)
        .command(&options.command)
        .env(&options.env)
        .labels(&options.labels)
        .privileged(options.systemd)
        .systemd(if options.systemd { SystemdEnabled::Always } else { SystemdEnabled::False })
        .mounts(mounts(options))
        .volumes(volumes(options))
        .devices(devices(options))
        .net_namespace(namespace("bridge"))
        .networks([(&options.network.name, address)])
        .portmappings(ports(options))
        .cgroup_namespace(namespace("private"))
        .resource_limits(resources(can_limit_pids))
        // The container's owner can always read this log; journald may not be available.
        .log_configuration(LogConfig { type_: Some("k8s-file".to_owned()), config: None })
        .stop_signal(options.stop_signal)
        .stop_timeout(options.stop_timeout)
        .restart_policy(restart);
    if let Some(parent) = &options.cgroup_parent {
        builder = builder.cgroup_parent(parent);
    }
    if let Some(domains) = &options.dns_search {
        // A dot means no domain; an empty list would mean those of the host.
        let none = domains.is_empty().then(|| ".".to_owned());
        builder = builder.dns_search(domains.iter().cloned().chain(none));
    }
    builder.build()
}

/// Returns the temporary file systems and bind mounts.
fn mounts(options: &ContainerOptions) -> impl Iterator<Item = ContainerMount> {
    let tmpfs = options.tmpfs.iter().map(|path| mount("tmpfs", None, path, &[]));
    let binds = options.binds.iter().map(|bind| {
        let mode = if bind.read_only { "ro" } else { "rw" };
        let source = bind.source.to_string_lossy().into_owned();
        let options: Vec<&str> = bind.options.iter().copied().chain([mode]).collect();
        mount("bind", Some(source), &bind.target, &options)
    });
    tmpfs.chain(binds)
}

fn volumes(options: &ContainerOptions) -> impl Iterator<Item = NamedVolume> {
    options.volumes.iter().map(|volume| NamedVolume {
        name: Some(volume.name.clone()),
        dest: Some(volume.target.clone()),
        is_anonymous: None,
        // Container images with setuid programs and device nodes are extracted to volumes.
        options: Some(["exec", "suid", "dev"].map(str::to_owned).to_vec()),
    })
}

fn devices(options: &ContainerOptions) -> impl Iterator<Item = LinuxDevice> {
    options.devices.iter().map(|path| LinuxDevice {
        path: Some(path.to_string_lossy().into_owned()),
        file_mode: None,
        gid: None,
        major: None,
        minor: None,
        type_: None,
        uid: None,
    })
}

fn ports(options: &ContainerOptions) -> impl Iterator<Item = PortMapping> {
    options.ports.iter().map(|port| PortMapping {
        container_port: Some(port.container_port),
        host_ip: Some(port.host_address.to_string()),
        host_port: port.host_port,
        protocol: Some(port.protocol.to_owned()),
        range: (port.count > 1).then_some(port.count),
    })
}

/// Returns the resource limits: no limit of processes.
fn resources(can_limit_pids: bool) -> LinuxResources {
    let unlimited = LinuxPids { limit: Some(if can_limit_pids { -1 } else { 0 }) };
    LinuxResources {
        pids: Some(unlimited),
        block_io: None,
        cpu: None,
        devices: None,
        hugepage_limits: None,
        memory: None,
        network: None,
        rdma: None,
        unified: None,
    }
}

fn addresses(network: &NetworkAttachment) -> Vec<String> {
    let address6 = network.address6.map(|address| address.to_string());
    [network.address.to_string()].into_iter().chain(address6).collect()
}

/// Derives a MAC address from `address`, in the locally administered range. Podman would generate
/// another one at each start, and the neighbours of a restarted node would use the old one until their
/// ARP entry expires: half a minute without a connection with Podman 4.3.
fn mac_address(address: std::net::Ipv4Addr) -> String {
    let [a, b, c, d] = address.octets();
    format!("0a:58:{a:02x}:{b:02x}:{c:02x}:{d:02x}")
}

pub(super) fn namespace(mode: &str) -> Namespace {
    Namespace { nsmode: Some(mode.to_owned()), value: None }
}

fn mount(kind: &str, source: Option<String>, target: &str, options: &[&str]) -> ContainerMount {
    ContainerMount {
        destination: Some(target.to_owned()),
        options: Some(options.iter().map(|&option| option.to_owned()).collect()),
        source,
        _type: Some(kind.to_owned()),
        uid_mappings: None,
        gid_mappings: None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::podman::api::{Bind, NetworkAttachment, VolumeMount};

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
            network: NetworkAttachment {
                name: "net".into(),
                address: [10, 1, 2, 3].into(),
                address6: None,
            },
            ports: vec![crate::podman::api::PortMapping {
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

    fn sent(options: &ContainerOptions, can_limit_pids: bool) -> Value {
        serde_json::from_str(&specification(options, can_limit_pids).serialize().unwrap()).unwrap()
    }

    #[test]
    fn options_become_a_specification() {
        let sent = sent(&options(), true);
        let expected = json!({
            "Networks": {
                "net": { "static_ips": ["10.1.2.3"], "static_mac": "0a:58:0a:01:02:03" },
            },
            "cgroup_parent": "/mine",
            "cgroupns": { "nsmode": "private" },
            "command": ["/sbin/init"],
            "devices": [{ "path": "/dev/fuse", "fileMode": null }],
            "env": { "A": "b" },
            "hostname": "h",
            "image": "i",
            "labels": { "c": "d" },
            "log_configuration": { "Type": "k8s-file" },
            "mounts": [
                { "destination": "/run", "options": [], "type": "tmpfs" },
                {
                    "destination": "/t",
                    "options": ["bind", "ro"],
                    "source": "/s",
                    "type": "bind",
                },
            ],
            "name": "n",
            "netns": { "nsmode": "bridge" },
            "portmappings": [{
                "container_port": 6443,
                "host_ip": "127.0.0.1",
                "host_port": 16443,
                "protocol": "tcp",
            }],
            "privileged": true,
            "resource_limits": {
                "blockIO": null,
                "cpu": null,
                "memory": null,
                "network": null,
                "pids": { "limit": -1 },
            },
            "restart_policy": "always",
            "stop_signal": 37,
            "stop_timeout": 10,
            "systemd": "always",
            "volumes": [{ "Dest": "/var", "Name": "v", "Options": ["exec", "suid", "dev"] }],
        });
        assert_eq!(sent, expected, "{sent:#}");
    }

    #[test]
    fn both_addresses_are_static() {
        let mut options = options();
        options.network.address6 = Some("fd00:10:1:2::3".parse().unwrap());
        let addresses = &sent(&options, true)["Networks"]["net"]["static_ips"];
        assert_eq!(addresses, &json!(["10.1.2.3", "fd00:10:1:2::3"]));
    }

    #[test]
    fn consecutive_ports_are_one_range() {
        let mut options = options();
        options.ports[0].count = 3;
        assert_eq!(sent(&options, true)["portmappings"][0]["range"], 3);
    }

    #[test]
    fn search_domains_replace_those_of_the_host() {
        for (domains, expected) in
            [(vec!["a.example".to_owned()], json!(["a.example"])), (Vec::new(), json!(["."]))]
        {
            let options = ContainerOptions { dns_search: Some(domains), ..options() };
            assert_eq!(sent(&options, true)["dns_search"], expected);
        }
    }

    #[test]
    fn unset_options_are_omitted() {
        let options = ContainerOptions { cgroup_parent: None, restart: false, ..options() };
        let sent = sent(&options, false);
        assert_eq!(sent.get("dns_search"), None);
        assert_eq!(sent.get("cgroup_parent"), None);
        assert_eq!(sent["restart_policy"], "no");
        // crun rejects any limit of a controller that is not available, even `unlimited`.
        assert_eq!(sent["resource_limits"]["pids"]["limit"], 0);
    }
}
