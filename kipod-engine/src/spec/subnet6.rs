//! A range of IPv6 addresses.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use ipnet::{IpNet, Ipv6Net};
use serde::{Deserialize, Serialize};

/// A range of IPv6 addresses, written `ADDRESS/LENGTH`, where the address is the range's first.
///
/// ```
/// use kipod_engine::spec::Subnet6;
///
/// let subnet: Subnet6 = "fd00:10:244::/56".parse().unwrap();
/// assert_eq!(subnet.length(), 56);
/// assert_eq!(
///     "fd00::1/64".parse::<Subnet6>().unwrap_err(),
///     "`fd00::1/64` is an address in a subnet, not a subnet: write `fd00::/64`"
/// );
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Subnet6(Ipv6Net);

impl Subnet6 {
    /// The subnet of the given length that `address` is in, or `None` where the length is above 128.
    pub fn around(address: Ipv6Addr, length: u8) -> Option<Self> {
        Ipv6Net::new(address, length).ok().map(|net| Self(net.trunc()))
    }

    /// Its first address, which names it.
    pub fn address(&self) -> Ipv6Addr {
        self.0.network()
    }

    /// How many leading bits its addresses have in common, 0 to 128.
    pub fn length(&self) -> u8 {
        self.0.prefix_len()
    }

    /// Whether an address is in it.
    pub fn contains(&self, address: Ipv6Addr) -> bool {
        self.0.contains(&address)
    }

    /// Whether it has an address in common with another subnet.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.0.contains(&other.0) || other.0.contains(&self.0)
    }

    /// It, cut into subnets of the given length, in order; nothing where that is not longer than
    /// its own, or above 128.
    ///
    /// ```
    /// # use kipod_engine::spec::Subnet6;
    /// let all: Subnet6 = "fd00:10:244::/56".parse().unwrap();
    /// assert_eq!(all.parts(64).count(), 256);
    /// assert_eq!(all.parts(64).nth(3).unwrap().to_string(), "fd00:10:244:3::/64");
    /// ```
    pub fn parts(&self, length: u8) -> impl Iterator<Item = Self> + use<> {
        self.0.subnets(length).into_iter().flatten().map(Self)
    }
}

impl fmt::Display for Subnet6 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Subnet6 {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let net: Ipv6Net = text
            .parse()
            .map_err(|_| format!("`{text}` is not an IPv6 subnet, such as `fd00:10:244::/56`"))?;
        let canonical = Self(net.trunc());
        if net.addr() == canonical.address() {
            Ok(canonical)
        } else {
            Err(format!("`{text}` is an address in a subnet, not a subnet: write `{canonical}`"))
        }
    }
}

impl From<Subnet6> for IpNet {
    fn from(subnet: Subnet6) -> Self {
        subnet.0.into()
    }
}

impl TryFrom<String> for Subnet6 {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Subnet6> for String {
    fn from(subnet: Subnet6) -> Self {
        subnet.to_string()
    }
}
