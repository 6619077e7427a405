//! Containers: privileged ones whose first process is systemd, and ordinary ones.

use podman_api::models::{
    ContainerMount, LinuxDevice, LinuxPids, LinuxResources, ListContainer, LogConfig, NamedVolume,
    Namespace, PerNetworkOptions, PortMapping,
};
use podman_api::opts::{
    ContainerCreateOpts, ContainerDeleteOpts, ContainerListFilter, ContainerListOpts,
    ContainerRestartPolicy, ContainerStopOpts, SystemdEnabled,
};

use super::service::Service;
use super::{ContainerInfo, ContainerOptions, NetworkAttachment, PodmanError};

/// How often the removal of a container is tried that ends and is started again all the time, and how
/// long Podman is given between.
const REMOVE_ATTEMPTS: usize = 10;
const REMOVE_PAUSE: std::time::Duration = std::time::Duration::from_millis(100);

/// Creates a container, which is not started, and answers its id.
pub(super) async fn create(
    service: &Service,
    options: &ContainerOptions,
) -> Result<String, PodmanError> {
    let wanted = specification(options, can_limit_pids(options.cgroup_parent.as_deref()));
    let wanted = &wanted;
    let name = &options.name;
    let create =
        |podman: podman_api::Podman| async move { podman.containers().create(wanted).await };
    match service.call(create).await {
        Ok(created) => Ok(created.id),
        Err(failure) if failure.says("name is already in use") => {
            Err(PodmanError::NameInUse { kind: "container", name: name.clone() })
        }
        Err(failure) => Err(service.error(failure, format!("create container `{name}`"))),
    }
}

/// Whether the container's cgroup will have the `pids` controller. Podman could be asked too, but
/// needs 200 ms for its answer: it looks up the packages of all its programs.
fn can_limit_pids(parent: Option<&str>) -> bool {
    let user = rustix::process::getuid().as_raw();
    let parent = match parent {
        Some(parent) => parent.to_owned(),
        // Podman has systemd make the cgroup, below the user's service manager.
        None => format!("/user.slice/user-{user}.slice/user@{user}.service"),
    };
    std::fs::read_to_string(format!("/sys/fs/cgroup{parent}/cgroup.controllers"))
        .is_ok_and(|controllers| controllers.split_whitespace().any(|name| name == "pids"))
}

/// `limitable` says whether the `pids` controller is there: only then may a limit be named at all,
/// and only then is there one by default.
fn specification(options: &ContainerOptions, limitable: bool) -> ContainerCreateOpts {
    let tmpfs = options.tmpfs.iter().map(|path| mount("tmpfs", None, path, &[]));
    let binds = options.binds.iter().map(|bind| {
        let mode = if bind.read_only { "ro" } else { "rw" };
        let source = bind.source.to_string_lossy().into_owned();
        let options: Vec<&str> = bind.options.iter().copied().chain([mode]).collect();
        mount("bind", Some(source), &bind.target, &options)
    });
    let volumes = options.volumes.iter().map(|volume| NamedVolume {
        name: Some(volume.name.clone()),
        dest: Some(volume.target.clone()),
        is_anonymous: None,
        // Programs run from it, and what runs in it mounts and makes device nodes.
        options: Some(["exec", "suid", "dev"].map(str::to_owned).to_vec()),
    });
    let devices = options.devices.iter().map(|path| LinuxDevice {
        path: Some(path.to_string_lossy().into_owned()),
        file_mode: None,
        gid: None,
        major: None,
        minor: None,
        type_: None,
        uid: None,
    });
    let ports = options.ports.iter().map(|port| PortMapping {
        container_port: Some(port.container_port),
        host_ip: Some(port.host_address.to_string()),
        host_port: port.host_port,
        protocol: Some(port.protocol.to_owned()),
        range: (port.count > 1).then_some(port.count),
    });
    let address = PerNetworkOptions {
        static_ips: Some(addresses(&options.network)),
        aliases: None,
        interface_name: None,
        static_mac: Some(hardware_address(options.network.address)),
    };
    let unlimited = LinuxPids { limit: Some(if limitable { -1 } else { 0 }) };
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
        .mounts(tmpfs.chain(binds))
        .volumes(volumes)
        .devices(devices)
        .net_namespace(namespace("bridge"))
        .networks([(&options.network.name, address)])
        .portmappings(ports)
        .cgroup_namespace(namespace("private"))
        .resource_limits(LinuxResources {
            pids: Some(unlimited),
            block_io: None,
            cpu: None,
            devices: None,
            hugepage_limits: None,
            memory: None,
            network: None,
            rdma: None,
            unified: None,
        })
        // Readable by anybody who owns the container; journald may not be there.
        .log_configuration(LogConfig { type_: Some("k8s-file".to_owned()), config: None })
        .stop_signal(options.stop_signal)
        .stop_timeout(options.stop_timeout)
        .restart_policy(restart);
    if let Some(parent) = &options.cgroup_parent {
        builder = builder.cgroup_parent(parent);
    }
    if let Some(domains) = &options.dns_search {
        // A dot is no domain at all, where an empty list is the host's.
        let none = domains.is_empty().then(|| ".".to_owned());
        builder = builder.dns_search(domains.iter().cloned().chain(none));
    }
    builder.build()
}

