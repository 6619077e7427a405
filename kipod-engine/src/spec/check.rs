//! From what a user typed to a cluster that can be planned.

mod labels;
mod mounts;
mod networking;
mod nodes;
mod patches;
mod settings;

use std::fmt::Display;

use super::{
    ClusterName, ClusterSpec, DEFAULT_WAIT, ImageReference, RawSpec, ValidationError,
    ValidationErrors, Written, parse_duration,
};
use crate::util::timeouts::Timeouts;

impl RawSpec {
    /// Checks every value, fills in the defaults, and holds the values against each other.
    ///
    /// # Errors
    ///
    /// With all that is wrong at once.
    pub fn check(&self) -> Result<ClusterSpec, ValidationErrors> {
        self.check_for(Timeouts::default())
    }

    /// The same for a machine that is so many times slower than usual: where nothing is said of
    /// [`wait`](Self::wait), its default is as much longer. What is said is meant as said.
    ///
    /// ```
    /// use std::time::Duration;
    /// use kipod_engine::spec::{RawSpec, Written};
    ///
    /// let slow = "10".parse().unwrap();
    /// let spec = RawSpec::default().check_for(slow).unwrap();
    /// assert_eq!(spec.wait, Duration::from_secs(3000));
    /// let raw = RawSpec { wait: Some(Written::from("10m")), ..RawSpec::default() };
    /// assert_eq!(raw.check_for(slow).unwrap().wait, Duration::from_secs(600));
    /// ```
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    pub fn check_for(&self, timeouts: Timeouts) -> Result<ClusterSpec, ValidationErrors> {
        let mut faults = Vec::new();
        let spec = ClusterSpec {
            name: self.name(&mut faults),
            image: read("image", self.image.as_ref(), &mut faults, str::parse::<ImageReference>)
                .unwrap_or_default(),
            nodes: nodes::check(self, &mut faults),
            networking: networking::check(self, &mut faults),
            feature_gates: settings::feature_gates(&self.feature_gates, &mut faults),
            runtime_config: settings::runtime_config(&self.runtime_config, &mut faults),
            kubeadm_patches: patches::check(&self.kubeadm_patches, &mut faults),
            crio_drop_ins: settings::crio_drop_ins(&self.crio_drop_ins, &mut faults),
            registries: settings::registries(&self.registries, &mut faults),
            registry_auth_file: read(
                "registry auth file",
                self.registry_auth_file.as_ref(),
                &mut faults,
                mounts::host_path,
            ),
            host_images: self.host_images.unwrap_or(true),
            preload: self.preload(&mut faults),
            load_balancer: self.load_balancer.unwrap_or(true),
            metrics: self.metrics,
            wait: read("wait", self.wait.as_ref(), &mut faults, parse_duration)
                .unwrap_or_else(|| timeouts.scale(DEFAULT_WAIT)),
            retain: self.retain,
        };
        if faults.is_empty() {
            networking::room_for_nodes(self, &spec, &mut faults);
            nodes::api_server_port(self, &spec, &mut faults);
            nodes::published_ports(self, &spec, &mut faults);
        }
        match ValidationErrors::new(faults) {
            Some(faults) => Err(faults),
            None => Ok(spec),
        }
    }

    fn preload(&self, faults: &mut Vec<ValidationError>) -> Vec<ImageReference> {
        let mut images = Vec::new();
        for image in &self.preload {
            let image = read("preload", Some(image), faults, str::parse::<ImageReference>);
            images.extend(image.filter(|image| !images.contains(image)));
        }
        images
    }

    fn name(&self, faults: &mut Vec<ValidationError>) -> ClusterName {
        let Some(name) = &self.name else { return ClusterName::default() };
        ClusterName::new(&name.text).unwrap_or_else(|error| {
            for fault in error.faults() {
                faults.push(name.fault("cluster name", format!("`{}` {fault}", name.text)));
            }
            ClusterName::default()
        })
    }
}

/// The meaning of a value, or `None` where it was left out or is wrong, which makes a fault. `name`
/// is what it is called where it was typed as a flag.
fn read<T, E: Display>(
    name: &str,
    value: Option<&Written>,
    faults: &mut Vec<ValidationError>,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Option<T> {
    let value = value?;
    match parse(&value.text) {
        Ok(meaning) => Some(meaning),
        Err(error) => {
            faults.push(value.fault(name, error));
            None
        }
    }
}

fn port(text: &str) -> Result<u16, String> {
    // `parse` takes a plus sign, which no port has.
    match text.parse() {
        Ok(port) if port > 0 && !text.starts_with('+') => Ok(port),
        _ => Err(format!("`{text}` is not a port, which is a number from 1 to 65535")),
    }
}

/// Whether a text is a DNS name: labels of 1 to 63 letters, digits and inner dashes, with dots
/// between them, 253 characters at most (RFC 1123, section 2.1).
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
