//! Validation of the networking settings.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

use super::{is_dns_name, parse, port, typed_port};
use crate::spec::problem::Problem;
use crate::spec::{
    ClusterSpec, DualStack, INTERNAL_NODE_ADDRESSES, IpFamily, NODE_POD_CIDR_LENGTHS, Networking,
    RawSpec, RawValue, Subnet, Subnet6, SubnetError, ValidationError,
};

/// The maximum difference between the prefix lengths of the pod subnet and of a node's pod CIDR,
/// which kubeadm enforces.
const MAX_POD_BITS: u8 = 16;
/// The prefix lengths of Service subnets. kubeadm requires ten addresses, because cluster DNS gets the
/// tenth, and allows at most 20 bits.
const SERVICE_LENGTHS: DualStack<RangeInclusive<u8>, RangeInclusive<u8>> =
    DualStack::new(12..=28, 108..=124);

/// IPv4 ranges with a special meaning on every host.
const RESERVED: [(Ipv4Addr, u8, &str); 4] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8, "this host"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "loopback"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "link-local addresses"),
    (Ipv4Addr::new(224, 0, 0, 0), 3, "multicast and reserved addresses"),
];
/// IPv6 ranges with a special meaning on every host.
const RESERVED6: [(Ipv6Addr, u8, &str); 3] = [
    (Ipv6Addr::UNSPECIFIED, 8, "loopback and reserved addresses"),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10, "link-local addresses"),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8, "multicast addresses"),
];

/// The configured subnets of one key.
#[derive(Default)]
struct Subnets {
    v4: Option<Subnet>,
    v6: Option<Subnet6>,
    /// `true` if IPv6 is first; `None` without subnets of both families.
    ipv6_first: Option<bool>,
    /// `true` if the configured value is valid, or there is none.
    valid: bool,
}

impl Subnets {
    /// Fills in the subnets that are not configured.
    fn or(&self, default: DualStack<Subnet, Subnet6>) -> DualStack<Subnet, Subnet6> {
        DualStack::new(self.v4.unwrap_or(default.v4), self.v6.unwrap_or(default.v6))
    }
}

/// Validates the networking settings.
pub(super) fn check(raw: &RawSpec, errors: &mut Vec<ValidationError>) -> Networking {
    let family = parse("IP family", raw.ip_family.as_ref(), errors, str::parse).unwrap_or_default();
    let default = Networking::of(family);
    let address = parse("API server address", raw.api_server_address.as_ref(), errors, address);
    let port = parse("API server port", raw.api_server_port.as_ref(), errors, port);
    let mut subnets = |name, value: Option<&RawValue>, size| {
        let before = errors.len();
        let (v4, v6) =
            value.map(|value| by_family(name, value, family, size, errors)).unwrap_or_default();
        let has_both = v4.is_some() && v6.is_some();
        let ipv6_first = value
            .filter(|_| has_both)
            .map(|value| value.text.split(',').next().is_some_and(|first| first.contains(':')));
        Subnets { v4, v6, ipv6_first, valid: errors.len() == before }
    };
    let pods = subnets("pod subnet", raw.pod_subnet.as_ref(), POD_SIZE);
    let services = subnets("service subnet", raw.service_subnet.as_ref(), SERVICE_SIZE);
    if let Some(problem) = family_order(family, &pods, &services).err()
        && let Some(value) = &raw.service_subnet
    {
        errors.push(value.error("service subnet", problem));
    }
    let networking = Networking {
        ip_family: family_order(family, &pods, &services).unwrap_or(family),
        pod_subnet: pods.or(default.pod_subnet),
        service_subnet: services.or(default.service_subnet),
        api_server_address: address.unwrap_or(default.api_server_address),
        api_server_port: port,
        disable_default_cni: raw.disable_default_cni,
        kube_proxy_mode: parse("kube-proxy mode", raw.kube_proxy_mode.as_ref(), errors, str::parse)
            .unwrap_or_default(),
        dns_search: raw.dns_search.as_ref().map(|domains| dns_search(domains, errors)),
        ..default
    };
    // An invalid value is not compared with others: one cause, one error.
    if pods.valid && services.valid {
        overlap(raw, &networking, errors);
    }
    networking
}

/// Returns the IP family with the order of the configured subnets. kube-apiserver requires that Services and
/// nodes have the same order, and nodes have the order of their pods.
fn family_order(family: IpFamily, pods: &Subnets, services: &Subnets) -> Result<IpFamily, Problem> {
    if family != IpFamily::Dual {
        return Ok(family);
    }
    match (pods.ipv6_first, services.ipv6_first) {
        (Some(pods), Some(services)) if pods != services => {
            Err(Problem("the order of the IP families is not that of the pod subnet".to_owned()))
        }
        (Some(true), _) | (_, Some(true)) => Ok(IpFamily::DualIpv6First),
        _ => Ok(family),
    }
}

