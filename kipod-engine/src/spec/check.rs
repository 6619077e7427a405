//! From what a user typed to a cluster that can be planned.

mod nodes;

use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr};

use super::{
    ClusterName, ClusterSpec, DEFAULT_WAIT, Fault, Faults, INTERNAL_NODE_ADDRESS, ImageReference,
    NODE_POD_LENGTH, Networking, RawSpec, Subnet, parse_duration,
};

/// By how many bits a node's part may be longer than the pod subnet, above which kubeadm refuses.
const MAX_POD_BITS: u8 = 16;
/// The lengths of a service subnet: kubeadm demands ten addresses, since cluster DNS gets the tenth,
/// and at most 20 bits of them.
const SERVICE_LENGTHS: std::ops::RangeInclusive<u8> = 12..=28;

/// Addresses that mean something else to every machine.
const RESERVED: [(Ipv4Addr, u8, &str); 4] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8, "this host"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "loopback"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "link-local addresses"),
    (Ipv4Addr::new(224, 0, 0, 0), 3, "multicast and reserved addresses"),
];

impl RawSpec {
    /// Checks every value, fills in the defaults, and holds the values against each other.
    ///
    /// # Errors
    ///
    /// With all that is wrong at once.
    pub fn check(&self) -> Result<ClusterSpec, Faults> {
        let mut faults = Vec::new();
        let spec = ClusterSpec {
            name: self.name(&mut faults),
            image: read("image", self.image.as_deref(), &mut faults, str::parse::<ImageReference>)
                .unwrap_or_default(),
            nodes: nodes::check(self, &mut faults),
            networking: self.networking(&mut faults),
            wait: read("wait", self.wait.as_deref(), &mut faults, parse_duration)
                .unwrap_or(DEFAULT_WAIT),
            retain: self.retain,
        };
        if faults.is_empty() {
            room_for_nodes(&spec, &mut faults);
        }
        match Faults::new(faults) {
            Some(faults) => Err(faults),
            None => Ok(spec),
        }
    }

    fn name(&self, faults: &mut Vec<Fault>) -> ClusterName {
        let Some(name) = &self.name else { return ClusterName::default() };
        ClusterName::new(name).unwrap_or_else(|error| {
            for fault in error.faults() {
                add(faults, "cluster name", format!("`{name}` {fault}"));
            }
            ClusterName::default()
        })
    }

    fn networking(&self, faults: &mut Vec<Fault>) -> Networking {
        let default = Networking::default();
        let address =
            read("API server address", self.api_server_address.as_deref(), faults, address);
        let port = read("API server port", self.api_server_port.as_deref(), faults, port);
        let pods =
            read("pod subnet", self.pod_subnet.as_deref(), faults, |text| subnet(text, pod_size));
        let services = read("service subnet", self.service_subnet.as_deref(), faults, |text| {
            subnet(text, service_size)
        });
        // A value that is at fault itself is not held against the others: one cause, one fault.
        let pods_good = self.pod_subnet.is_none() || pods.is_some();
        let services_good = self.service_subnet.is_none() || services.is_some();
        let networking = Networking {
            pod_subnet: pods.unwrap_or(default.pod_subnet),
            service_subnet: services.unwrap_or(default.service_subnet),
            api_server_address: address.unwrap_or(default.api_server_address),
            api_server_port: port,
        };
        let Networking { pod_subnet, service_subnet, .. } = &networking;
        if pods_good && services_good && pod_subnet.overlaps(service_subnet) {
            // Said of the one that was typed, or of the second where both were.
            let (place, this, that) = if self.service_subnet.is_some() {
                ("service subnet", service_subnet, format!("the pod subnet `{pod_subnet}`"))
            } else {
                ("pod subnet", pod_subnet, format!("the service subnet `{service_subnet}`"))
            };
            add(faults, place, format!("`{this}` overlaps {that}"));
        }
        networking
    }
}

fn add(faults: &mut Vec<Fault>, place: &str, message: impl Display) {
    faults.push(Fault { place: place.to_owned(), message: message.to_string() });
}

/// The meaning of a value, or `None` where it was left out or is wrong, which makes a fault.
fn read<T, E: Display>(
    place: &str,
    text: Option<&str>,
    faults: &mut Vec<Fault>,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Option<T> {
    match parse(text?) {
        Ok(value) => Some(value),
        Err(error) => {
            add(faults, place, error);
            None
        }
    }
}

fn address(text: &str) -> Result<IpAddr, String> {
    let address: IpAddr =
        text.parse().map_err(|_| format!("`{text}` is not an IP address, such as `127.0.0.1`"))?;
    if address.is_multicast() || address == IpAddr::V4(Ipv4Addr::BROADCAST) {
        return Err(format!("`{text}` is not the address of one machine"));
    }
    Ok(address)
}

fn port(text: &str) -> Result<u16, String> {
    // `parse` takes a plus sign, which no port has.
    match text.parse() {
        Ok(port) if port > 0 && !text.starts_with('+') => Ok(port),
        _ => Err(format!("`{text}` is not a port, which is a number from 1 to 65535")),
    }
}

fn subnet(text: &str, size: fn(&Subnet) -> Result<(), String>) -> Result<Subnet, String> {
    let subnet: Subnet = text.parse().map_err(|error: super::SubnetError| error.to_string())?;
    // Of a subnet of the wrong size the rest would only be noise: it will be another one.
    size(&subnet).map_err(|fault| format!("`{subnet}` {fault}"))?;
    let mut wrong = Vec::new();
    for (address, length, what) in RESERVED {
        let reserved = Subnet::around(address, length).expect("the lengths above are below 32");
        if subnet.overlaps(&reserved) {
            wrong.push(format!("overlaps `{reserved}`, which is for {what}"));
        }
    }
    if subnet.contains(INTERNAL_NODE_ADDRESS) {
        wrong.push(format!("holds `{INTERNAL_NODE_ADDRESS}`, the node's own internal address"));
    }
    if wrong.is_empty() { Ok(subnet) } else { Err(format!("`{subnet}` {}", wrong.join("; "))) }
}

/// Each node needs its part of the pod subnet.
fn room_for_nodes(spec: &ClusterSpec, faults: &mut Vec<Fault>) {
    let (subnet, nodes) = (&spec.networking.pod_subnet, spec.nodes.len());
    let room = 1_usize << (NODE_POD_LENGTH - subnet.length());
    if nodes > room {
        let fault = format!(
            "`{subnet}` is too small: each of {nodes} nodes needs a /{NODE_POD_LENGTH}, and it has {room}"
        );
        add(faults, "pod subnet", fault);
    }
}

fn pod_size(subnet: &Subnet) -> Result<(), String> {
    let least = NODE_POD_LENGTH - MAX_POD_BITS;
    if subnet.length() > NODE_POD_LENGTH {
        Err(format!("is too small: each node needs a /{NODE_POD_LENGTH} of it"))
    } else if subnet.length() < least {
        Err(format!("is too large: /{least} is the largest"))
    } else {
        Ok(())
    }
}

fn service_size(subnet: &Subnet) -> Result<(), String> {
    let (largest, smallest) = (SERVICE_LENGTHS.start(), SERVICE_LENGTHS.end());
    if subnet.length() > *smallest {
        Err(format!("is too small: /{smallest} is the smallest"))
    } else if subnet.length() < *largest {
        Err(format!("is too large: /{largest} is the largest"))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
