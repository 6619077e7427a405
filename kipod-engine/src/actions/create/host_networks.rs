//! The networks that this machine itself is in. A cluster can be created whatever they are, but what
//! has the same addresses inside the cluster is out of its reach outside.

use std::net::Ipv4Addr;

use crate::spec::{ClusterSpec, Subnet};

/// The kernel's table of IPv4 routes. Source: proc_pid_net(5), "route".
const ROUTES: &str = "/proc/net/route";

/// A network that this machine is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::actions) struct Surrounding {
    subnet: Subnet,
    interface: String,
}

/// The networks that this machine is in, as its kernel has them; none where it does not say.
pub(in crate::actions) fn read() -> Vec<Surrounding> {
    parse(&std::fs::read_to_string(ROUTES).unwrap_or_default())
}

/// The subnets that it is best to leave alone.
pub(in crate::actions) fn subnets(all: &[Surrounding]) -> impl Iterator<Item = Subnet> {
    all.iter().map(|one| one.subnet)
}

/// What of the machine's surroundings a cluster could not reach, a line each.
pub(in crate::actions) fn remarks(spec: &ClusterSpec, all: &[Surrounding]) -> Vec<String> {
    let networking = &spec.networking;
    if !networking.ip_family.has_ipv4() {
        return Vec::new();
    }
    let own = [
        ("pod subnet", networking.pod_subnet.v4),
        ("service subnet", networking.service_subnet.v4),
    ];
    let pairs = own.iter().flat_map(|own| all.iter().map(move |one| (own, one)));
    let same = pairs.filter(|((_, own), one)| own.overlaps(&one.subnet));
    same.map(|((name, own), Surrounding { subnet, interface })| {
        format!(
            "the {name} `{own}` overlaps `{subnet}`, which this machine is in (`{interface}`): nothing in the cluster reaches what is there"
        )
    })
    .collect()
}

/// Those that a packet reaches without a router in between. What lies behind one may be anything up to
/// the whole of `10.0.0.0/8`, and mostly nobody wants to get there.
fn parse(table: &str) -> Vec<Surrounding> {
    let address = |text: &str| {
        // As the machine's memory has it, in hexadecimal.
        u32::from_str_radix(text, 16).ok().map(|number| Ipv4Addr::from(number.to_ne_bytes()))
    };
    let mut found: Vec<Surrounding> = Vec::new();
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
        // What is unreachable on purpose has no interface, only a star.
        if length == 0 || !gateway.is_unspecified() || *interface == "*" {
            continue;
        }
        let one = Subnet::around(destination, length)
            .map(|subnet| Surrounding { subnet, interface: (*interface).to_owned() });
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

    /// A table as the kernel writes it.
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
    fn networks_without_a_router_in_between_are_found() {
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

        let lines = remarks(&ClusterSpec::default(), &found);
        let [line] = lines.as_slice() else { panic!("{lines:?}") };
        assert_eq!(
            line,
            "the pod subnet `10.244.0.0/16` overlaps `10.244.3.0/24`, which this machine is in (`wg0`): nothing in the cluster reaches what is there"
        );
        let networking = Networking::of(IpFamily::Ipv6);
        let spec = ClusterSpec { networking, ..ClusterSpec::default() };
        assert_eq!(remarks(&spec, &found), [""; 0]);
    }
}