/// Validates typed networking settings.
pub(super) fn check_typed(networking: &Networking, errors: &mut Vec<ValidationError>) {
    let family = networking.ip_family;
    let before = errors.len();
    let mut subnets = |name, subnet: &DualStack<Subnet, Subnet6>, size: Size| {
        let v4 = family.has_ipv4().then(|| check_subnet(&subnet.v4, size.v4).err()).flatten();
        let v6 = family.has_ipv6().then(|| check_subnet6(&subnet.v6, size.v6).err()).flatten();
        let problems = v4.into_iter().chain(v6);
        errors.extend(problems.map(|problem| ValidationError::at(None, name, problem)));
    };
    subnets("pod subnet", &networking.pod_subnet, POD_SIZE);
    subnets("service subnet", &networking.service_subnet, SERVICE_SIZE);
    if errors.len() == before {
        overlap(&RawSpec::default(), networking, errors);
    }
    let address = check_address(networking.api_server_address).err();
    let port = networking.api_server_port.and_then(|port| typed_port(port).err());
    let named = [("API server address", address), ("API server port", port)];
    errors.extend(named.into_iter().filter_map(|(name, problem)| {
        problem.map(|problem| ValidationError::at(None, name, problem))
    }));
    let domains = networking.dns_search.iter().flatten();
    dns_search(&domains.map(|domain| domain.as_str().into()).collect::<Vec<_>>(), errors);
}

fn address(text: &str) -> Result<IpAddr, Problem> {
    let address = text
        .parse()
        .map_err(|_| Problem(format!("`{text}` is not an IP address, such as `127.0.0.1`")))?;
    check_address(address).map(|()| address)
}

fn check_address(address: IpAddr) -> Result<(), Problem> {
    if address.is_multicast() || address == IpAddr::V4(Ipv4Addr::BROADCAST) {
        return Err(Problem(format!("`{address}` is not the address of a host")));
    }
    Ok(())
}

/// The rules for the size of a subnet, by its prefix length.
type Size = DualStack<fn(u8) -> Result<(), Problem>, fn(u8) -> Result<(), Problem>>;

const POD_SIZE: Size = DualStack::new(
    |length| pod_length(length, NODE_POD_CIDR_LENGTHS.v4),
    |length| pod_length(length, NODE_POD_CIDR_LENGTHS.v6),
);
const SERVICE_SIZE: Size = DualStack::new(
    |length| service_length(length, &SERVICE_LENGTHS.v4),
    |length| service_length(length, &SERVICE_LENGTHS.v6),
);

/// Parses the subnets of a value: one, or in a dual-stack cluster up to one of each family, separated by
/// a comma.
fn by_family(
    name: &str,
    value: &RawValue,
    family: IpFamily,
    size: Size,
    errors: &mut Vec<ValidationError>,
) -> (Option<Subnet>, Option<Subnet6>) {
    let parts: Vec<&str> = value.text.split(',').map(str::trim).collect();
    let sixes = parts.iter().filter(|part| part.contains(':')).count();
    let fours = parts.len() - sixes;
    let expected = match family {
        IpFamily::Ipv4 if (fours, sixes) != (1, 0) => Some("one IPv4 subnet"),
        IpFamily::Ipv6 if (fours, sixes) != (0, 1) => Some("one IPv6 subnet"),
        IpFamily::Dual | IpFamily::DualIpv6First if fours > 1 || sixes > 1 => {
            Some("one subnet, or one of each family, separated by a comma")
        }
        _ => None,
    };
    if let Some(expected) = expected {
        let text = &value.text;
        let message =
            format!("`{text}` does not match the IP family `{family}`: expected {expected}");
        errors.push(value.error(name, message));
        return (None, None);
    }
    let (mut v4, mut v6) = (None, None);
    for part in parts {
        let parsed = match part.contains(':') {
            true => subnet6(part, size).map(|subnet| v6 = Some(subnet)),
            false => subnet(part, size).map(|subnet| v4 = Some(subnet)),
        };
        errors.extend(parsed.err().map(|problem| value.error(name, problem)));
    }
    (v4, v6)
}

fn subnet(text: &str, size: Size) -> Result<Subnet, Problem> {
    let subnet = text.parse().map_err(|error: SubnetError| Problem(error.to_string()))?;
    check_subnet(&subnet, size.v4).map(|()| subnet)
}

fn subnet6(text: &str, size: Size) -> Result<Subnet6, Problem> {
    let subnet = text.parse().map_err(|error: SubnetError| Problem(error.to_string()))?;
    check_subnet6(&subnet, size.v6).map(|()| subnet)
}

