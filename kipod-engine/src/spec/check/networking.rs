//! The addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{is_dns_name, port, read};
use crate::spec::{
    ClusterSpec, INTERNAL_NODE_ADDRESS, INTERNAL_NODE_ADDRESS6, IpFamily, NODE_POD_LENGTH,
    NODE_POD_LENGTH6, Networking, RawSpec, Subnet, Subnet6, ValidationError, Written,
};

/// By how many bits a node's part may be longer than the pod subnet, above which kubeadm refuses.
const MAX_POD_BITS: u8 = 16;
/// The lengths of a service subnet: kubeadm demands ten addresses, since cluster DNS gets the tenth,
/// and at most 20 bits of them.
const SERVICE_LENGTHS: std::ops::RangeInclusive<u8> = 12..=28;
/// The same for IPv6.
const SERVICE_LENGTHS6: std::ops::RangeInclusive<u8> = 108..=124;

/// Addresses that mean something else to every machine.
const RESERVED: [(Ipv4Addr, u8, &str); 4] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8, "this host"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "loopback"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "link-local addresses"),
    (Ipv4Addr::new(224, 0, 0, 0), 3, "multicast and reserved addresses"),
];
/// The same for IPv6.
const RESERVED6: [(Ipv6Addr, u8, &str); 3] = [
    (Ipv6Addr::UNSPECIFIED, 8, "loopback and reserved addresses"),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10, "link-local addresses"),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8, "multicast addresses"),
];

/// The subnets of one key, by family.
#[derive(Default)]
struct Subnets {
    v4: Option<Subnet>,
    v6: Option<Subnet6>,
    /// Whether what was given is right, or nothing was.
    good: bool,
}

/// The addresses that were asked for.
pub(super) fn check(raw: &RawSpec, faults: &mut Vec<ValidationError>) -> Networking {
    let family = read("IP family", raw.ip_family.as_ref(), faults, str::parse).unwrap_or_default();
    let default = Networking::of(family);
    let address = read("API server address", raw.api_server_address.as_ref(), faults, address);
    let port = read("API server port", raw.api_server_port.as_ref(), faults, port);
    let mut subnets = |name, value: Option<&Written>, size, size6| {
        let before = faults.len();
        let (v4, v6) = value
            .map(|value| by_family(name, value, family, size, size6, faults))
            .unwrap_or_default();
        Subnets { v4, v6, good: faults.len() == before }
    };
    let pods = subnets("pod subnet", raw.pod_subnet.as_ref(), pod_size, pod_size6);
    let services =
        subnets("service subnet", raw.service_subnet.as_ref(), service_size, service_size6);
    let networking = Networking {
        pod_subnet: pods.v4.unwrap_or(default.pod_subnet),
        service_subnet: services.v4.unwrap_or(default.service_subnet),
        pod_subnet6: pods.v6.unwrap_or(default.pod_subnet6),
        service_subnet6: services.v6.unwrap_or(default.service_subnet6),
        api_server_address: address.unwrap_or(default.api_server_address),
        api_server_port: port,
        disable_default_cni: raw.disable_default_cni,
        kube_proxy_mode: read("kube-proxy mode", raw.kube_proxy_mode.as_ref(), faults, str::parse)
            .unwrap_or_default(),
        dns_search: raw.dns_search.as_ref().map(|domains| dns_search(domains, faults)),
        ..default
    };
    // A value that is at fault itself is not held against the others: one cause, one fault.
    if pods.good && services.good {
        overlap(raw, &networking, faults);
    }
    networking
}

fn address(text: &str) -> Result<IpAddr, String> {
    let address: IpAddr =
        text.parse().map_err(|_| format!("`{text}` is not an IP address, such as `127.0.0.1`"))?;
    if address.is_multicast() || address == IpAddr::V4(Ipv4Addr::BROADCAST) {
        return Err(format!("`{text}` is not the address of one machine"));
    }
    Ok(address)
}

type Size<T> = fn(&T) -> Result<(), String>;

/// The subnets of a value: one, or for two families up to one of each, with a comma between them.
fn by_family(
    name: &str,
    value: &Written,
    family: IpFamily,
    size: Size<Subnet>,
    size6: Size<Subnet6>,
    faults: &mut Vec<ValidationError>,
) -> (Option<Subnet>, Option<Subnet6>) {
    let parts: Vec<&str> = value.text.split(',').map(str::trim).collect();
    let sixes = parts.iter().filter(|part| part.contains(':')).count();
    let fours = parts.len() - sixes;
    let words = match family {
        IpFamily::Ipv4 if (fours, sixes) != (1, 0) => Some("one IPv4 subnet"),
        IpFamily::Ipv6 if (fours, sixes) != (0, 1) => Some("one IPv6 subnet"),
        IpFamily::Dual if fours > 1 || sixes > 1 => {
            Some("one subnet, or one of each family with a comma between them")
        }
        _ => None,
    };
    if let Some(words) = words {
        let text = &value.text;
        let message =
            format!("`{text}` does not fit the IP family `{family}`, which takes {words}");
        faults.push(value.fault(name, message));
        return (None, None);
    }
    let (mut v4, mut v6) = (None, None);
    for part in parts {
        let read = match part.contains(':') {
            true => subnet6(part, size6).map(|subnet| v6 = Some(subnet)),
            false => subnet(part, size).map(|subnet| v4 = Some(subnet)),
        };
        faults.extend(read.err().map(|fault| value.fault(name, fault)));
    }
    (v4, v6)
}

