//! What the environment says, and what the package does.

use std::path::{Path, PathBuf};
use std::time::Duration;

use kipod_engine::TimeFactor;

use crate::metadata;
use crate::site::{Keep, TestSite};

/// The cluster of tests that name none.
const DEFAULT_CLUSTER: &str = "kipod";

/// How long a test may go on whose runner is gone: longer than most take, so that one that is about to
/// end does, and short enough for a machine that is to be used again.
const DEFAULT_ORPHAN_TIMEOUT: Duration = Duration::from_secs(300);

/// `KIPOD_TIMEOUT_FACTOR`. One that is no factor is told by the engine, where a cluster has to be made.
pub(crate) fn time_factor() -> TimeFactor {
    TimeFactor::from_env().unwrap_or_default()
}

/// A limit that nobody chose, as long as this machine needs it.
pub(crate) fn stretched(limit: Duration) -> Duration {
    time_factor().of(limit)
}

/// What the environment and the package say, each `None` where they say nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Settings {
    /// `KIPOD_CLUSTER`: the cluster of tests that name none.
    pub(crate) cluster: Option<String>,
    /// `KIPOD_KEEP`: what stays after a test, whatever its attribute says.
    pub(crate) keep: Option<Keep>,
    /// `keep` of the package's metadata.
    pub(crate) package_keep: Option<Keep>,
    /// `KIPOD_TIMEOUT`: how long a test may take whose attribute does not say.
    pub(crate) timeout: Option<Duration>,
    /// `KIPOD_ORPHAN_TIMEOUT`: how long a test may go on whose `cargo` or nextest is gone.
    pub(crate) orphan_timeout: Option<Duration>,
    /// `KIPOD_KUBECONFIG`: the kubeconfig of somebody else's cluster to run in.
    pub(crate) kubeconfig: Option<PathBuf>,
    /// `KIPOD_CONTEXT`: the context in it.
    pub(crate) context: Option<String>,
    /// `KIPOD_SKIP_IF_UNAVAILABLE`: whether tests pass where no cluster can run.
    pub(crate) skip_if_unavailable: bool,
    /// `KIPOD_ARTIFACTS_DIR`: where diagnostics go.
    pub(crate) artifacts: Option<PathBuf>,
}

impl Settings {
    /// What this process's environment and the package in `folder` say.
    pub(crate) fn of(folder: &str) -> Result<Self, Vec<String>> {
        let metadata = metadata::read(Path::new(folder));
        match (metadata, Self::new(|name| std::env::var(name).ok(), &[])) {
            (Ok(metadata), Ok(_)) => Self::new(|name| std::env::var(name).ok(), &metadata),
            (Err(mut faults), other) => {
                faults.extend(other.err().into_iter().flatten());
                Err(faults)
            }
            (Ok(_), Err(faults)) => Err(faults),
        }
    }

    /// What the environment that `lookup` answers for and a package's metadata say, or all that is
    /// wrong with them. A variable that is empty counts as not set.
    fn new(
        lookup: impl Fn(&str) -> Option<String>,
        metadata: &[(String, String)],
    ) -> Result<Self, Vec<String>> {
        let get = |name: &str| lookup(name).filter(|value| !value.is_empty());
        let mut faults = Faults::default();
        // A value of the package counts where the environment says nothing.
        let said = |variable: &str, key: &str| {
            let own = metadata.iter().find(|(name, _)| name == key);
            let own =
                own.map(|(_, value)| (format!("{key}` of the package's metadata"), value.clone()));
            get(variable).map(|value| (format!("{variable}`"), value)).or(own)
        };
        let mut settings = Self {
            cluster: faults.take(said("KIPOD_CLUSTER", "cluster"), cluster),
            timeout: faults.take(said("KIPOD_TIMEOUT", "timeout"), timeout),
            keep: faults.take(get("KIPOD_KEEP").map(|value| ("KIPOD_KEEP`".into(), value)), keep),
            orphan_timeout: faults.take(
                get("KIPOD_ORPHAN_TIMEOUT").map(|value| ("KIPOD_ORPHAN_TIMEOUT`".into(), value)),
                timeout,
            ),
            package_keep: None,
            kubeconfig: get("KIPOD_KUBECONFIG").map(PathBuf::from),
            context: get("KIPOD_CONTEXT"),
            skip_if_unavailable: false,
            artifacts: get("KIPOD_ARTIFACTS_DIR").map(PathBuf::from),
        };
        let own = metadata.iter().find(|(name, _)| name == "keep");
        let own = own.map(|(_, value)| ("keep` of the package's metadata".into(), value.clone()));
        settings.package_keep = faults.take(own, keep);
        let skip = get("KIPOD_SKIP_IF_UNAVAILABLE");
        let skip = skip.map(|value| ("KIPOD_SKIP_IF_UNAVAILABLE`".into(), value));
        settings.skip_if_unavailable = faults.take(skip, flag).unwrap_or(false);
        // Never by accident: a kubeconfig's current context changes under one's feet.
        match (&settings.kubeconfig, &settings.context) {
            (Some(_), None) => faults.0.push(
                "`KIPOD_KUBECONFIG` is set, so `KIPOD_CONTEXT` has to name a context in it".into(),
            ),
            (None, Some(_)) => faults.0.push(
                "`KIPOD_CONTEXT` is set, so `KIPOD_KUBECONFIG` has to name the file it is in"
                    .into(),
            ),
            _ => {}
        }
        if faults.0.is_empty() { Ok(settings) } else { Err(faults.0) }
    }

