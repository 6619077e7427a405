//! Validation of a node's resources, devices and environment variables.

use std::collections::BTreeMap;

use super::parse;
use crate::spec::problem::Problem;
use crate::spec::resources::{parse_memory, parse_milli_cpus};
use crate::spec::{NodeResources, RawNode, RawValue, ValidationError};

/// Variables that nodes set themselves.
const RESERVED: [&str; 2] = ["PATH", "container"];
const RESERVED_PREFIX: &str = "KIPOD_";

/// Validates the resource limits of a node.
pub(super) fn resources(raw: &RawNode, errors: &mut Vec<ValidationError>) -> NodeResources {
    NodeResources {
        milli_cpus: parse("cpus", raw.cpus.as_ref(), errors, parse_milli_cpus),
        memory: parse("memory", raw.memory.as_ref(), errors, parse_memory),
    }
}

/// Validates typed resource limits of a node.
pub(super) fn typed_resources(resources: NodeResources, errors: &mut Vec<ValidationError>) {
    let mut refuse = |name, is_zero| {
        if is_zero {
            errors.push(ValidationError::at(None, name, "the limit is zero"));
        }
    };
    refuse("cpus", resources.milli_cpus == Some(0));
    refuse("memory", resources.memory == Some(0));
}

/// Validates the devices of a node.
pub(super) fn devices(raw: &[RawValue], errors: &mut Vec<ValidationError>) -> Vec<String> {
    let mut valid = Vec::new();
    for device in raw {
        let device = parse("device", Some(device), errors, device_name);
        valid.extend(device.filter(|device| !valid.contains(device)));
    }
    valid
}

fn device_name(text: &str) -> Result<String, Problem> {
    let parts = |path: &str| path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    let is_path = text.strip_prefix("/dev/").is_some_and(|path| parts(path) && !path.contains(':'));
    match is_path || is_cdi(text) {
        true => Ok(text.to_owned()),
        false => Err(Problem(format!(
            "`{text}` is neither a path below `/dev` nor a name of the Container Device Interface, such as `/dev/kvm` or `vendor.com/gpu=all`"
        ))),
    }
}

/// Returns whether a text is a qualified name of the Container Device Interface: `VENDOR/CLASS=NAME`.
/// Source: the specification of CDI, "Kind" and "Device names".
fn is_cdi(text: &str) -> bool {
    let plain = |text: &str, more: &[char]| {
        let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        ends(text.chars().next())
            && ends(text.chars().last())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(&c))
    };
    text.split_once('/')
        .and_then(|(vendor, rest)| Some((vendor, rest.split_once('=')?)))
        .is_some_and(|(vendor, (class, name))| {
            plain(vendor, &['-', '_', '.'])
                && plain(class, &['-', '_', '.'])
                && plain(name, &['-', '_', '.', ':'])
        })
}

/// Validates environment variables of a node.
pub(super) fn env(
    raw: &[(RawValue, RawValue)],
    errors: &mut Vec<ValidationError>,
) -> BTreeMap<String, String> {
    for (name, value) in raw {
        let text = &name.text;
        let is_name = !text.starts_with(|c: char| c.is_ascii_digit())
            && !text.is_empty()
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !is_name {
            let message = format!(
                "`{text}` is not the name of a variable: expected letters, digits and `_`, not starting with a digit"
            );
            errors.push(name.error("environment variable", message));
        } else if RESERVED.contains(&text.as_str()) || text.starts_with(RESERVED_PREFIX) {
            let message = format!("`{text}` is set by nodes themselves");
            errors.push(name.error("environment variable", message));
        }
        if value.text.contains('\0') {
            errors.push(value.error("environment variable", "the value contains NUL"));
        }
    }
    raw.iter().map(|(name, value)| (name.text.clone(), value.text.clone())).collect()
}
