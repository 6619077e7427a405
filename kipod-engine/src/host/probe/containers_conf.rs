//! Podman's configuration files, `containers.conf`.

use std::path::PathBuf;

use serde::Deserialize;

use super::sources::Sources;

/// The settings that the facts depend on.
#[derive(Debug, Default, PartialEq, Deserialize)]
pub(super) struct ContainersConf {
    #[serde(default)]
    containers: Containers,
    #[serde(default)]
    network: Network,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
struct Containers {
    pids_limit: Option<i64>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
struct Network {
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
            .filter_map(|file| toml::from_str(&sources.root.read(file)?).ok())
            .fold(Self::default(), Self::merge)
    }

    /// Returns the default limit of processes in a container.
    pub(super) fn pids_limit(&self) -> Option<i64> {
        self.containers.pids_limit
    }

    /// Returns Netavark's firewall driver.
    pub(super) fn firewall_driver(&self) -> Option<&str> {
        self.network.firewall_driver.as_deref().filter(|driver| !driver.is_empty())
    }

    fn merge(self, later: Self) -> Self {
        Self {
            containers: Containers {
                pids_limit: later.containers.pids_limit.or(self.containers.pids_limit),
            },
            network: Network {
                firewall_driver: later.network.firewall_driver.or(self.network.firewall_driver),
            },
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
        let conf: ContainersConf = toml::from_str(text).unwrap();
        assert_eq!((conf.pids_limit(), conf.firewall_driver()), (Some(0), Some("nftables")));
    }
}