fn check_subnet(subnet: &Subnet, size: fn(u8) -> Result<(), Problem>) -> Result<(), Problem> {
    // A subnet of the wrong size has to be replaced, so its other problems do not matter.
    size(subnet.length()).map_err(|problem| Problem(format!("`{subnet}` {problem}")))?;
    let mut problems = Vec::new();
    for (address, length, use_of) in RESERVED {
        let reserved = Subnet::around(address, length).expect("the lengths above are below 32");
        if subnet.overlaps(&reserved) {
            problems.push(format!("overlaps `{reserved}`, which is reserved for {use_of}"));
        }
    }
    let internal = INTERNAL_NODE_ADDRESSES.v4;
    if subnet.contains(internal) {
        problems.push(format!("contains `{internal}`, the internal address of nodes"));
    }
    match problems.is_empty() {
        true => Ok(()),
        false => Err(Problem(format!("`{subnet}` {}", problems.join("; ")))),
    }
}

fn check_subnet6(subnet: &Subnet6, size: fn(u8) -> Result<(), Problem>) -> Result<(), Problem> {
    size(subnet.length()).map_err(|problem| Problem(format!("`{subnet}` {problem}")))?;
    for (address, length, use_of) in RESERVED6 {
        let reserved = Subnet6::around(address, length).expect("the lengths above are below 128");
        if subnet.overlaps(&reserved) {
            return Err(Problem(format!(
                "`{subnet}` overlaps `{reserved}`, which is reserved for {use_of}"
            )));
        }
    }
    let internal = INTERNAL_NODE_ADDRESSES.v6;
    if subnet.contains(internal) {
        let message = format!("`{subnet}` contains `{internal}`, the internal address of nodes");
        return Err(Problem(message));
    }
    Ok(())
}

/// Checks that the pod and Service subnets do not overlap in any family of the cluster.
fn overlap(raw: &RawSpec, networking: &Networking, errors: &mut Vec<ValidationError>) {
    let Networking { pod_subnet, service_subnet, ip_family, .. } = networking;
    let mut found = Vec::new();
    if ip_family.has_ipv4() && pod_subnet.v4.overlaps(&service_subnet.v4) {
        found.push((pod_subnet.v4.to_string(), service_subnet.v4.to_string()));
    }
    if ip_family.has_ipv6() && pod_subnet.v6.overlaps(&service_subnet.v6) {
        found.push((pod_subnet.v6.to_string(), service_subnet.v6.to_string()));
    }
    for (pods, services) in found {
        // The error is about the configured subnet, or about the second one if both are configured.
        errors.push(match (&raw.service_subnet, &raw.pod_subnet) {
            (None, Some(value)) => {
                let message = format!("`{pods}` overlaps the service subnet `{services}`");
                value.error("pod subnet", message)
            }
            (value, _) => {
                let message = format!("`{services}` overlaps the pod subnet `{pods}`");
                let location = value.as_ref().and_then(|value| value.location.as_ref());
                ValidationError::at(location, "service subnet", message)
            }
        });
    }
}

/// Checks that the pod subnets have a pod CIDR for each node.
pub(super) fn room_for_nodes(raw: &RawSpec, spec: &ClusterSpec, errors: &mut Vec<ValidationError>) {
    let Networking { pod_subnet: DualStack { v4, v6 }, ip_family, .. } = &spec.networking;
    let each = DualStack::new(
        (v4.to_string(), v4.length(), NODE_POD_CIDR_LENGTHS.v4),
        (v6.to_string(), v6.length(), NODE_POD_CIDR_LENGTHS.v6),
    );
    let nodes = spec.nodes.len();
    for (subnet, length, part) in each.each::<(String, u8, u8)>(*ip_family) {
        let room = 1_usize << (part - length);
        if nodes > room {
            let message = format!(
                "`{subnet}` is too small: each of {nodes} nodes needs a /{part}, and it has {room}"
            );
            let location = raw.pod_subnet.as_ref().and_then(|value| value.location.as_ref());
            errors.push(ValidationError::at(location, "pod subnet", message));
        }
    }
}

fn pod_length(length: u8, part: u8) -> Result<(), Problem> {
    let least = part - MAX_POD_BITS;
    if length > part {
        Err(Problem(format!("is too small: each node needs a /{part} of it")))
    } else if length < least {
        Err(Problem(format!("is too large: /{least} is the largest")))
    } else {
        Ok(())
    }
}

fn service_length(length: u8, lengths: &RangeInclusive<u8>) -> Result<(), Problem> {
    let (largest, smallest) = (lengths.start(), lengths.end());
    if length > *smallest {
        Err(Problem(format!("is too small: /{smallest} is the smallest")))
    } else if length < *largest {
        Err(Problem(format!("is too large: /{largest} is the largest")))
    } else {
        Ok(())
    }
}

fn dns_search(domains: &[RawValue], errors: &mut Vec<ValidationError>) -> Vec<String> {
    let mut valid = Vec::new();
    for domain in domains {
        let text = domain.text.strip_suffix('.').unwrap_or(&domain.text);
        if is_dns_name(text) {
            valid.push(domain.text.clone());
        } else {
            let message = format!("`{}` is not a DNS domain, such as `example.com`", domain.text);
            errors.push(domain.error("DNS search", message));
        }
    }
    valid
}
