//! Validation of the settings of Kubernetes components, CRI-O and registries.

use std::collections::BTreeMap;

use super::{is_dns_name, required};
use crate::spec::{Mirror, RawRegistry, RawValue, Registry, ValidationError};

/// The feature gate that nodes require, because kubelet runs in a user namespace.
const NEEDED_GATE: &str = "KubeletInUserNamespace";

/// Validates feature gates. Known names depend on the Kubernetes version and are not checked.
pub(super) fn feature_gates(
    raw: &[(RawValue, bool)],
    errors: &mut Vec<ValidationError>,
) -> BTreeMap<String, bool> {
    for (name, on) in raw {
        let text = &name.text;
        if !is_gate(text) {
            let message = format!("`{text}` is not a feature gate, such as `AllBeta`");
            errors.push(name.error("feature gate", message));
        } else if text == NEEDED_GATE && !on {
            let message = "rootless nodes require it, so it cannot be disabled";
            errors.push(name.error("feature gate", message));
        }
    }
    raw.iter().map(|(name, on)| (name.text.clone(), *on)).collect()
}

fn is_gate(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_uppercase())
        && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// Validates the API server's `--runtime-config`: `api/all`, `api/beta`, `GROUP/VERSION` or
/// `GROUP/VERSION/RESOURCE`, each `true` or `false`.
pub(super) fn runtime_config(
    raw: &[(RawValue, RawValue)],
    errors: &mut Vec<ValidationError>,
) -> BTreeMap<String, String> {
    for (name, value) in raw {
        let key = &name.text;
        let valid = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'))
        };
        if !key.split('/').all(valid) || key.split('/').count() > 3 {
            let message = format!("`{key}` is not an API, such as `api/alpha` or `batch/v1`");
            errors.push(name.error("runtime configuration", message));
        }
        // The booleans of Go. An empty value is true.
        let booleans = ["", "1", "t", "T", "true", "TRUE", "True", "0", "f", "F", "false", "FALSE"];
        if !booleans.contains(&value.text.as_str()) && value.text != "False" {
            let message = format!("`{}` is neither `true` nor `false`", value.text);
            errors.push(value.error("runtime configuration", message));
        }
    }
    raw.iter().map(|(name, value)| (name.text.clone(), value.text.clone())).collect()
}

/// Validates CRI-O drop-ins: file names and TOML.
pub(super) fn crio_drop_ins(
    raw: &[(RawValue, RawValue)],
    errors: &mut Vec<ValidationError>,
) -> BTreeMap<String, String> {
    for (name, text) in raw {
        let file = &name.text;
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        if !file.ends_with(".conf") || file.starts_with('.') || !file.bytes().all(plain) {
            let message = format!("`{file}` is not a drop-in file name, such as `10-log.conf`");
            errors.push(name.error("CRI-O drop-in", message));
        }
        if let Err(error) = text.text.parse::<toml::Table>() {
            let line = error.span().map(|span| {
                let before = text.text.get(..span.start).unwrap_or_default();
                format!("line {} of the drop-in: ", before.matches('\n').count() + 1)
            });
            let line = line.unwrap_or_default();
            let reason = error.message().lines().next().unwrap_or_default();
            errors.push(text.error("CRI-O drop-in", format!("{line}{reason}")));
        }
    }
    raw.iter().map(|(name, text)| (name.text.clone(), text.text.clone())).collect()
}

/// Validates registries. Each must have a unique prefix.
pub(super) fn registries(raw: &[RawRegistry], errors: &mut Vec<ValidationError>) -> Vec<Registry> {
    let mut valid: Vec<Registry> = Vec::new();
    for registry in raw {
        let at = registry.defined_at.as_ref();
        let prefix = required("registry", "prefix", registry.prefix.as_ref(), at, errors);
        let prefix = prefix.and_then(|value| part("prefix", value, errors));
        let location = registry.location.as_ref().and_then(|value| part("location", value, errors));
        let mirrors = registry.mirrors.iter().filter_map(|mirror| {
            let at = mirror.defined_at.as_ref();
            let location = required("registry", "location", mirror.location.as_ref(), at, errors)?;
            let location = part("location", location, errors)?;
            Some(Mirror { location, insecure: mirror.insecure })
        });
        let mirrors = mirrors.collect();
        let Some(prefix) = prefix else { continue };
        if valid.iter().any(|other| other.prefix == prefix) {
            let message = format!("duplicate registry prefix `{prefix}`");
            errors.push(ValidationError::at(at, "registry", message));
        } else if prefix.starts_with("*.") && registry.location.is_some() {
            let message = "a prefix with `*` cannot have a location: all hosts keep their names";
            errors.push(ValidationError::at(at, "registry", message));
        }
        valid.push(Registry { prefix, location, insecure: registry.insecure, mirrors });
    }
    valid
}

/// Validates the start of image names: a host with an optional port and path.
fn part(key: &str, value: &RawValue, errors: &mut Vec<ValidationError>) -> Option<String> {
    let text = &value.text;
    let (host, path) = text.split_once('/').unwrap_or((text, ""));
    let (name, port) = host.rsplit_once(':').unwrap_or((host, "1"));
    let name = if key == "prefix" { name.strip_prefix("*.").unwrap_or(name) } else { name };
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'/');
    let valid = is_dns_name(name) && port.parse::<u16>().is_ok() && path.bytes().all(plain);
    if valid && !text.ends_with('/') {
        return Some(text.clone());
    }
    let message = match text.split_once("://") {
        Some((scheme, rest)) => format!(
            "`{text}` starts with `{scheme}://`: use `{}`, with `insecure: true` for HTTP",
            rest.trim_end_matches('/'),
        ),
        None => format!("`{text}` is not the start of an image name, such as `docker.io`"),
    };
    errors.push(value.error("registry", message));
    None
}
