//! Settings from the environment and from the package's metadata.

mod metadata;

use std::path::{Path, PathBuf};
use std::time::Duration;

use metadata::Metadata;

use crate::engine_api::{ClusterName, Timeouts, parse_duration};
use crate::site::{Keep, TestSite};

/// Cluster of tests without a `cluster` option.
const DEFAULT_CLUSTER: &str = "kipod";

/// Default of `KIPOD_ORPHAN_TIMEOUT`: most tests end within it, and the host is free again soon.
const DEFAULT_ORPHAN_TIMEOUT: Duration = Duration::from_secs(300);

/// Returns `KIPOD_TIMEOUT_FACTOR`. An invalid value counts as 1 here; the engine reports it when it
/// creates a cluster.
pub(crate) fn timeouts() -> Timeouts {
    Timeouts::from_env().unwrap_or_default()
}

/// Multiplies a default timeout by `KIPOD_TIMEOUT_FACTOR`.
pub(crate) fn scaled(timeout: Duration) -> Duration {
    timeouts().scale(timeout)
}

/// Settings from the environment and from the package's metadata; `None` where both are silent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Settings {
    /// `KIPOD_CLUSTER`: cluster of tests without a `cluster` option.
    pub(crate) cluster: Option<String>,
    /// `KIPOD_KEEP`: overrides the `keep` option of every test.
    pub(crate) keep: Option<Keep>,
    /// `keep` of the package.
    pub(crate) package_keep: Option<Keep>,
    /// `KIPOD_TIMEOUT`: timeout of tests without a `timeout` option.
    pub(crate) timeout: Option<Duration>,
    /// `KIPOD_ORPHAN_TIMEOUT`: time until a test is killed after its runner has exited.
    pub(crate) orphan_timeout: Option<Duration>,
    /// `KIPOD_KUBECONFIG`: kubeconfig of an external cluster.
    pub(crate) kubeconfig: Option<PathBuf>,
    /// `KIPOD_CONTEXT`: context in `KIPOD_KUBECONFIG`.
    pub(crate) context: Option<String>,
    /// `KIPOD_SKIP_IF_UNAVAILABLE`: tests pass where no cluster can run.
    pub(crate) skip_if_unavailable: bool,
    /// `KIPOD_ARTIFACTS_DIR`: directory for diagnostics.
    pub(crate) artifacts: Option<PathBuf>,
}

/// Invalid settings: all errors at once.
#[derive(Debug, thiserror::Error)]
#[error("invalid settings: {}", list(.0))]
pub(crate) struct SettingsError(Vec<String>);

fn list(errors: &[String]) -> String {
    let plural = if errors.len() == 1 { "" } else { "s" };
    let lines: String = errors.iter().map(|error| format!("\n  {error}")).collect();
    format!("{} error{plural}{lines}", errors.len())
}

impl Settings {
    /// Reads the environment of this process and the metadata of the package in `dir`.
    pub(crate) fn read(dir: &str) -> Result<Self, SettingsError> {
        let env = |name: &str| std::env::var(name).ok();
        match metadata::read(Path::new(dir)) {
            Ok(metadata) => Self::new(env, &metadata),
            Err(mut errors) => {
                errors.extend(
                    Self::new(env, &Metadata::default()).err().into_iter().flat_map(|e| e.0),
                );
                Err(SettingsError(errors))
            }
        }
    }

    /// Parses the environment that `lookup` returns, and a package's metadata. An empty variable
    /// counts as unset.
    fn new(
        lookup: impl Fn(&str) -> Option<String>,
        metadata: &Metadata,
    ) -> Result<Self, SettingsError> {
        let env = |name: &'static str| {
            let text = lookup(name).filter(|text| !text.is_empty())?;
            Some(Setting { name: format!("`{name}`"), text })
        };
        let package = |key: &str, value: &Option<String>| {
            let name = format!("`{key}` in the package metadata");
            Some(Setting { name, text: value.clone()? })
        };
        let cluster = env("KIPOD_CLUSTER").or_else(|| package("cluster", &metadata.cluster));
        let timeout = env("KIPOD_TIMEOUT").or_else(|| package("timeout", &metadata.timeout));
        let mut errors = Vec::new();
        let skip = parse(env("KIPOD_SKIP_IF_UNAVAILABLE"), parse_flag, &mut errors);
        let settings = Self {
            cluster: parse(cluster, parse_cluster, &mut errors),
            keep: parse(env("KIPOD_KEEP"), parse_keep, &mut errors),
            package_keep: parse(package("keep", &metadata.keep), parse_keep, &mut errors),
            timeout: parse(timeout, parse_timeout, &mut errors),
            orphan_timeout: parse(env("KIPOD_ORPHAN_TIMEOUT"), parse_timeout, &mut errors),
            kubeconfig: env("KIPOD_KUBECONFIG").map(|setting| PathBuf::from(setting.text)),
            context: env("KIPOD_CONTEXT").map(|setting| setting.text),
            skip_if_unavailable: skip.unwrap_or(false),
            artifacts: env("KIPOD_ARTIFACTS_DIR").map(|setting| PathBuf::from(setting.text)),
        };
        // The current context of a kubeconfig is never used: other programs change it.
        match (&settings.kubeconfig, &settings.context) {
            (Some(_), None) => errors
                .push("`KIPOD_KUBECONFIG` requires `KIPOD_CONTEXT`, a context in that file".into()),
            (None, Some(_)) => errors
                .push("`KIPOD_CONTEXT` requires `KIPOD_KUBECONFIG`, the file that has it".into()),
            _ => {}
        }
        if errors.is_empty() { Ok(settings) } else { Err(SettingsError(errors)) }
    }

    /// Returns the cluster of a test. Precedence: attribute, environment, package, default.
    pub(crate) fn cluster_of(&self, site: &TestSite) -> String {
        let named = site.cluster.map(str::to_owned).or_else(|| self.cluster.clone());
        named.unwrap_or_else(|| DEFAULT_CLUSTER.to_owned())
    }

    /// Returns the keep policy of a test. Precedence: environment, attribute, package. The
    /// environment comes first because it is set to debug a failure.
    pub(crate) fn keep_of(&self, site: &TestSite) -> Keep {
        self.keep.or(site.keep).or(self.package_keep).unwrap_or_default()
    }

    /// Returns the timeout of a test. Precedence: attribute, environment, package; `None` is no
    /// timeout.
    pub(crate) fn timeout_of(&self, site: &TestSite) -> Option<Duration> {
        site.timeout.or(self.timeout)
    }

    /// Returns the time until a test is killed after its runner has exited.
    pub(crate) fn orphan_timeout(&self) -> Duration {
        self.orphan_timeout.unwrap_or(DEFAULT_ORPHAN_TIMEOUT)
    }
}