    /// The cluster of a test: its attribute, the environment, the package, then `kipod`.
    pub(crate) fn cluster_of(&self, site: &TestSite) -> String {
        let named = site.cluster.map(str::to_owned).or_else(|| self.cluster.clone());
        named.unwrap_or_else(|| DEFAULT_CLUSTER.to_owned())
    }

    /// What stays after a test: here the environment wins, since it is set by somebody who looks
    /// for a fault right now.
    pub(crate) fn keep_of(&self, site: &TestSite) -> Keep {
        self.keep.or(site.keep).or(self.package_keep).unwrap_or_default()
    }

    /// How long a test may take: its attribute, the environment, the package, then for ever.
    pub(crate) fn timeout_of(&self, site: &TestSite) -> Option<Duration> {
        site.timeout.or(self.timeout)
    }

    /// How long a test may go on whose `cargo` or nextest is gone.
    pub(crate) fn orphan_timeout(&self) -> Duration {
        self.orphan_timeout.unwrap_or(DEFAULT_ORPHAN_TIMEOUT)
    }
}

/// All that is wrong.
#[derive(Default)]
struct Faults(Vec<String>);

impl Faults {
    /// The meaning of a value, if there is one and it has one. The name is in the text already, up
    /// to the second of the quotes around it.
    fn take<T>(
        &mut self,
        said: Option<(String, String)>,
        read: fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let (name, value) = said?;
        read(&value).map_err(|fault| self.0.push(format!("`{name} {fault}"))).ok()
    }
}

fn keep(value: &str) -> Result<Keep, String> {
    match value {
        "never" => Ok(Keep::Never),
        "on-failure" => Ok(Keep::OnFailure),
        "always" => Ok(Keep::Always),
        other => Err(format!("is `{other}`, but it is one of `never`, `on-failure`, `always`")),
    }
}

fn flag(value: &str) -> Result<bool, String> {
    match value {
        "1" | "true" => Ok(true),
        "0" | "false" => Ok(false),
        other => Err(format!("is `{other}`, but it is one of `1`, `0`")),
    }
}

fn timeout(value: &str) -> Result<Duration, String> {
    match kipod_engine::spec::parse_duration(value) {
        Ok(length) if !length.is_zero() => Ok(length),
        Ok(_) => Err("is no time at all".to_owned()),
        Err(error) => Err(format!("is wrong: {error}")),
    }
}

fn cluster(value: &str) -> Result<String, String> {
    match kipod_engine::spec::ClusterName::new(value) {
        Ok(_) => Ok(value.to_owned()),
        Err(error) => Err(format!("is wrong: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> Result<Settings, Vec<String>> {
        let find = |name: &str| pairs.iter().find(|(key, _)| *key == name);
        Settings::new(|name| find(name).map(|(_, value)| (*value).to_owned()), &[])
    }

    #[test]
    fn nothing_is_the_default() {
        let settings = settings(&[("KIPOD_KEEP", "")]).unwrap();
        assert_eq!(settings, Settings::default());
        let site = TestSite::new("it::t", "", "", 1);
        assert_eq!(settings.cluster_of(&site), "kipod");
        assert_eq!(settings.keep_of(&site), Keep::Never);
        assert_eq!(settings.timeout_of(&site), None);
    }

    #[test]
    fn who_wins() {
        let settings = settings(&[
            ("KIPOD_CLUSTER", "env"),
            ("KIPOD_KEEP", "always"),
            ("KIPOD_TIMEOUT", "1m"),
            ("KIPOD_SKIP_IF_UNAVAILABLE", "1"),
        ])
        .unwrap();
        assert!(settings.skip_if_unavailable);
        let mut site = TestSite::new("it::t", "", "", 1);
        assert_eq!(settings.cluster_of(&site), "env");
        assert_eq!(settings.timeout_of(&site), Some(Duration::from_secs(60)));
        site.cluster = Some("attribute");
        site.keep = Some(Keep::Never);
        site.timeout = Some(Duration::from_secs(1));
        assert_eq!(settings.cluster_of(&site), "attribute");
        assert_eq!(settings.keep_of(&site), Keep::Always);
        assert_eq!(settings.timeout_of(&site), Some(Duration::from_secs(1)));
    }

    #[test]
    fn all_faults_come_at_once() {
        let faults = settings(&[
            ("KIPOD_KEEP", "maybe"),
            ("KIPOD_SKIP_IF_UNAVAILABLE", "yes"),
            ("KIPOD_TIMEOUT", "5"),
            ("KIPOD_CLUSTER", "A"),
            ("KIPOD_KUBECONFIG", "/tmp/config"),
        ])
        .unwrap_err();
        assert_eq!(faults.len(), 5, "{faults:#?}");
        assert_eq!(settings(&[("KIPOD_CONTEXT", "kind")]).unwrap_err().len(), 1);
    }

    #[test]
    fn the_package_comes_last() {
        let metadata = [("cluster", "own"), ("timeout", "2m"), ("keep", "on-failure")];
        let metadata = metadata.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let env = |name: &str| (name == "KIPOD_CLUSTER").then(|| "env".to_owned());
        let settings = Settings::new(env, &metadata).unwrap();
        let mut site = TestSite::new("it::t", "", "", 1);
        assert_eq!(settings.cluster_of(&site), "env");
        assert_eq!(settings.timeout_of(&site), Some(Duration::from_secs(120)));
        assert_eq!(settings.keep_of(&site), Keep::OnFailure);
        site.keep = Some(Keep::Never);
        assert_eq!(settings.keep_of(&site), Keep::Never);
        let wrong = [("keep".to_owned(), "maybe".to_owned())];
        let faults = Settings::new(|_| None, &wrong).unwrap_err();
        assert!(faults[0].starts_with("`keep` of the package's metadata is `maybe`"), "{faults:?}");
    }
}
