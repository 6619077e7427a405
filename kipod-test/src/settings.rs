//! What the environment says.

use std::path::PathBuf;
use std::time::Duration;

use crate::site::{Keep, TestSite};

/// The cluster of tests that name none.
const DEFAULT_CLUSTER: &str = "kipod";

/// What the environment says, each `None` where it says nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Settings {
    /// `KIPOD_CLUSTER`: the cluster of tests that name none.
    pub(crate) cluster: Option<String>,
    /// `KIPOD_KEEP`: what stays after a test, whatever its attribute says.
    pub(crate) keep: Option<Keep>,
    /// `KIPOD_TIMEOUT`: how long a test may take whose attribute does not say.
    pub(crate) timeout: Option<Duration>,
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
    /// What this process's environment says.
    pub(crate) fn from_env() -> Result<Self, Vec<String>> {
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    /// What the environment says that `lookup` answers for, or all that is wrong with it. An empty
    /// value counts as not set.
    pub(crate) fn from_lookup(
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Vec<String>> {
        let get = |name: &str| lookup(name).filter(|value| !value.is_empty());
        let mut faults = Vec::new();
        let keep = get("KIPOD_KEEP").and_then(|value| match value.as_str() {
            "never" => Some(Keep::Never),
            "on-failure" => Some(Keep::OnFailure),
            "always" => Some(Keep::Always),
            other => {
                faults.push(format!(
                    "`KIPOD_KEEP` is `{other}`, but it is one of `never`, `on-failure`, `always`"
                ));
                None
            }
        });
        let skip = get("KIPOD_SKIP_IF_UNAVAILABLE").map(|value| match value.as_str() {
            "1" | "true" => true,
            "0" | "false" => false,
            other => {
                faults.push(format!(
                    "`KIPOD_SKIP_IF_UNAVAILABLE` is `{other}`, but it is one of `1`, `0`"
                ));
                false
            }
        });
        let timeout = get("KIPOD_TIMEOUT").and_then(|value| {
            let parsed = kipod_engine::spec::parse_duration(&value);
            match parsed {
                Ok(length) if !length.is_zero() => Some(length),
                Ok(_) => {
                    faults.push("`KIPOD_TIMEOUT` is no time at all".to_owned());
                    None
                }
                Err(error) => {
                    faults.push(format!("`KIPOD_TIMEOUT`: {error}"));
                    None
                }
            }
        });
        let cluster = get("KIPOD_CLUSTER").inspect(|name| {
            if let Err(error) = kipod_engine::spec::ClusterName::new(name.as_str()) {
                faults.push(format!("`KIPOD_CLUSTER`: {error}"));
            }
        });
        let kubeconfig = get("KIPOD_KUBECONFIG").map(PathBuf::from);
        let context = get("KIPOD_CONTEXT");
        // Never by accident: a kubeconfig's current context changes under one's feet.
        match (&kubeconfig, &context) {
            (Some(_), None) => faults.push(
                "`KIPOD_KUBECONFIG` is set, so `KIPOD_CONTEXT` has to name a context in it".into(),
            ),
            (None, Some(_)) => faults.push(
                "`KIPOD_CONTEXT` is set, so `KIPOD_KUBECONFIG` has to name the file it is in"
                    .into(),
            ),
            _ => {}
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let skip_if_unavailable = skip.unwrap_or(false);
        let artifacts = get("KIPOD_ARTIFACTS_DIR").map(PathBuf::from);
        Ok(Self { cluster, keep, timeout, kubeconfig, context, skip_if_unavailable, artifacts })
    }

    /// The cluster of a test: its attribute, then the environment, then `kipod`.
    pub(crate) fn cluster_of(&self, site: &TestSite) -> String {
        let named = site.cluster.map(str::to_owned).or_else(|| self.cluster.clone());
        named.unwrap_or_else(|| DEFAULT_CLUSTER.to_owned())
    }

    /// What stays after a test: here the environment wins, since it is set by somebody who looks
    /// for a fault right now.
    pub(crate) fn keep_of(&self, site: &TestSite) -> Keep {
        self.keep.or(site.keep).unwrap_or_default()
    }

    /// How long a test may take: its attribute, then the environment, then for ever.
    pub(crate) fn timeout_of(&self, site: &TestSite) -> Option<Duration> {
        site.timeout.or(self.timeout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> Result<Settings, Vec<String>> {
        let find = |name: &str| pairs.iter().find(|(key, _)| *key == name);
        Settings::from_lookup(|name| find(name).map(|(_, value)| (*value).to_owned()))
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
}
