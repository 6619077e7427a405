//! Where clusters come from: the seam between the harness and what makes clusters.

use std::future::Future;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::pin::Pin;

use kipod_engine::lease::Phase;
use kipod_engine::spec::ClusterSpec;

/// What every call of the seam answers with.
pub type Reply<'a, T> = Pin<Box<dyn Future<Output = Result<T, SourceError>> + Send + 'a>>;

/// A cluster as a test wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Its name.
    pub name: String,
    /// Its Kubernetes version, as `1.36` or `1.36.2`; any will do where there is none.
    pub version: Option<String>,
    /// Its nodes, and all else that a configuration file says.
    pub shape: Shape,
}

/// What a cluster is made of. What is `None` may be anything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shape {
    /// How many control planes it has.
    pub control_planes: Option<usize>,
    /// How many workers it has.
    pub workers: Option<usize>,
    /// All of it, as a configuration file says.
    pub spec: Option<Box<ClusterSpec>>,
}

impl Shape {
    /// What a cluster of another shape has in its place, and what is wanted, in words.
    fn difference(&self, found: &Self) -> Option<(String, String)> {
        let nodes = |count: usize, what: &str| match count {
            1 => format!("1 {what}"),
            _ => format!("{count} {what}s"),
        };
        let counts = [
            ("control plane", self.control_planes, found.control_planes),
            ("worker", self.workers, found.workers),
        ];
        for (what, wanted, found) in counts {
            if let (Some(wanted), Some(found)) = (wanted, found)
                && wanted != found
            {
                return Some((format!("has {}", nodes(found, what)), nodes(wanted, what)));
            }
        }
        match (&self.spec, &found.spec) {
            (Some(wanted), Some(found)) if comparable(wanted) != comparable(found) => {
                Some(("was made of another configuration".into(), "that of its `config`".into()))
            }
            _ => None,
        }
    }
}

/// The same cluster under another name, made by somebody who waited for it in another way.
fn comparable(spec: &ClusterSpec) -> ClusterSpec {
    let ClusterSpec { name, wait, retain, .. } = ClusterSpec::default();
    ClusterSpec { name, wait, retain, ..spec.clone() }
}

impl Wanted {
    /// Where a cluster is another one than this: what it is, and what is wanted, in words.
    pub fn difference(&self, found: &Access) -> Option<(String, String)> {
        if let Some(version) = found.version.as_ref().filter(|version| !self.accepts(version)) {
            return Some(self.other_version(version));
        }
        self.shape.difference(&found.shape)
    }

    /// A Kubernetes version that will not do, and the one that will, in words.
    pub fn other_version(&self, found: &str) -> (String, String) {
        (format!("runs Kubernetes {found}"), self.version.clone().unwrap_or_default())
    }

    /// Whether a Kubernetes version will do.
    pub fn accepts(&self, found: &str) -> bool {
        let plain = |version: &str| version.trim_start_matches('v').to_owned();
        let have = plain(found);
        match self.version.as_deref().map(plain) {
            None => true,
            Some(want) => have
                .strip_prefix(&want)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.')),
        }
    }
}

/// How to reach a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Its kubeconfig, as YAML.
    pub kubeconfig: String,
    /// The file the kubeconfig is in.
    pub path: PathBuf,
    /// The context in it; the current one where there is none.
    pub context: Option<String>,
    /// Its Kubernetes version, as `v1.36.2`, where the source knows it.
    pub version: Option<String>,
    /// What it is made of, as far as the source knows.
    pub shape: Shape,
    /// The address of this machine at which its node ports answer, where the source knows one.
    pub service_address: Option<Ipv4Addr>,
    /// What tells it from another cluster of its name, before or after it.
    pub identity: String,
}

/// What a command on a node printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeOutput {
    /// Its exit status.
    pub status: i64,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

/// What the source of clusters could not do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SourceError {
    /// What went wrong.
    pub message: String,
    /// What the user can do about it.
    pub hint: Option<String>,
    /// Whether this machine cannot have clusters at all, so that trying again is of no use.
    pub unavailable: bool,
}

impl SourceError {
    /// A fault with nothing more to say about it.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, unavailable: false }
    }
}

