//! Requests for a cluster, and existing clusters to compare with.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use crate::engine_api::ClusterSpec;

/// The requirements of a test for its cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterRequest {
    /// Name of the cluster.
    pub name: String,
    /// Kubernetes version, as `1.36` or `1.36.2`; `None` accepts any version.
    pub version: Option<String>,
    /// Nodes and configuration.
    pub topology: Topology,
}

/// Nodes and configuration of a cluster. As a requirement, `None` accepts any value; of an existing
/// cluster, `None` is an unknown value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Topology {
    /// Number of control planes.
    pub control_planes: Option<usize>,
    /// Number of workers.
    pub workers: Option<usize>,
    /// The complete specification, from a configuration file.
    pub spec: Option<Box<ClusterSpec>>,
}

/// A requirement that an existing cluster does not meet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it {found}, but the test requires {required}")]
pub struct Mismatch {
    /// The existing cluster, as `runs Kubernetes v1.35.6`.
    pub found: String,
    /// The requirement, as `1.36`.
    pub required: String,
}

impl Topology {
    /// Compares the requirements with an existing cluster.
    fn mismatch(&self, found: &Self) -> Option<Mismatch> {
        let nodes = |count: usize, role: &str| match count {
            1 => format!("1 {role}"),
            _ => format!("{count} {role}s"),
        };
        let counts = [
            ("control plane", self.control_planes, found.control_planes),
            ("worker", self.workers, found.workers),
        ];
        for (role, required, found) in counts {
            if let (Some(required), Some(found)) = (required, found)
                && required != found
            {
                let found = format!("has {}", nodes(found, role));
                return Some(Mismatch { found, required: nodes(required, role) });
            }
        }
        match (&self.spec, &found.spec) {
            (Some(required), Some(found)) if comparable(required) != comparable(found) => {
                Some(Mismatch {
                    found: "was created with another configuration".to_owned(),
                    required: "that of its `config`".to_owned(),
                })
            }
            _ => None,
        }
    }
}

/// Removes the fields that do not describe the cluster itself: its name, and how its creation is
/// awaited.
fn comparable(spec: &ClusterSpec) -> ClusterSpec {
    let default = ClusterSpec::default();
    let mut spec = spec.clone();
    (spec.name, spec.wait, spec.retain) = (default.name, default.wait, default.retain);
    // The node image has the Kubernetes version.
    spec.kubernetes = None;
    spec
}

impl ClusterRequest {
    /// Returns the first requirement that an existing cluster does not meet.
    pub fn mismatch(&self, found: &ExistingCluster) -> Option<Mismatch> {
        if let Some(version) = found.version.as_ref().filter(|version| !self.accepts(version)) {
            let required = self.version.clone().unwrap_or_default();
            return Some(Mismatch { found: format!("runs Kubernetes {version}"), required });
        }
        self.topology.mismatch(&found.topology)
    }

    /// Returns whether a Kubernetes version meets the request.
    pub fn accepts(&self, found: &str) -> bool {
        let number = |version: &str| version.trim_start_matches('v').to_owned();
        let found = number(found);
        match self.version.as_deref().map(number) {
            None => true,
            Some(required) => found
                .strip_prefix(&required)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.')),
        }
    }
}

/// An existing cluster: access to it, and its properties.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExistingCluster {
    /// The kubeconfig as YAML.
    pub kubeconfig: String,
    /// The kubeconfig file.
    pub path: PathBuf,
    /// The context in the kubeconfig; `None` is its current context.
    pub context: Option<String>,
    /// Kubernetes version, as `v1.36.2`, if known.
    pub version: Option<String>,
    /// Nodes and configuration, as far as known.
    pub topology: Topology,
    /// Address of this host at which the node ports are published, if known.
    pub service_address: Option<Ipv4Addr>,
    /// Distinguishes the cluster from earlier and later clusters with the same name.
    pub identity: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_compares_version_components() {
        let accepts = |version: Option<&str>| {
            let version = version.map(str::to_owned);
            let topology = Topology::default();
            ClusterRequest { name: "demo".into(), version, topology }.accepts("v1.36.2")
        };
        for version in [None, Some("1.36"), Some("v1.36"), Some("1.36.2"), Some("v1.36.2")] {
            assert!(accepts(version), "{version:?}");
        }
        for version in ["1.3", "1.37", "1.36.20", "1.36.1"] {
            assert!(!accepts(Some(version)), "{version}");
        }
    }

    #[test]
    fn mismatch_describes_the_difference() {
        let topology = |control_planes, workers| Topology {
            control_planes: Some(control_planes),
            workers: Some(workers),
            spec: Some(Box::default()),
        };
        let found = topology(1, 2);
        assert_eq!(Topology::default().mismatch(&found), None);
        assert_eq!(topology(1, 2).mismatch(&found), None);
        assert_eq!(topology(1, 2).mismatch(&Topology::default()), None, "unknown");
        let mismatch = |found: &str, required: &str| {
            Some(Mismatch { found: found.to_owned(), required: required.to_owned() })
        };
        let workers = Topology { workers: Some(1), ..Topology::default() };
        assert_eq!(workers.mismatch(&found), mismatch("has 2 workers", "1 worker"));
        let planes = Topology { control_planes: Some(3), ..Topology::default() };
        let expected = mismatch("has 1 control plane", "3 control planes");
        assert_eq!(planes.mismatch(&found), expected);

        let spec = |retain, image: &str| {
            let image = image.parse().unwrap();
            ClusterSpec::builder("demo").retain(retain).image(image).build().unwrap()
        };
        let of = |spec| Topology { spec: Some(Box::new(spec)), ..Topology::default() };
        assert_eq!(of(spec(true, "a:1")).mismatch(&of(spec(false, "a:1"))), None);
        let other = of(spec(true, "a:1")).mismatch(&of(spec(true, "b:1")));
        let expected = mismatch("was created with another configuration", "that of its `config`");
        assert_eq!(other, expected);
    }
}