fn addresses(network: &NetworkAttachment) -> Vec<String> {
    let address6 = network.address6.map(|address| address.to_string());
    [network.address.to_string()].into_iter().chain(address6).collect()
}

/// The hardware address that goes with `address`, from the range for local use. Podman would draw
/// another one at each start, of which the neighbours of a restarted node learn only when their
/// memory of the old one has expired: half a minute without a connection with Podman 4.3.
fn hardware_address(address: std::net::Ipv4Addr) -> String {
    let [a, b, c, d] = address.octets();
    format!("0a:58:{a:02x}:{b:02x}:{c:02x}:{d:02x}")
}

fn namespace(mode: &str) -> Namespace {
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

/// Stops a container and waits for its end.
pub(super) async fn stop(service: &Service, container: &str) -> Result<(), PodmanError> {
    let stop = |podman: podman_api::Podman| async move {
        podman.containers().get(container).stop(&ContainerStopOpts::default()).await
    };
    match service.call(stop).await {
        Ok(()) => Ok(()),
        Err(failure) if failure.is_unchanged() => Ok(()),
        Err(failure) => Err(service.error(failure, format!("stop container `{container}`"))),
    }
}

/// Freezes every process of a running container.
pub(super) async fn pause(service: &Service, container: &str) -> Result<(), PodmanError> {
    let pause = |podman: podman_api::Podman| async move {
        podman.containers().get(container).pause().await
    };
    let paused = service.call(pause).await;
    paused.map_err(|failure| service.error(failure, format!("pause container `{container}`")))
}

/// Lets a frozen container go on.
pub(super) async fn unpause(service: &Service, container: &str) -> Result<(), PodmanError> {
    let unpause = |podman: podman_api::Podman| async move {
        podman.containers().get(container).unpause().await
    };
    let unpaused = service.call(unpause).await;
    unpaused.map_err(|failure| service.error(failure, format!("unpause container `{container}`")))
}

/// Every container with that label, running or not.
pub(super) async fn list(
    service: &Service,
    label: &str,
) -> Result<Vec<ContainerInfo>, PodmanError> {
    let filter = match label.split_once('=') {
        _ if label.is_empty() => None,
        Some((key, value)) => Some(ContainerListFilter::LabelKeyVal(key.into(), value.into())),
        None => Some(ContainerListFilter::LabelKey(label.into())),
    };
    let wanted = ContainerListOpts::builder().all(true).filter(filter).build();
    let wanted = &wanted;
    let found = service
        .ask(|podman| async move { podman.containers().list(wanted).await })
        .await
        .map_err(|failure| service.error(failure, "list containers"))?;
    Ok(found.into_iter().map(info).collect())
}

fn info(container: ListContainer) -> ContainerInfo {
    ContainerInfo {
        id: container.id.unwrap_or_default(),
        name: container.names.unwrap_or_default().into_iter().next().unwrap_or_default(),
        state: container.state.unwrap_or_default(),
        image: container.image.or(container.image_id).unwrap_or_default(),
        labels: container.labels.unwrap_or_default().into_iter().collect(),
    }
}

/// Kills and removes a container with its anonymous volumes.
pub(super) async fn remove(service: &Service, container: &str) -> Result<bool, PodmanError> {
    let wanted = ContainerDeleteOpts::builder().force(true).timeout(0).volumes(true).build();
    let wanted = &wanted;
    let remove = |podman: podman_api::Podman| async move {
        podman.containers().get(container).delete(wanted).await
    };
    let mut attempts = 0;
    let failure = loop {
        attempts += 1;
        match service.call(remove).await {
            Ok(()) => return Ok(true),
            Err(failure) if failure.is_missing() => return Ok(false),
            // It has just ended, and Podman is about to start it again.
            Err(failure)
                if failure.says("container state improper") && attempts < REMOVE_ATTEMPTS =>
            {
                tokio::time::sleep(REMOVE_PAUSE).await;
            }
            Err(failure) => break failure,
        }
    };
    // Somebody else may have removed it at the same time.
    let exists = |podman: podman_api::Podman| async move {
        podman.containers().get(container).exists().await
    };
    match service.ask(exists).await {
        Ok(false) => Ok(true),
        _ => Err(service.error(failure, format!("remove container `{container}`"))),
    }
}

/// Podman's own description of a container.
pub(super) async fn inspect(
    service: &Service,
    container: &str,
) -> Result<serde_json::Value, PodmanError> {
    let action = || format!("inspect container `{container}`");
    let inspect = |podman: podman_api::Podman| async move {
        podman.containers().get(container).inspect().await
    };
    let found = service.ask(inspect).await.map_err(|failure| service.error(failure, action()))?;
    serde_json::to_value(found)
        .map_err(|error| PodmanError::Refused { action: action(), message: error.to_string() })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::podman::{Bind, NetworkAttachment, VolumeMount};

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
            ports: vec![crate::podman::PortMapping {
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

    fn sent(options: &ContainerOptions, limitable: bool) -> Value {
        serde_json::from_str(&specification(options, limitable).serialize().unwrap()).unwrap()
    }

    #[test]
    fn what_podman_is_sent() {
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
    fn both_addresses_are_asked_for() {
        let mut options = options();
        options.network.address6 = Some("fd00:10:1:2::3".parse().unwrap());
        let addresses = &sent(&options, true)["Networks"]["net"]["static_ips"];
        assert_eq!(addresses, &json!(["10.1.2.3", "fd00:10:1:2::3"]));
    }

    #[test]
    fn several_ports_are_one_range() {
        let mut options = options();
        options.ports[0].count = 3;
        assert_eq!(sent(&options, true)["portmappings"][0]["range"], 3);
    }

    #[test]
    fn names_are_searched_where_it_was_said() {
        for (domains, expected) in
            [(vec!["a.example".to_owned()], json!(["a.example"])), (Vec::new(), json!(["."]))]
        {
            let options = ContainerOptions { dns_search: Some(domains), ..options() };
            assert_eq!(sent(&options, true)["dns_search"], expected);
        }
    }

    #[test]
    fn what_is_not_wanted_is_not_asked_for() {
        let options = ContainerOptions { cgroup_parent: None, restart: false, ..options() };
        let sent = sent(&options, false);
        assert_eq!(sent.get("dns_search"), None);
        assert_eq!(sent.get("cgroup_parent"), None);
        assert_eq!(sent["restart_policy"], "no");
        // crun refuses any limit, even none at all, of a controller that is not there.
        assert_eq!(sent["resource_limits"]["pids"]["limit"], 0);
    }
}
