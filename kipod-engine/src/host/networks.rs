//! Networks and addresses of the host, from the kernel's routing tables.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use crate::spec::Subnet;
use crate::util::bounded::{self, TEXT_LIMIT};

/// The kernel's IPv4 routing table. Source: proc_pid_net(5), "route".
const ROUTES: &str = "/proc/net/route";

/// The kernel's IPv4 routes as a tree, which contains all local addresses.
const LOCAL_ROUTES: &str = "/proc/net/fib_trie";
/// The kernel's IPv6 addresses. Source: proc_pid_net(5), "if_inet6".
const ADDRESSES6: &str = "/proc/net/if_inet6";

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

/// Reads the addresses on which other machines may reach the host; none where they cannot be read.
pub(crate) fn addresses() -> Vec<IpAddr> {
    let read = |path| bounded::read_text(Path::new(path), TEXT_LIMIT).unwrap_or_default();
    let v4 = parse_addresses(&read(LOCAL_ROUTES)).into_iter().map(IpAddr::from);
    v4.chain(parse_addresses6(&read(ADDRESSES6)).into_iter().map(IpAddr::from)).collect()
}

/// Parses the local addresses, without those of the loopback interface.
fn parse_addresses(tree: &str) -> Vec<Ipv4Addr> {
    let mut found: Vec<Ipv4Addr> = Vec::new();
    let mut leaf = None;
    for line in tree.lines().map(str::trim) {
        if let Some(address) = line.strip_prefix("|-- ") {
            leaf = address.parse().ok();
        } else if line == "/32 host LOCAL" {
            // Each address is in several tables.
            found.extend(leaf.filter(|one: &Ipv4Addr| !one.is_loopback() && !found.contains(one)));
        }
    }
    found
}

/// Parses the addresses of global scope.
fn parse_addresses6(table: &str) -> Vec<Ipv6Addr> {
    let address = |line: &str| {
        let mut fields = line.split_whitespace();
        let (address, scope) = (fields.next()?, fields.nth(2)?);
        (scope == "00").then(|| u128::from_str_radix(address, 16).ok().map(Ipv6Addr::from))?
    };
    table.lines().filter_map(address).collect()
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

    #[test]
    fn parse_addresses_returns_those_for_other_machines() {
        let tree = "\
Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 192.168.1.0
        /24 link UNICAST
Local:
  +-- 0.0.0.0/0 3 0 5
     |-- 127.0.0.1
        /32 host LOCAL
     |-- 192.168.1.5
        /32 host LOCAL
     |-- 192.168.1.255
        /32 link BROADCAST
     |-- 192.168.1.5
        /32 host LOCAL
";
        assert_eq!(parse_addresses(tree), [Ipv4Addr::new(192, 168, 1, 5)]);
        let table = "\
00000000000000000000000000000001 01 80 10 80       lo
fd000000000000000000000000000005 02 40 00 80     eth0
fe80000000000000025056fffe000001 02 40 20 80     eth0
broken
";
        assert_eq!(parse_addresses6(table), ["fd00::5".parse::<Ipv6Addr>().unwrap()]);
    }

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
