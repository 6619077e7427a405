//! What of the host a node sees: mounts and ports.

use std::net::IpAddr;
use std::path::PathBuf;

use super::{port, read};
use crate::spec::{ExtraMount, ExtraPort, Place, RawMount, RawPort, ValidationError, Written};

/// Where nodes have something of their own; what lies below is free, but for the last.
const TAKEN: [&str; 9] =
    ["/", "/dev", "/dev/kmsg", "/proc", "/run", "/sys", "/tmp", "/var", "/kipod"];

/// The mounts of one node.
pub(super) fn mounts(raw: &[RawMount], faults: &mut Vec<ValidationError>) -> Vec<ExtraMount> {
    let mut good: Vec<ExtraMount> = Vec::new();
    for mount in raw {
        let place = mount.place.as_ref();
        let host = required("hostPath", mount.host_path.as_ref(), place, faults);
        let host = read("host path", host, faults, host_path);
        let inside = required("containerPath", mount.container_path.as_ref(), place, faults);
        let target = read("container path", inside, faults, container_path);
        let propagation =
            read("propagation", mount.propagation.as_ref(), faults, str::parse).unwrap_or_default();
        let (Some(host_path), Some(container_path)) = (host, target) else { continue };
        if good.iter().any(|other| other.container_path == container_path) {
            let message = format!("another mount of this node is at `{container_path}` already");
            faults.extend(inside.map(|inside| inside.fault("container path", message)));
        }
        good.push(ExtraMount {
            host_path,
            container_path,
            read_only: mount.read_only,
            selinux_relabel: mount.selinux_relabel,
            propagation,
        });
    }
    good
}

fn required<'a>(
    key: &str,
    value: Option<&'a Written>,
    place: Option<&Place>,
    faults: &mut Vec<ValidationError>,
) -> Option<&'a Written> {
    if value.is_none() {
        faults.push(ValidationError::at(place, "node", format!("has no `{key}`")));
    }
    value
}

pub(super) fn host_path(text: &str) -> Result<PathBuf, String> {
    match text {
        "" => Err("the path is empty".to_owned()),
        _ => Ok(text.into()),
    }
}

fn container_path(text: &str) -> Result<String, String> {
    if !text.starts_with('/') {
        return Err(format!("`{text}` is not an absolute path"));
    }
    let parts: Vec<&str> = text.split('/').filter(|part| !part.is_empty()).collect();
    if parts.iter().any(|part| matches!(*part, "." | "..")) {
        return Err(format!("`{text}` has a part that is `.` or `..`"));
    }
    let path = format!("/{}", parts.join("/"));
    if TAKEN.contains(&path.as_str()) || path.starts_with("/kipod/") {
        return Err(format!("`{path}` is the node's own: what lies below a path like it is free"));
    }
    Ok(path)
}

/// The port mappings of one node, each with where it stands.
pub(super) fn ports<'a>(
    raw: &'a [RawPort],
    faults: &mut Vec<ValidationError>,
) -> Vec<(ExtraPort, &'a RawPort)> {
    let mut good = Vec::new();
    for mapping in raw {
        let place = mapping.place.as_ref();
        let before = faults.len();
        let inside = required("containerPort", mapping.container_port.as_ref(), place, faults);
        let container_port = read("container port", inside, faults, port);
        let host_port = read("host port", mapping.host_port.as_ref(), faults, port);
        let address = read("listen address", mapping.listen_address.as_ref(), faults, listen);
        let protocol = read("protocol", mapping.protocol.as_ref(), faults, |text| {
            text.to_ascii_uppercase().parse().map_err(|_: String| {
                let known = crate::spec::Protocol::WORDS;
                crate::util::words::none_of(text, "a protocol", known)
            })
        });
        if let (Some(container_port), true) = (container_port, faults.len() == before) {
            let port = ExtraPort {
                container_port,
                host_port,
                listen_address: address.unwrap_or(ExtraPort::LISTEN_ADDRESS),
                protocol: protocol.unwrap_or_default(),
            };
            good.push((port, mapping));
        }
    }
    good
}

fn listen(text: &str) -> Result<IpAddr, String> {
    text.parse().map_err(|_| format!("`{text}` is not an IP address, such as `127.0.0.1`"))
}

/// No two mappings may want the same port of the host, whichever nodes they are of.
pub(super) fn collisions(all: &[(ExtraPort, &RawPort)], faults: &mut Vec<ValidationError>) {
    for (index, (port, raw)) in all.iter().enumerate() {
        let Some((other, _)) = all[..index].iter().find(|(other, _)| other.collides(port)) else {
            continue;
        };
        let ExtraPort { host_port, protocol, .. } = port;
        let message = format!(
            "port {} ({protocol}) of `{}` is taken by another mapping, on `{}`",
            host_port.unwrap_or_default(),
            port.listen_address,
            other.listen_address,
        );
        let value = raw.host_port.as_ref();
        faults.extend(value.map(|value| value.fault("host port", message)));
    }
}
