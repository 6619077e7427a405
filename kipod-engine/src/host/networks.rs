//! Networks of the host, from the kernel's routing table.

use std::net::Ipv4Addr;
use std::path::Path;

use crate::spec::Subnet;
use crate::util::bounded::{self, TEXT_LIMIT};

/// The kernel's IPv4 routing table. Source: proc_pid_net(5), "route".
const ROUTES: &str = "/proc/net/route";

/// A directly connected network of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostNetwork {
    pub(crate) subnet: Subnet,
    pub(crate) interface: String,
}

/// Reads the host's networks from the kernel; none where the table cannot be read.
pub(crate) fn networks() -> Vec<HostNetwork> {
    parse(&bounded::read_text(Path::new(ROUTES), TEXT_LIMIT).unwrap_or_default())
}

/// Parses the directly connected networks. Routed networks are ignored: they are often as large as
/// `10.0.0.0/8`, and rarely used.
pub(super) fn parse(table: &str) -> Vec<HostNetwork> {
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
    }
}