fn subnet(text: &str, size: Size<Subnet>) -> Result<Subnet, String> {
    let subnet: Subnet =
        text.parse().map_err(|error: crate::spec::SubnetError| error.to_string())?;
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

fn subnet6(text: &str, size: Size<Subnet6>) -> Result<Subnet6, String> {
    let subnet: Subnet6 = text.parse()?;
    size(&subnet).map_err(|fault| format!("`{subnet}` {fault}"))?;
    for (address, length, what) in RESERVED6 {
        let reserved = Subnet6::around(address, length).expect("the lengths above are below 128");
        if subnet.overlaps(&reserved) {
            return Err(format!("`{subnet}` overlaps `{reserved}`, which is for {what}"));
        }
    }
    if subnet.contains(INTERNAL_NODE_ADDRESS6) {
        return Err(format!(
            "`{subnet}` holds `{INTERNAL_NODE_ADDRESS6}`, the node's own internal address"
        ));
    }
    Ok(subnet)
}

/// Pods and Services must have different addresses, in each family there is.
fn overlap(raw: &RawSpec, networking: &Networking, faults: &mut Vec<ValidationError>) {
    let Networking { pod_subnet, service_subnet, pod_subnet6, service_subnet6, ip_family, .. } =
        networking;
    let mut found = Vec::new();
    if ip_family.has_ipv4() && pod_subnet.overlaps(service_subnet) {
        found.push((pod_subnet.to_string(), service_subnet.to_string()));
    }
    if ip_family.has_ipv6() && pod_subnet6.overlaps(service_subnet6) {
        found.push((pod_subnet6.to_string(), service_subnet6.to_string()));
    }
    for (pods, services) in found {
        // Said of the one that was typed, or of the second where both were.
        faults.push(match (&raw.service_subnet, &raw.pod_subnet) {
            (None, Some(value)) => {
                let message = format!("`{pods}` overlaps the service subnet `{services}`");
                value.fault("pod subnet", message)
            }
            (value, _) => {
                let message = format!("`{services}` overlaps the pod subnet `{pods}`");
                let place = value.as_ref().and_then(|value| value.place.as_ref());
                ValidationError::at(place, "service subnet", message)
            }
        });
    }
}

/// Each node needs its part of the pod subnet.
pub(super) fn room_for_nodes(raw: &RawSpec, spec: &ClusterSpec, faults: &mut Vec<ValidationError>) {
    let Networking { pod_subnet, pod_subnet6, ip_family, .. } = &spec.networking;
    let room = |length: u8, part: u8| 1_usize << (part - length);
    let mut subnets = Vec::new();
    if ip_family.has_ipv4() {
        let room = room(pod_subnet.length(), NODE_POD_LENGTH);
        subnets.push((pod_subnet.to_string(), NODE_POD_LENGTH, room));
    }
    if ip_family.has_ipv6() {
        let room = room(pod_subnet6.length(), NODE_POD_LENGTH6);
        subnets.push((pod_subnet6.to_string(), NODE_POD_LENGTH6, room));
    }
    let nodes = spec.nodes.len();
    for (subnet, part, room) in subnets.into_iter().filter(|(.., room)| nodes > *room) {
        let message = format!(
            "`{subnet}` is too small: each of {nodes} nodes needs a /{part}, and it has {room}"
        );
        let place = raw.pod_subnet.as_ref().and_then(|value| value.place.as_ref());
        faults.push(ValidationError::at(place, "pod subnet", message));
    }
}

fn pod_size(subnet: &Subnet) -> Result<(), String> {
    pod_length(subnet.length(), NODE_POD_LENGTH)
}

fn pod_size6(subnet: &Subnet6) -> Result<(), String> {
    pod_length(subnet.length(), NODE_POD_LENGTH6)
}

fn pod_length(length: u8, part: u8) -> Result<(), String> {
    let least = part - MAX_POD_BITS;
    if length > part {
        Err(format!("is too small: each node needs a /{part} of it"))
    } else if length < least {
        Err(format!("is too large: /{least} is the largest"))
    } else {
        Ok(())
    }
}

fn service_size(subnet: &Subnet) -> Result<(), String> {
    service_length(subnet.length(), &SERVICE_LENGTHS)
}

fn service_size6(subnet: &Subnet6) -> Result<(), String> {
    service_length(subnet.length(), &SERVICE_LENGTHS6)
}

fn service_length(length: u8, lengths: &std::ops::RangeInclusive<u8>) -> Result<(), String> {
    let (largest, smallest) = (lengths.start(), lengths.end());
    if length > *smallest {
        Err(format!("is too small: /{smallest} is the smallest"))
    } else if length < *largest {
        Err(format!("is too large: /{largest} is the largest"))
    } else {
        Ok(())
    }
}

fn dns_search(domains: &[Written], faults: &mut Vec<ValidationError>) -> Vec<String> {
    let mut good = Vec::new();
    for domain in domains {
        let text = domain.text.strip_suffix('.').unwrap_or(&domain.text);
        if is_dns_name(text) {
            good.push(domain.text.clone());
        } else {
            let message = format!("`{}` is not a DNS domain, such as `example.com`", domain.text);
            faults.push(domain.fault("DNS search", message));
        }
    }
    good
}
