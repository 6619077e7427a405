//! A range of IPv4 addresses.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net};
use serde::{Deserialize, Serialize};

/// A range of IPv4 addresses, written `ADDRESS/LENGTH`, where the address is the range's first.
///
/// ```
/// use kipod_engine::spec::Subnet;
///
/// let subnet: Subnet = "10.89.7.0/24".parse().unwrap();
/// assert_eq!(subnet.nth(2).unwrap().to_string(), "10.89.7.2");
/// assert!(subnet.contains("10.89.7.255".parse().unwrap()));
/// assert_eq!(
///     "10.89.7.1/24".parse::<Subnet>().unwrap_err().to_string(),
///     "`10.89.7.1/24` is an address in a subnet, not a subnet: write `10.89.7.0/24`"
/// );
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Subnet(Ipv4Net);

/// Text that is not a subnet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubnetError {
    /// It does not read as an address and a length.
    #[error("`{text}` is not an IPv4 subnet, such as `10.244.0.0/16`")]
    NotASubnet {
        /// The text.
        text: String,
    },
    /// The address has bits set behind the length, so that it is unclear what was meant.
    #[error("`{text}` is an address in a subnet, not a subnet: write `{canonical}`")]
    NotTheFirstAddress {
        /// The text.
        text: String,
        /// The subnet that the address is in.
        canonical: Subnet,
    },
}

impl Subnet {
    /// The subnet of the given length that `address` is in, or `None` where the length is above 32.
    ///
    /// ```
    /// # use kipod_engine::spec::Subnet;
    /// let subnet = Subnet::around([10, 89, 7, 5].into(), 24).unwrap();
    /// assert_eq!(subnet.to_string(), "10.89.7.0/24");
    /// ```
    pub fn around(address: Ipv4Addr, length: u8) -> Option<Self> {
        Ipv4Net::new(address, length).ok().map(|net| Self(net.trunc()))
    }

    /// Its first address, which names it.
    pub fn address(&self) -> Ipv4Addr {
        self.0.network()
    }

    /// How many leading bits its addresses have in common, 0 to 32.
    pub fn length(&self) -> u8 {
        self.0.prefix_len()
    }

    /// How many addresses it has, the first and the last included.
    pub fn size(&self) -> u64 {
        1 << (32 - self.length())
    }

    /// The address `n` after the first, or `None` where that is outside.
    pub fn nth(&self, n: u32) -> Option<Ipv4Addr> {
        (u64::from(n) < self.size()).then(|| (u32::from(self.address()) + n).into())
    }

    /// Whether an address is in it.
    pub fn contains(&self, address: Ipv4Addr) -> bool {
        self.0.contains(&address)
    }

    /// Whether it has an address in common with another subnet.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.0.contains(&other.0) || other.0.contains(&self.0)
    }

    /// It, cut into subnets of the given length, in order; nothing where that is not longer than
    /// its own, or above 32.
    ///
    /// ```
    /// # use kipod_engine::spec::Subnet;
    /// let all: Subnet = "10.89.0.0/16".parse().unwrap();
    /// assert_eq!(all.parts(24).count(), 256);
    /// assert_eq!(all.parts(24).nth(3).unwrap().to_string(), "10.89.3.0/24");
    /// ```
    pub fn parts(&self, length: u8) -> impl Iterator<Item = Self> + use<> {
        self.0.subnets(length).into_iter().flatten().map(Self)
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Subnet {
    type Err = SubnetError;

    fn from_str(text: &str) -> Result<Self, SubnetError> {
        let net: Ipv4Net =
            text.parse().map_err(|_| SubnetError::NotASubnet { text: text.to_owned() })?;
        let canonical = Self(net.trunc());
        if net.addr() == canonical.address() {
            Ok(canonical)
        } else {
            Err(SubnetError::NotTheFirstAddress { text: text.to_owned(), canonical })
        }
    }
}

impl From<Subnet> for IpNet {
    fn from(subnet: Subnet) -> Self {
        subnet.0.into()
    }
}

impl TryFrom<String> for Subnet {
    type Error = SubnetError;

    fn try_from(text: String) -> Result<Self, SubnetError> {
        text.parse()
    }
}

impl From<Subnet> for String {
    fn from(subnet: Subnet) -> Self {
        subnet.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(text: &str) -> Subnet {
        text.parse().unwrap()
    }

    #[test]
    fn reads_what_it_writes() {
        for text in ["10.244.0.0/16", "0.0.0.0/0", "10.0.0.1/32", "172.16.0.0/12"] {
            assert_eq!(subnet(text).to_string(), text);
            let json = serde_json::to_string(&subnet(text)).unwrap();
            assert_eq!(serde_json::from_str::<Subnet>(&json).unwrap(), subnet(text));
        }
    }

    #[test]
    fn refuses_what_is_no_subnet() {
        for text in ["", "10.0.0.0", "10.0.0/8", "10.0.0.0/33", "10.0.0.0/-1", "fd00::/8", "x/8"] {
            let error = text.parse::<Subnet>().unwrap_err();
            assert!(matches!(error, SubnetError::NotASubnet { .. }), "{text}: {error}");
        }
    }

    #[test]
    fn addresses_are_counted_from_the_first() {
        let small = subnet("10.0.0.252/30");
        assert_eq!(small.size(), 4);
        assert_eq!(small.nth(0).unwrap().to_string(), "10.0.0.252");
        assert_eq!(small.nth(3).unwrap().to_string(), "10.0.0.255");
        assert_eq!(small.nth(4), None);
        assert_eq!(subnet("0.0.0.0/0").nth(u32::MAX), Some(Ipv4Addr::BROADCAST));
    }

    #[test]
    fn overlap_is_being_inside_either_way() {
        let cases = [
            ("10.244.0.0/16", "10.244.0.0/16", true),
            ("10.0.0.0/8", "10.96.0.0/16", true),
            ("10.96.0.0/16", "10.0.0.0/8", true),
            ("10.96.0.0/16", "10.97.0.0/16", false),
            ("10.0.0.0/25", "10.0.0.128/25", false),
        ];
        for (a, b, expected) in cases {
            assert_eq!(subnet(a).overlaps(&subnet(b)), expected, "{a} {b}");
        }
    }

    #[test]
    fn parts_need_a_longer_prefix() {
        assert_eq!(subnet("10.0.0.0/24").parts(16).count(), 0);
        assert_eq!(subnet("10.0.0.0/24").parts(33).count(), 0);
        assert_eq!(Subnet::around(Ipv4Addr::LOCALHOST, 33), None);
    }
}
