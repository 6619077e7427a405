//! Subnets: ranges of IPv4 or IPv6 addresses.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

/// A range of IPv4 addresses, written `ADDRESS/LENGTH` with the first address of the range.
///
/// ```
/// use kipod_engine::spec::Subnet;
///
/// let subnet: Subnet = "10.89.7.0/24".parse().unwrap();
/// assert_eq!(subnet.nth(2).unwrap().to_string(), "10.89.7.2");
/// assert!(subnet.contains("10.89.7.255".parse().unwrap()));
/// assert_eq!(
///     "10.89.7.1/24".parse::<Subnet>().unwrap_err().to_string(),
///     "`10.89.7.1/24` is not the first address of a subnet: use `10.89.7.0/24`"
/// );
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Subnet(Ipv4Net);

/// A range of IPv6 addresses, written `ADDRESS/LENGTH` with the first address of the range.
///
/// ```
/// use kipod_engine::spec::Subnet6;
///
/// let subnet: Subnet6 = "fd00:10:244::/56".parse().unwrap();
/// assert_eq!(subnet.length(), 56);
/// assert_eq!(
///     "fd00::1/64".parse::<Subnet6>().unwrap_err().to_string(),
///     "`fd00::1/64` is not the first address of a subnet: use `fd00::/64`"
/// );
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Subnet6(Ipv6Net);

/// An error of a subnet: the text is not one of the IP family.
///
/// ```
/// use kipod_engine::spec::{Subnet, SubnetError};
///
/// let parsed: Result<Subnet, _> = "10.0.0.7/16".parse();
/// match parsed {
///     Err(SubnetError::NotTheFirstAddress { subnet, .. }) => assert_eq!(subnet.to_string(), "10.0.0.0/16"),
///     other => panic!("{other:?}"),
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubnetError {
    /// The text is not an IPv4 address and a prefix length.
    #[error("`{text}` is not an IPv4 subnet, such as `10.244.0.0/16`")]
    NotIpv4 {
        /// The text.
        text: String,
    },
    /// The text is not an IPv6 address and a prefix length.
    #[error("`{text}` is not an IPv6 subnet, such as `fd00:10:244::/56`")]
    NotIpv6 {
        /// The text.
        text: String,
    },
    /// The address has bits set after the prefix.
    #[error("`{text}` is not the first address of a subnet: use `{subnet}`")]
    NotTheFirstAddress {
        /// The text.
        text: String,
        /// The subnet that has the address.
        subnet: IpNet,
    },
}

impl Subnet {
    /// Returns the number of addresses, including the first and the last.
    pub fn size(&self) -> u64 {
        1 << (32 - self.length())
    }

    /// Returns the address `n` after the first; `None` outside the subnet.
    pub fn nth(&self, n: u32) -> Option<Ipv4Addr> {
        (u64::from(n) < self.size()).then(|| (u32::from(self.address()) + n).into())
    }
}

