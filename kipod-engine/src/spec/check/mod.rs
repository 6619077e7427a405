//! Validation of cluster specifications.

mod host_access;
mod labels;
mod mounts;
mod networking;
mod nodes;
mod patches;
mod proxy;
mod settings;

use std::fmt::Display;
use std::path::PathBuf;

use super::problem::Problem;
use super::{
    ClusterName, ClusterSpec, DEFAULT_WAIT, ImageReference, Location, Networking, NodeSpec,
    RawSpec, RawValue, ValidationError, ValidationErrors, parse_duration,
};
use crate::kubernetes::Version;
use crate::util::timeouts::Timeouts;

impl RawSpec {
    /// Validates all values and fills in the defaults.
    ///
    /// # Errors
    ///
    /// All errors at once.
    pub fn check(&self) -> Result<ClusterSpec, ValidationErrors> {
        self.check_for(Timeouts::default())
    }

    /// Validates all values like [`check`](Self::check) for a slower host: the default of
    /// [`wait`](Self::wait) is multiplied by the factor. A configured value is not changed.
    ///
    /// ```
    /// use std::time::Duration;
    /// use kipod_engine::spec::{RawSpec, RawValue};
    ///
    /// let slow = kipod_engine::Timeouts::new("10".parse().unwrap());
    /// let spec = RawSpec::default().check_for(slow).unwrap();
    /// assert_eq!(spec.wait, Duration::from_secs(3000));
    /// let raw = RawSpec { wait: Some(RawValue::from("10m")), ..RawSpec::default() };
    /// assert_eq!(raw.check_for(slow).unwrap().wait, Duration::from_secs(600));
    /// ```
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    pub fn check_for(&self, timeouts: Timeouts) -> Result<ClusterSpec, ValidationErrors> {
        let mut errors = Vec::new();
        let spec = ClusterSpec {
            name: self.name.as_ref().and_then(|raw| name(raw, &mut errors)).unwrap_or_default(),
            kubernetes: None,
            image: parse("image", self.image.as_ref(), &mut errors, str::parse::<ImageReference>)
                .unwrap_or_default(),
            nodes: nodes::check(self, &mut errors),
            networking: networking::check(self, &mut errors),
            feature_gates: settings::feature_gates(&self.feature_gates, &mut errors),
            runtime_config: settings::runtime_config(&self.runtime_config, &mut errors),
            kubeadm_patches: patches::check(&self.kubeadm_patches, &mut errors),
            crio_drop_ins: settings::crio_drop_ins(&self.crio_drop_ins, &mut errors),
            registries: settings::registries(&self.registries, &mut errors),
            registry_auth_file: parse(
                "registry auth file",
                self.registry_auth_file.as_ref(),
                &mut errors,
                mounts::host_path,
            ),
            proxy: proxy::check(&self.proxy, &mut errors),
            host_proxy: self.host_proxy.unwrap_or(true),
            ca_certificates: self.ca_certificates(&mut errors),
            host_ca_certificates: self.host_ca_certificates,
            host_images: self.host_images.unwrap_or(true),
            preload: self.preload(&mut errors),
            load_balancer: self.load_balancer.unwrap_or(true),
            metrics: self.metrics,
            wait: parse("wait", self.wait.as_ref(), &mut errors, parse_duration)
                .unwrap_or_else(|| timeouts.scale(DEFAULT_WAIT)),
            retain: self.retain,
        };
        if errors.is_empty() {
            networking::room_for_nodes(self, &spec, &mut errors);
            nodes::api_server_port(self, &spec, &mut errors);
            nodes::published_ports(self, &spec, &mut errors);
        }
        match ValidationErrors::new(errors) {
            Some(errors) => Err(errors),
            None => Ok(spec),
        }
    }

    fn preload(&self, errors: &mut Vec<ValidationError>) -> Vec<ImageReference> {
        let mut images = Vec::new();
        for image in &self.preload {
            let image = parse("preload", Some(image), errors, str::parse::<ImageReference>);
            images.extend(image.filter(|image| !images.contains(image)));
        }
        images
    }

    fn ca_certificates(&self, errors: &mut Vec<ValidationError>) -> Vec<PathBuf> {
        let files = self.ca_certificates.iter();
        files
            .filter_map(|file| parse("CA certificates", Some(file), errors, mounts::host_path))
            .collect()
    }
}

