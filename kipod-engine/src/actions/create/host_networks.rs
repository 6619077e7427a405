//! Networks of the host. Pods cannot reach addresses of the host's networks that overlap the cluster's
//! own subnets.

use std::net::Ipv4Addr;

use crate::spec::{ClusterSpec, Subnet};

/// The kernel's IPv4 routing table. Source: proc_pid_net(5), "route".
const ROUTES: &str = "/proc/net/route";

/// A directly connected network of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::actions) struct HostNetwork {
    subnet: Subnet,
    interface: String,
}

/// Reads the host's networks from the kernel; none where the table cannot be read.
pub(in crate::actions) fn read() -> Vec<HostNetwork> {
    parse(&std::fs::read_to_string(ROUTES).unwrap_or_default())
}

/// Returns the subnets of the networks.
pub(in crate::actions) fn subnets(all: &[HostNetwork]) -> impl Iterator<Item = Subnet> {
    all.iter().map(|one| one.subnet)
}

/// Returns a warning for each network that pods of the cluster cannot reach.
pub(in crate::actions) fn warnings(spec: &ClusterSpec, all: &[HostNetwork]) -> Vec<String> {
    let networking = &spec.networking;
    if !networking.ip_family.has_ipv4() {
        return Vec::new();
    }
    let own = [
        ("pod subnet", networking.pod_subnet.v4),
        ("service subnet", networking.service_subnet.v4),
    ];
    let pairs = own.iter().flat_map(|own| all.iter().map(move |one| (own, one)));
    let overlaps = pairs.filter(|((_, own), one)| own.overlaps(&one.subnet));
    overlaps.map(|((name, own), HostNetwork { subnet, interface })| {
        format!(
            "the {name} `{own}` overlaps the host network `{subnet}` (`{interface}`): pods cannot reach addresses in it"
        )
    })
    .collect()
}

/// Parses the directly connected networks. Routed networks are ignored: they are often as large as
/// `10.0.0.0/8`, and rarely used.
fn parse(table: &str) -> Vec<HostNetwork> {
    let address = |text: &str| {
        // Hexadecimal, in the byte order of the host.
        u32::from_str_radix(text, 16).ok().map(|number| Ipv4Addr::from(number.to_ne_bytes()))
    };
    let mut found: Vec<HostNetwork> = Vec::new();
    for line in table.lines().skip(1) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [interface, destination, gateway, _, _, _, _, mask, ..] = fields.as_slice() else {
            continue;
        };
        let (Some(destination), Some(gateway), Some(mask)) =
            (address(destination), address(gateway), address(mask))
        else {
            continue;
        };
        let length = u8::try_from(mask.to_bits().leading_ones()).unwrap_or_default();
        // Unreachable routes have the interface `*`.
        if length == 0 || !gateway.is_unspecified() || *interface == "*" {
            continue;
        }
        let one = Subnet::around(destination, length)
            .map(|subnet| HostNetwork { subnet, interface: (*interface).to_owned() });
        found.extend(one.filter(|one| !found.contains(one)));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{IpFamily, Networking};

    /// Interface, destination, gateway and mask.
    type Row = (&'static str, [u8; 4], [u8; 4], [u8; 4]);

    /// Formats a table as the kernel does.
    fn table(rows: &[Row]) -> String {
        let heading =
            "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";
        let hex = |bytes: &[u8; 4]| format!("{:08X}", u32::from_ne_bytes(*bytes));
        let row = |(interface, destination, gateway, mask): &Row| {
            let [destination, gateway, mask] = [destination, gateway, mask].map(hex);
            format!("{interface}\t{destination}\t{gateway}\t0001\t0\t0\t0\t{mask}\t0\t0\t0\n")
        };
        rows.iter().map(row).fold(heading.to_owned(), |text, row| text + &row)
    }

    #[test]
    fn parse_returns_directly_connected_networks() {
        let text = table(&[
            ("eth0", [0; 4], [192, 168, 1, 1], [0; 4]),
            ("eth0", [192, 168, 1, 0], [0; 4], [255, 255, 255, 0]),
            ("tun0", [10, 0, 0, 0], [192, 168, 1, 9], [255, 0, 0, 0]),
            ("*", [10, 96, 0, 0], [0; 4], [255, 255, 0, 0]),
            ("wg0", [10, 244, 3, 0], [0; 4], [255, 255, 255, 0]),
            ("wg0", [10, 244, 3, 0], [0; 4], [255, 255, 255, 0]),
        ]);
        let found = parse(&(text + "cut o"));
        let names: Vec<_> =
            found.iter().map(|one| format!("{} {}", one.interface, one.subnet)).collect();
        assert_eq!(names, ["eth0 192.168.1.0/24", "wg0 10.244.3.0/24"]);
        assert_eq!(parse(""), []);

        let lines = warnings(&ClusterSpec::default(), &found);
        let [line] = lines.as_slice() else { panic!("{lines:?}") };
        assert_eq!(
            line,
            "the pod subnet `10.244.0.0/16` overlaps the host network `10.244.3.0/24` (`wg0`): pods cannot reach addresses in it"
        );
        let networking = Networking::of(IpFamily::Ipv6);
        let spec = ClusterSpec { networking, ..ClusterSpec::default() };
        assert_eq!(warnings(&spec, &found), [""; 0]);
    }
}