/// Implements what subnets of both families have in common.
macro_rules! subnet {
    ($subnet:ident, $net:ident, $address:ident, $not_a_subnet:ident) => {
        impl $subnet {
            /// Returns the subnet of the given prefix length that contains `address`; `None` if the
            /// length is too large.
            pub fn around(address: $address, length: u8) -> Option<Self> {
                $net::new(address, length).ok().map(|net| Self(net.trunc()))
            }

            /// Returns the first address.
            pub fn address(&self) -> $address {
                self.0.network()
            }

            /// Returns the prefix length.
            pub fn length(&self) -> u8 {
                self.0.prefix_len()
            }

            /// Returns whether the subnet contains an address.
            pub fn contains(&self, address: $address) -> bool {
                self.0.contains(&address)
            }

            /// Returns whether the subnets have an address in common.
            pub fn overlaps(&self, other: &Self) -> bool {
                self.0.contains(&other.0) || other.0.contains(&self.0)
            }

            /// Splits the subnet into subnets of the given prefix length, in order. Returns none if
            /// the length is smaller than its own, or too large.
            pub fn parts(&self, length: u8) -> impl Iterator<Item = Self> + use<> {
                self.0.subnets(length).into_iter().flatten().map(Self)
            }
        }

        impl fmt::Display for $subnet {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $subnet {
            type Err = SubnetError;

            fn from_str(text: &str) -> Result<Self, SubnetError> {
                let net: $net = text
                    .parse()
                    .map_err(|_| SubnetError::$not_a_subnet { text: text.to_owned() })?;
                let subnet = net.trunc();
                match net == subnet {
                    true => Ok(Self(subnet)),
                    false => Err(SubnetError::NotTheFirstAddress {
                        text: text.to_owned(),
                        subnet: subnet.into(),
                    }),
                }
            }
        }

        impl From<$subnet> for IpNet {
            fn from(subnet: $subnet) -> Self {
                subnet.0.into()
            }
        }

        impl TryFrom<String> for $subnet {
            type Error = SubnetError;

            fn try_from(text: String) -> Result<Self, SubnetError> {
                text.parse()
            }
        }

        impl From<$subnet> for String {
            fn from(subnet: $subnet) -> Self {
                subnet.to_string()
            }
        }
    };
}

subnet!(Subnet, Ipv4Net, Ipv4Addr, NotIpv4);
subnet!(Subnet6, Ipv6Net, Ipv6Addr, NotIpv6);

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(text: &str) -> Subnet {
        text.parse().unwrap()
    }

    #[test]
    fn subnets_are_read_back_as_written() {
        for text in ["10.244.0.0/16", "0.0.0.0/0", "10.0.0.1/32", "172.16.0.0/12"] {
            assert_eq!(subnet(text).to_string(), text);
            let json = serde_json::to_string(&subnet(text)).unwrap();
            assert_eq!(serde_json::from_str::<Subnet>(&json).unwrap(), subnet(text));
        }
    }

    #[test]
    fn parse_refuses_other_texts() {
        for text in ["", "10.0.0.0", "10.0.0/8", "10.0.0.0/33", "10.0.0.0/-1", "fd00::/8", "x/8"] {
            let error = text.parse::<Subnet>().unwrap_err();
            assert!(matches!(error, SubnetError::NotIpv4 { .. }), "{text}: {error}");
        }
    }

    #[test]
    fn nth_counts_from_the_first_address() {
        let small = subnet("10.0.0.252/30");
        assert_eq!(small.size(), 4);
        assert_eq!(small.nth(0).unwrap().to_string(), "10.0.0.252");
        assert_eq!(small.nth(3).unwrap().to_string(), "10.0.0.255");
        assert_eq!(small.nth(4), None);
        assert_eq!(subnet("0.0.0.0/0").nth(u32::MAX), Some(Ipv4Addr::BROADCAST));
    }

    #[test]
    fn subnets_overlap_if_one_contains_the_other() {
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
    fn parts_are_in_order() {
        let part = |length, index| subnet("10.89.0.0/16").parts(length).nth(index).unwrap();
        assert_eq!(subnet("10.89.0.0/16").parts(24).count(), 256);
        assert_eq!(part(24, 3), subnet("10.89.3.0/24"));
        let all: Subnet6 = "fd00:10:244::/56".parse().unwrap();
        assert_eq!(all.parts(64).count(), 256);
        assert_eq!(all.parts(64).nth(3).unwrap().to_string(), "fd00:10:244:3::/64");
        let around = Subnet::around([10, 89, 7, 5].into(), 24).unwrap();
        assert_eq!(around.to_string(), "10.89.7.0/24");
    }

    #[test]
    fn parts_need_a_longer_prefix() {
        assert_eq!(subnet("10.0.0.0/24").parts(16).count(), 0);
        assert_eq!(subnet("10.0.0.0/24").parts(33).count(), 0);
        assert_eq!(Subnet::around(Ipv4Addr::LOCALHOST, 33), None);
    }
}