/// What is told of a long piece of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News<'a> {
    /// What everybody should know, once.
    Line(&'a str),
    /// What is being done now, for those who wait for it.
    Step(&'a str),
}

/// Who is told.
pub type Say<'a> = &'a (dyn Fn(News<'_>) + Send + Sync);

/// What makes clusters. The harness calls `create` and `delete` of one name from one process at a
/// time; the rest it may call from any.
pub trait ClusterSource: Send + Sync {
    /// The folder for leases and the like, the same for every process of this user.
    fn state(&self) -> Result<PathBuf, SourceError>;
    /// The cluster of that name, if it is there and whole.
    fn open<'a>(&'a self, name: &'a str) -> Reply<'a, Option<Access>>;
    /// Creates a cluster, over whatever an attempt that was cut off left. Its identity begins with
    /// `since`, the time in seconds since the Unix epoch, and a `-`: so it can be told who made it
    /// even when whoever called this died as soon as it was done.
    fn create<'a>(&'a self, wanted: &'a Wanted, since: i64, say: Say<'a>) -> Reply<'a, Access>;
    /// Deletes the cluster that `phase` is of, or what is left of it. Another cluster of its name
    /// stays, and neither that nor a name nobody has is a fault.
    fn delete<'a>(&'a self, name: &'a str, phase: &'a Phase) -> Reply<'a, ()>;
    /// The name of the one cluster there is, where it is other people's: such a cluster is neither
    /// created nor deleted, and its nodes are out of reach.
    fn only(&self) -> Option<String> {
        None
    }
    /// The names of a cluster's nodes.
    fn nodes<'a>(&'a self, name: &'a str) -> Reply<'a, Vec<String>>;
    /// The process, as this machine counts, that a cluster's first node is: its namespaces are the
    /// node's.
    fn process<'a>(&'a self, _name: &'a str) -> Reply<'a, u32> {
        Box::pin(async { Err(SourceError::new("the cluster has no node on this machine")) })
    }
    /// Runs a command on a node.
    fn exec<'a>(&'a self, node: &'a str, command: &'a [&'a str]) -> Reply<'a, NodeOutput>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_match_by_their_parts() {
        let accepts = |version: Option<&str>| {
            let version = version.map(str::to_owned);
            Wanted { name: "demo".into(), version, shape: Shape::default() }.accepts("v1.36.2")
        };
        for version in [None, Some("1.36"), Some("v1.36"), Some("1.36.2"), Some("v1.36.2")] {
            assert!(accepts(version), "{version:?}");
        }
        for version in ["1.3", "1.37", "1.36.20", "1.36.1"] {
            assert!(!accepts(Some(version)), "{version}");
        }
    }

    #[test]
    fn what_a_cluster_is_made_of_is_told_apart() {
        let shape = |control_planes, workers| Shape {
            control_planes: Some(control_planes),
            workers: Some(workers),
            spec: Some(Box::default()),
        };
        let found = shape(1, 2);
        assert_eq!(Shape::default().difference(&found), None);
        assert_eq!(shape(1, 2).difference(&found), None);
        assert_eq!(shape(1, 2).difference(&Shape::default()), None, "nobody knows");
        let words = |(found, wanted): (&str, &str)| Some((found.to_owned(), wanted.to_owned()));
        let workers = Shape { workers: Some(1), ..Shape::default() };
        assert_eq!(workers.difference(&found), words(("has 2 workers", "1 worker")));
        let planes = Shape { control_planes: Some(3), ..Shape::default() };
        assert_eq!(planes.difference(&found), words(("has 1 control plane", "3 control planes")));

        let spec = |retain, image: &str| ClusterSpec {
            retain,
            image: image.parse().unwrap(),
            ..ClusterSpec::default()
        };
        let of = |spec| Shape { spec: Some(Box::new(spec)), ..Shape::default() };
        assert_eq!(of(spec(true, "a:1")).difference(&of(spec(false, "a:1"))), None);
        let other = of(spec(true, "a:1")).difference(&of(spec(true, "b:1")));
        assert_eq!(other, words(("was made of another configuration", "that of its `config`")));
    }
}
