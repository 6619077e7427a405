//! Gathers the facts. Nothing here fails: a value that cannot be read is `None`.

mod cgroup;
mod containers_conf;
mod distribution;
mod identity;
mod kernel;
mod limits;
mod network;
mod podman;
mod podman_cache;
mod root;
mod session;
mod sources;
mod storage;

#[cfg(test)]
pub(crate) use podman::PodmanResponse;
#[cfg(test)]
pub(crate) use root::Root;
pub(crate) use sources::Sources;

use containers_conf::ContainersConf;
use identity::IdKind;

use super::facts::HostFacts;
use crate::util::blocking;

impl HostFacts {
    /// Reads the facts about this host once.
    ///
    /// ```no_run
    /// use kipod_engine::host::HostFacts;
    ///
    /// # async fn example() {
    /// let facts = HostFacts::probe().await;
    /// println!("{} controllers", facts.cgroup.delegated.len());
    /// # }
    /// ```
    pub async fn probe() -> Self {
        Self::gather(Sources::of_this_host(None).await).await
    }

    /// Reads the facts from `sources`.
    ///
    /// Files are read on tokio's blocking threads, because a network file system may not respond.
    pub(crate) async fn gather(sources: Sources) -> Self {
        blocking(move || Self::read(&sources)).await
    }

    fn read(sources: &Sources) -> Self {
        let root = &sources.root;
        let podman = podman::podman_facts(&sources.podman);
        let conf = ContainersConf::read(sources);
        let user = identity::user(sources);
        let cgroup = cgroup::cgroup_facts(root, sources.uid, podman.info.as_ref());
        let subordinate_ids = |kind| identity::subordinate_ids(sources, &user, &podman, kind);
        Self {
            clock: sources.clock,
            architecture: std::env::consts::ARCH.to_owned(),
            distribution: distribution::distribution(root),
            kernel: kernel::kernel(root),
            user_namespaces: identity::user_namespaces(sources, &podman),
            subuids: subordinate_ids(IdKind::User),
            subgids: subordinate_ids(IdKind::Group),
            devices: storage::devices(root),
            storage: storage::storage(sources),
            network: network::network(sources, &podman, &conf),
            limits: limits::limits(sources, &cgroup, &conf),
            session: session::session(sources, &user),
            resources: limits::resources(sources),
            node_image: sources.node_image.clone(),
            cgroup,
            podman,
            user,
        }
    }
}

/// Parses any file of the host, for fuzzing.
#[cfg(any(test, feature = "testing"))]
pub(crate) fn parse_any(text: &str) {
    let _ = ContainersConf::parse(text);
    let _ = identity::ranges(text, Some("ada"), 1000);
    let _ = identity::name(text, 1000);
    let _ = super::networks::parse(text);
    kernel::parse_any(text);
    if let Ok(value) = serde_json::from_str(text) {
        let _ = podman::podman_facts(&podman::PodmanResponse::Info(value));
    }
}
