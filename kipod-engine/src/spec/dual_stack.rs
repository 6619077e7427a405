//! Values that exist once for each IP family.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::util::string_enum::UnknownName;

/// The IP families of pods and Services.
///
/// ```
/// use kipod_engine::spec::{IpFamily, Networking};
///
/// let family: IpFamily = "dual".parse()?;
/// assert!(family.has_ipv4() && family.has_ipv6());
/// assert_eq!(Networking::of(family).pod_subnets().len(), 2);
/// # Ok::<(), kipod_engine::spec::UnknownName>(())
/// ```
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum IpFamily {
    /// IPv4.
    #[default]
    Ipv4,
    /// IPv6.
    Ipv6,
    /// IPv4 and IPv6 (dual-stack): a Service without `ipFamilies` has an IPv4 address.
    Dual,
    /// IPv6 and IPv4 (dual-stack): a Service without `ipFamilies` has an IPv6 address. In a configuration,
    /// this is `dual` with subnets of which the first is of IPv6.
    DualIpv6First,
}

impl IpFamily {
    /// The names in configurations.
    pub const NAMES: &[&str] = &["ipv4", "ipv6", "dual"];

    /// Returns the name in configurations.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::Dual | Self::DualIpv6First => "dual",
        }
    }

    /// Returns whether the family includes IPv4.
    pub fn has_ipv4(self) -> bool {
        self != Self::Ipv6
    }

    /// Returns whether the family includes IPv6.
    pub fn has_ipv6(self) -> bool {
        self != Self::Ipv4
    }
}

impl fmt::Display for IpFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for IpFamily {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        match text {
            "ipv4" => Ok(Self::Ipv4),
            "ipv6" => Ok(Self::Ipv6),
            "dual" => Ok(Self::Dual),
            _ => {
                Err(UnknownName { text: text.to_owned(), what: "an IP family", names: Self::NAMES })
            }
        }
    }
}

/// An IPv4 value and the corresponding IPv6 value.
///
/// ```
/// use kipod_engine::ClusterSpec;
/// use kipod_engine::spec::{DualStack, IpFamily, Networking};
///
/// let mut networking = Networking::of(IpFamily::Dual);
/// networking.pod_subnet = DualStack::new("10.32.0.0/16".parse()?, "fd00:32::/56".parse()?);
/// let spec = ClusterSpec::builder("demo").networking(networking).build()?;
/// assert_eq!(spec.networking.pod_subnet.v4.to_string(), "10.32.0.0/16");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DualStack<V4, V6> {
    /// The value for IPv4.
    pub v4: V4,
    /// The value for IPv6.
    pub v6: V6,
}

impl<V4, V6> DualStack<V4, V6> {
    /// Creates a pair of values.
    pub const fn new(v4: V4, v6: V6) -> Self {
        Self { v4, v6 }
    }

    /// Returns the values of the families that `family` includes, in its order: a Service without
    /// `ipFamilies` gets an address of the first family.
    ///
    /// ```
    /// use kipod_engine::spec::{DualStack, IpFamily};
    ///
    /// let any: DualStack<&str, &str> = DualStack::new("0.0.0.0/0", "::/0");
    /// assert_eq!(any.each::<&str>(IpFamily::Ipv6), ["::/0"]);
    /// assert_eq!(any.each::<&str>(IpFamily::Dual), ["0.0.0.0/0", "::/0"]);
    /// assert_eq!(any.each::<&str>(IpFamily::DualIpv6First), ["::/0", "0.0.0.0/0"]);
    /// ```
    pub fn each<T>(self, family: IpFamily) -> Vec<T>
    where
        V4: Into<T>,
        V6: Into<T>,
    {
        let v4 = family.has_ipv4().then(|| self.v4.into());
        let v6 = family.has_ipv6().then(|| self.v6.into());
        match family {
            IpFamily::DualIpv6First => v6.into_iter().chain(v4).collect(),
            _ => v4.into_iter().chain(v6).collect(),
        }
    }
}

/// Joins values with commas, as Kubernetes writes dual-stack values: `10.0.0.1,fd00::1`.
pub(crate) fn comma_separated<T: fmt::Display>(values: &[T]) -> String {
    values.iter().map(T::to_string).collect::<Vec<_>>().join(",")
}