/// A setting that is not parsed yet.
struct Setting {
    /// Name of the variable or key, for messages.
    name: String,
    text: String,
}

/// Parses a setting if there is one, and collects the error.
fn parse<T>(
    setting: Option<Setting>,
    parse: fn(&str) -> Result<T, String>,
    errors: &mut Vec<String>,
) -> Option<T> {
    let Setting { name, text } = setting?;
    parse(&text).map_err(|error| errors.push(format!("invalid {name}: {error}"))).ok()
}

fn parse_keep(text: &str) -> Result<Keep, String> {
    match text {
        "never" => Ok(Keep::Never),
        "on-failure" => Ok(Keep::OnFailure),
        "always" => Ok(Keep::Always),
        other => Err(format!("`{other}` is not one of `never`, `on-failure`, `always`")),
    }
}

fn parse_flag(text: &str) -> Result<bool, String> {
    match text {
        "1" | "true" => Ok(true),
        "0" | "false" => Ok(false),
        other => Err(format!("`{other}` is not one of `1`, `0`")),
    }
}

fn parse_timeout(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Ok(length) if !length.is_zero() => Ok(length),
        Ok(_) => Err("a timeout must be greater than zero".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn parse_cluster(text: &str) -> Result<String, String> {
    match ClusterName::new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        let find = |name: &str| pairs.iter().find(|(key, _)| *key == name);
        let lookup = |name: &str| find(name).map(|(_, value)| (*value).to_owned());
        Settings::new(lookup, &Metadata::default())
    }

    #[test]
    fn empty_environment_gives_the_defaults() {
        let settings = settings(&[("KIPOD_KEEP", "")]).unwrap();
        assert_eq!(settings, Settings::default());
        let site = TestSite::new("it::t", "", "", 1);
        assert_eq!(settings.cluster_of(&site), "kipod");
        assert_eq!(settings.keep_of(&site), Keep::Never);
        assert_eq!(settings.timeout_of(&site), None);
    }

    #[test]
    fn attribute_overrides_the_environment_except_keep() {
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
    fn new_reports_all_errors() {
        let error = settings(&[
            ("KIPOD_KEEP", "maybe"),
            ("KIPOD_SKIP_IF_UNAVAILABLE", "yes"),
            ("KIPOD_TIMEOUT", "5"),
            ("KIPOD_CLUSTER", "A"),
            ("KIPOD_KUBECONFIG", "/tmp/config"),
        ])
        .unwrap_err();
        assert_eq!(error.0.len(), 5, "{error}");
        assert!(
            error.to_string().starts_with("invalid settings: 5 errors\n  invalid `"),
            "{error}"
        );
        assert_eq!(settings(&[("KIPOD_CONTEXT", "kind")]).unwrap_err().0.len(), 1);
    }

    #[test]
    fn environment_and_attribute_override_the_package() {
        let metadata = Metadata {
            cluster: Some("own".to_owned()),
            timeout: Some("2m".to_owned()),
            keep: Some("on-failure".to_owned()),
        };
        let env = |name: &str| (name == "KIPOD_CLUSTER").then(|| "env".to_owned());
        let settings = Settings::new(env, &metadata).unwrap();
        let mut site = TestSite::new("it::t", "", "", 1);
        assert_eq!(settings.cluster_of(&site), "env");
        assert_eq!(settings.timeout_of(&site), Some(Duration::from_secs(120)));
        assert_eq!(settings.keep_of(&site), Keep::OnFailure);
        site.keep = Some(Keep::Never);
        assert_eq!(settings.keep_of(&site), Keep::Never);
        let invalid = Metadata { keep: Some("maybe".to_owned()), ..Metadata::default() };
        let error = Settings::new(|_| None, &invalid).unwrap_err();
        assert!(
            error.0[0].starts_with("invalid `keep` in the package metadata: `maybe`"),
            "{error}"
        );
    }
}
