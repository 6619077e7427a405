//! Podman's configuration files, `containers.conf`.

use std::path::PathBuf;

use toml::{Table, Value};

use super::sources::Sources;

/// The settings that the facts depend on.
#[derive(Debug, Default)]
pub(super) struct ContainersConf {
    pids_limit: Option<i64>,
    firewall_driver: Option<String>,
}

impl ContainersConf {
    /// Reads the files of the distribution, the administrator and the user with their drop-in
    /// files, in Podman's order. Later files win. Files that are not TOML are ignored.
    pub(super) fn read(sources: &Sources) -> Self {
        ["/usr/share".to_owned(), "/etc".to_owned()]
            .into_iter()
            .chain(sources.config_directory())
            .flat_map(|directory| {
                let file = PathBuf::from(format!("{directory}/containers/containers.conf"));
                let drop_ins = format!("{directory}/containers/containers.conf.d");
                std::iter::once(file).chain(sources.root.list(drop_ins, ".conf"))
            })
            .filter_map(|file| Self::parse(&sources.root.read(file)?))
            .fold(Self::default(), Self::merge)
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let tables: Table = text.parse().ok()?;
        let value = |table: &str, key: &str| tables.get(table)?.get(key);
        let firewall_driver = value("network", "firewall_driver").and_then(Value::as_str);
        Some(Self {
            pids_limit: value("containers", "pids_limit").and_then(Value::as_integer),
            firewall_driver: firewall_driver.map(str::to_owned),
        })
    }

    /// Returns the default limit of processes in a container.
    pub(super) fn pids_limit(&self) -> Option<i64> {
        self.pids_limit
    }

    /// Returns Netavark's firewall driver.
    pub(super) fn firewall_driver(&self) -> Option<&str> {
        self.firewall_driver.as_deref().filter(|driver| !driver.is_empty())
    }

    fn merge(self, later: Self) -> Self {
        Self {
            pids_limit: later.pids_limit.or(self.pids_limit),
            firewall_driver: later.firewall_driver.or(self.firewall_driver),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_from_their_tables() {
        let text = "\
pids_limit = 1
[containers]
# pids_limit = 2
pids_limit = 0 # no limit
env = [
  \"firewall_driver = none\",
]
[network]
firewall_driver = 'nftables'
";
        let conf = ContainersConf::parse(text).unwrap();
        assert_eq!((conf.pids_limit(), conf.firewall_driver()), (Some(0), Some("nftables")));
    }
}
