//! Settings of the controller, from the environment.

use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

/// How the host reaches Services.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// The host's address at which node ports are published.
    pub(crate) address: Ipv4Addr,
    /// Published TCP node ports.
    pub(crate) tcp: PublishedPorts,
    /// Published UDP node ports.
    pub(crate) udp: PublishedPorts,
    /// Name of the node that publishes them.
    pub(crate) node: String,
}

/// Node ports of one protocol that are published on the host.
#[derive(Debug, Clone)]
pub(crate) struct PublishedPorts {
    /// First and last port.
    pub(crate) range: RangeInclusive<u16>,
    /// Ports of the range that do not lead to this cluster on the host.
    pub(crate) unreachable: Vec<u16>,
}

/// An environment that the controller cannot run with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    #[error("environment variable `{0}` is not set")]
    Missing(String),
    #[error("environment variable `{name}` is invalid: `{value}`")]
    Invalid { name: String, value: String },
}

impl Settings {
    /// Reads the settings from the environment.
    pub(crate) fn from_env() -> Result<Self, SettingsError> {
        Self::read(|name| std::env::var(name).ok())
    }

    pub(crate) fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let text =
            |name: &str| variable(name).ok_or_else(|| SettingsError::Missing(name.to_owned()));
        let port = |name: &str| parse(name, &text(name)?);
        let ports = |protocol: &str| {
            let name = format!("KIPOD_{protocol}_UNREACHABLE");
            Ok(PublishedPorts {
                range: port(&format!("KIPOD_{protocol}_FIRST"))?
                    ..=port(&format!("KIPOD_{protocol}_LAST"))?,
                unreachable: text(&name)?
                    .split_whitespace()
                    .map(|port| parse(&name, port))
                    .collect::<Result<_, _>>()?,
            })
        };
        let name = "KIPOD_SERVICE_ADDRESS";
        Ok(Self {
            address: parse(name, &text(name)?)?,
            tcp: ports("TCP")?,
            udp: ports("UDP")?,
            node: text("KIPOD_NODE_NAME")?,
        })
    }
}

impl PublishedPorts {
    /// Returns the ports that lead to this cluster on the host.
    pub(crate) fn reachable(&self) -> impl Iterator<Item = u16> {
        self.range.clone().filter(|port| !self.unreachable.contains(port))
    }
}

fn parse<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, SettingsError> {
    value
        .parse()
        .map_err(|_| SettingsError::Invalid { name: name.to_owned(), value: value.to_owned() })
}
