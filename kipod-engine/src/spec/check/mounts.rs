//! Validation of mounts and port mappings.

use std::net::IpAddr;
use std::path::PathBuf;

use super::{parse, port, required, typed_port};
use crate::spec::problem::Problem;
use crate::spec::{
    ExtraMount, ExtraPort, Origin, Protocol, RawMount, RawPort, RawValue, ValidationError,
};

/// Paths that nodes use. Paths below them are allowed, except below the last.
const RESERVED: [&str; 9] =
    ["/", "/dev", "/dev/kmsg", "/proc", "/run", "/sys", "/tmp", "/var", "/kipod"];

/// Validates the mounts of one node.
pub(super) fn mounts(raw: &[RawMount], errors: &mut Vec<ValidationError>) -> Vec<ExtraMount> {
    let mut valid: Vec<ExtraMount> = Vec::new();
    for mount in raw {
        let location = mount.location.as_ref();
        let host = required("node", "hostPath", mount.host_path.as_ref(), location, errors);
        let host = parse("host path", host, errors, host_path);
        let inside =
            required("node", "containerPath", mount.container_path.as_ref(), location, errors);
        let target = parse("container path", inside, errors, container_path);
        let propagation = parse("propagation", mount.propagation.as_ref(), errors, str::parse)
            .unwrap_or_default();
        let (Some(host_path), Some(container_path)) = (host, target) else { continue };
        if let Err(problem) = unused_path(&container_path, &valid) {
            errors.extend(inside.map(|inside| inside.error("container path", problem)));
        }
        valid.push(ExtraMount {
            host_path,
            container_path,
            read_only: mount.read_only,
            selinux_relabel: mount.selinux_relabel,
            propagation,
            origin: Origin::of(mount.host_path.as_ref().and_then(|path| path.location.as_ref())),
        });
    }
    valid
}

/// Validates typed mounts of one node, and normalises their container paths.
pub(super) fn typed_mounts(mounts: &mut [ExtraMount], errors: &mut Vec<ValidationError>) {
    let mut error = |name, problem: Problem| errors.push(ValidationError::at(None, name, problem));
    for index in 0..mounts.len() {
        let (before, rest) = mounts.split_at_mut(index);
        let Some(mount) = rest.first_mut() else { return };
        if mount.host_path.as_os_str().is_empty() {
            error("host path", Problem(EMPTY_PATH.to_owned()));
        }
        match container_path(&mount.container_path) {
            Ok(path) => {
                if let Err(problem) = unused_path(&path, before) {
                    error("container path", problem);
                }
                mount.container_path = path;
            }
            Err(problem) => error("container path", problem),
        }
    }
}

fn unused_path(path: &str, others: &[ExtraMount]) -> Result<(), Problem> {
    match others.iter().any(|other| other.container_path == path) {
        true => Err(Problem(format!("`{path}` is already the path of another mount of the node"))),
        false => Ok(()),
    }
}

const EMPTY_PATH: &str = "the path is empty";

pub(super) fn host_path(text: &str) -> Result<PathBuf, Problem> {
    match text {
        "" => Err(Problem(EMPTY_PATH.to_owned())),
        _ => Ok(text.into()),
    }
}

fn container_path(text: &str) -> Result<String, Problem> {
    if !text.starts_with('/') {
        return Err(Problem(format!("`{text}` is not an absolute path")));
    }
    let parts: Vec<&str> = text.split('/').filter(|part| !part.is_empty()).collect();
    if parts.iter().any(|part| matches!(*part, "." | "..")) {
        return Err(Problem(format!("`{text}` has a `.` or `..` component")));
    }
    let path = format!("/{}", parts.join("/"));
    if RESERVED.contains(&path.as_str()) || path.starts_with("/kipod/") {
        return Err(Problem(format!("`{path}` is reserved for the node: use a path below")));
    }
    Ok(path)
}

/// Validates the port mappings of one node.
pub(super) fn ports<'a>(
    raw: &'a [RawPort],
    errors: &mut Vec<ValidationError>,
) -> Vec<(ExtraPort, Option<&'a RawValue>)> {
    let mut valid = Vec::new();
    for mapping in raw {
        let location = mapping.location.as_ref();
        let before = errors.len();
        let inside =
            required("node", "containerPort", mapping.container_port.as_ref(), location, errors);
        let container_port = parse("container port", inside, errors, port);
        let host_port = parse("host port", mapping.host_port.as_ref(), errors, port);
        let address = parse("listen address", mapping.listen_address.as_ref(), errors, listen);
        let protocol = parse("protocol", mapping.protocol.as_ref(), errors, |text| {
            let protocol = text.to_ascii_uppercase().parse::<Protocol>();
            // The message has the text of the user.
            protocol.map_err(|error| crate::spec::UnknownName { text: text.to_owned(), ..error })
        });
        if let (Some(container_port), true) = (container_port, errors.len() == before) {
            let port = ExtraPort {
                container_port,
                host_port,
                listen_address: address.unwrap_or(ExtraPort::LISTEN_ADDRESS),
                protocol: protocol.unwrap_or_default(),
                origin: Origin::of(
                    mapping.host_port.as_ref().map_or(location, |port| port.location.as_ref()),
                ),
            };
            valid.push((port, mapping.host_port.as_ref()));
        }
    }
    valid
}

/// Validates typed port mappings of one node.
pub(super) fn typed_ports(ports: &[ExtraPort], errors: &mut Vec<ValidationError>) {
    for port in ports {
        let container_port = typed_port(port.container_port).err();
        let host_port = port.host_port.and_then(|port| typed_port(port).err());
        let named = [("container port", container_port), ("host port", host_port)];
        errors.extend(named.into_iter().filter_map(|(name, problem)| {
            problem.map(|problem| ValidationError::at(None, name, problem))
        }));
    }
}

fn listen(text: &str) -> Result<IpAddr, Problem> {
    text.parse().map_err(|_| Problem(format!("`{text}` is not an IP address, such as `127.0.0.1`")))
}

/// Checks that no two mappings of the cluster need the same host port. Each has the raw value of its
/// host port for the location.
pub(super) fn collisions(
    all: &[(ExtraPort, Option<&RawValue>)],
    errors: &mut Vec<ValidationError>,
) {
    for (index, (port, raw)) in all.iter().enumerate() {
        let Some((other, _)) = all[..index].iter().find(|(other, _)| other.collides(port)) else {
            continue;
        };
        let ExtraPort { host_port, protocol, .. } = port;
        let message = format!(
            "port {} ({protocol}) of `{}` is already used by another mapping, on `{}`",
            host_port.unwrap_or_default(),
            port.listen_address,
            other.listen_address,
        );
        let location = raw.and_then(|raw| raw.location.as_ref());
        errors.push(ValidationError::at(location, "host port", message));
    }
}
