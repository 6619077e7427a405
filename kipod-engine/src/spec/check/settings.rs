//! What Kubernetes' components and CRI-O are told.

use std::collections::BTreeMap;

use super::is_dns_name;
use crate::spec::{Mirror, Place, RawRegistry, Registry, ValidationError, Written};

/// A gate that nodes cannot do without: kubelet runs in a user namespace.
const NEEDED_GATE: &str = "KubeletInUserNamespace";

/// Feature gates, each with a name that can be one. Which there are depends on the version.
pub(super) fn feature_gates(
    raw: &[(Written, bool)],
    faults: &mut Vec<ValidationError>,
) -> BTreeMap<String, bool> {
    for (name, on) in raw {
        let text = &name.text;
        if !is_gate(text) {
            let message = format!("`{text}` is not a feature gate's name, such as `AllBeta`");
            faults.push(name.fault("feature gate", message));
        } else if text == NEEDED_GATE && !on {
            let message = "rootless nodes cannot do without it, so it cannot be turned off";
            faults.push(name.fault("feature gate", message));
        }
    }
    raw.iter().map(|(name, on)| (name.text.clone(), *on)).collect()
}

fn is_gate(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_uppercase())
        && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// The API server's `--runtime-config`: `api/all`, `api/beta`, `GROUP/VERSION` or
/// `GROUP/VERSION/RESOURCE`, each on or off.
pub(super) fn runtime_config(
    raw: &[(Written, Written)],
    faults: &mut Vec<ValidationError>,
) -> BTreeMap<String, String> {
    for (name, value) in raw {
        let key = &name.text;
        let good = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'))
        };
        if !key.split('/').all(good) || key.split('/').count() > 3 {
            let message = format!("`{key}` is not an API, such as `api/alpha` or `batch/v1`");
            faults.push(name.fault("runtime configuration", message));
        }
        // As Go reads booleans, and nothing, which is yes.
        let words = ["", "1", "t", "T", "true", "TRUE", "True", "0", "f", "F", "false", "FALSE"];
        if !words.contains(&value.text.as_str()) && value.text != "False" {
            let message = format!("`{}` is neither `true` nor `false`", value.text);
            faults.push(value.fault("runtime configuration", message));
        }
    }
    raw.iter().map(|(name, value)| (name.text.clone(), value.text.clone())).collect()
}

/// CRI-O drop-ins, each with a good file name and with TOML.
pub(super) fn crio_drop_ins(
    raw: &[(Written, Written)],
    faults: &mut Vec<ValidationError>,
) -> BTreeMap<String, String> {
    for (name, text) in raw {
        let file = &name.text;
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        if !file.ends_with(".conf") || file.starts_with('.') || !file.bytes().all(plain) {
            let message = format!("`{file}` is not a drop-in's file name, such as `10-log.conf`");
            faults.push(name.fault("CRI-O drop-in", message));
        }
        if let Err(error) = text.text.parse::<toml::Table>() {
            let line = error.span().map(|span| {
                let before = text.text.get(..span.start).unwrap_or_default();
                format!("line {} of the drop-in: ", before.matches('\n').count() + 1)
            });
            let line = line.unwrap_or_default();
            let reason = error.message().lines().next().unwrap_or_default();
            faults.push(text.fault("CRI-O drop-in", format!("{line}{reason}")));
        }
    }
    raw.iter().map(|(name, text)| (name.text.clone(), text.text.clone())).collect()
}

/// Registries, each with a prefix of its own.
pub(super) fn registries(raw: &[RawRegistry], faults: &mut Vec<ValidationError>) -> Vec<Registry> {
    let mut good: Vec<Registry> = Vec::new();
    for registry in raw {
        let place = registry.place.as_ref();
        let prefix = required("prefix", registry.prefix.as_ref(), place, faults);
        let location = registry.location.as_ref().and_then(|value| part("location", value, faults));
        let mirrors = registry.mirrors.iter().filter_map(|mirror| {
            let place = mirror.place.as_ref();
            let location = required("location", mirror.location.as_ref(), place, faults)?;
            Some(Mirror { location, insecure: mirror.insecure })
        });
        let mirrors = mirrors.collect();
        let Some(prefix) = prefix else { continue };
        if good.iter().any(|other| other.prefix == prefix) {
            let message = format!("there is another registry with the prefix `{prefix}`");
            faults.push(ValidationError::at(place, "registry", message));
        } else if prefix.starts_with("*.") && registry.location.is_some() {
            let message = "a prefix with `*` takes no location: every host keeps its name";
            faults.push(ValidationError::at(place, "registry", message));
        }
        good.push(Registry { prefix, location, insecure: registry.insecure, mirrors });
    }
    good
}

fn required(
    key: &str,
    value: Option<&Written>,
    place: Option<&Place>,
    faults: &mut Vec<ValidationError>,
) -> Option<String> {
    if value.is_none() {
        faults.push(ValidationError::at(place, "registry", format!("has no `{key}`")));
    }
    part(key, value?, faults)
}

/// The leading part of image names: a host, with or without a port and a path.
fn part(key: &str, value: &Written, faults: &mut Vec<ValidationError>) -> Option<String> {
    let text = &value.text;
    let (host, path) = text.split_once('/').unwrap_or((text, ""));
    let (name, port) = host.rsplit_once(':').unwrap_or((host, "1"));
    let name = if key == "prefix" { name.strip_prefix("*.").unwrap_or(name) } else { name };
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'/');
    let good = is_dns_name(name) && port.parse::<u16>().is_ok() && path.bytes().all(plain);
    if good && !text.ends_with('/') {
        return Some(text.clone());
    }
    let message = match text.split_once("://") {
        Some((scheme, rest)) => format!(
            "`{text}` starts with `{scheme}://`: write `{}`, and `insecure: true` for HTTP",
            rest.trim_end_matches('/'),
        ),
        None => format!("`{text}` is not the start of an image's name, such as `docker.io`"),
    };
    faults.push(value.fault("registry", message));
    None
}