/// Validates typed values with the rules of [`RawSpec::check`].
pub(super) struct TypedCheck {
    pub(super) errors: Vec<ValidationError>,
}

impl TypedCheck {
    pub(super) fn name(&mut self, raw: &str) -> ClusterName {
        name(&raw.into(), &mut self.errors).unwrap_or_default()
    }

    /// Validates and sorts the nodes.
    pub(super) fn nodes(&mut self, nodes: Vec<NodeSpec>) -> Vec<NodeSpec> {
        nodes::check_typed(nodes, &mut self.errors)
    }

    pub(super) fn networking(&mut self, networking: &Networking) {
        networking::check_typed(networking, &mut self.errors);
    }

    pub(super) fn kubernetes(&mut self, version: Option<&Version>) {
        let problem = version.and_then(|version| version.check_supported().err());
        let errors =
            problem.map(|problem| ValidationError::at(None, "Kubernetes version", problem));
        self.errors.extend(errors);
    }

    /// Validates the settings whose values are text in every form.
    pub(super) fn settings(&mut self, raw: &RawSpec, spec: &mut ClusterSpec) {
        spec.feature_gates = settings::feature_gates(&raw.feature_gates, &mut self.errors);
        spec.runtime_config = settings::runtime_config(&raw.runtime_config, &mut self.errors);
        spec.kubeadm_patches = patches::check(&raw.kubeadm_patches, &mut self.errors);
        spec.crio_drop_ins = settings::crio_drop_ins(&raw.crio_drop_ins, &mut self.errors);
        spec.registries = settings::registries(&raw.registries, &mut self.errors);
        spec.proxy = proxy::check(&raw.proxy, &mut self.errors);
    }

    /// Validates values against each other, if each is valid.
    ///
    /// # Errors
    ///
    /// All errors.
    pub(super) fn finish(mut self, spec: ClusterSpec) -> Result<ClusterSpec, ValidationErrors> {
        if self.errors.is_empty() {
            let raw = RawSpec::default();
            networking::room_for_nodes(&raw, &spec, &mut self.errors);
            nodes::api_server_port(&raw, &spec, &mut self.errors);
            nodes::published_typed_ports(&spec, &mut self.errors);
        }
        match ValidationErrors::new(self.errors) {
            Some(errors) => Err(errors),
            None => Ok(spec),
        }
    }
}

fn name(raw: &RawValue, errors: &mut Vec<ValidationError>) -> Option<ClusterName> {
    match ClusterName::new(&raw.text) {
        Ok(name) => Some(name),
        Err(error) => {
            errors.extend(
                error
                    .problems()
                    .iter()
                    .map(|problem| raw.error("cluster name", format!("`{}` {problem}", raw.text))),
            );
            None
        }
    }
}

/// Parses a value; `None` without a value, or after an error. `name` names the setting of a flag.
fn parse<T, E: Display>(
    name: &str,
    value: Option<&RawValue>,
    errors: &mut Vec<ValidationError>,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Option<T> {
    let value = value?;
    match parse(&value.text) {
        Ok(parsed) => Some(parsed),
        Err(error) => {
            errors.push(value.error(name, error));
            None
        }
    }
}

/// Returns the value of a key that `of` must have, or adds an error.
fn required<'a>(
    of: &str,
    key: &str,
    value: Option<&'a RawValue>,
    location: Option<&Location>,
    errors: &mut Vec<ValidationError>,
) -> Option<&'a RawValue> {
    if value.is_none() {
        errors.push(ValidationError::at(location, of, format!("missing `{key}`")));
    }
    value
}

fn port(text: &str) -> Result<u16, Problem> {
    // `parse` accepts a plus sign.
    match text.parse() {
        Ok(port) if port > 0 && !text.starts_with('+') => Ok(port),
        _ => Err(Problem(format!("`{text}` is not a port number from 1 to 65535"))),
    }
}

/// Validates a typed port, which is valid unless it is 0.
fn typed_port(port: u16) -> Result<(), Problem> {
    match port {
        0 => Err(Problem("`0` is not a port number from 1 to 65535".to_owned())),
        _ => Ok(()),
    }
}

/// Returns whether a text is a DNS name: labels of 1 to 63 letters, digits and inner dashes, separated
/// by dots, with at most 253 characters (RFC 1123, section 2.1).
fn is_dns_name(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

#[cfg(test)]
mod tests;
