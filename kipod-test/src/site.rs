//! A test as its attribute describes it: plain data, which the macro writes and the runtime reads.

use std::time::Duration;

/// What stays after a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Keep {
    /// Nothing. This is the default.
    #[default]
    Never,
    /// The namespace of a test that failed, and the cluster it is in.
    OnFailure,
    /// The namespace of every test, and the cluster.
    Always,
}

/// The kind of tokio runtime a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Flavor {
    /// All on the test's own thread. This is the default, as it is tokio's.
    #[default]
    CurrentThread,
    /// A pool of threads.
    MultiThread {
        /// How many; the number of processors by default.
        worker_threads: Option<usize>,
    },
}

/// A panic is what the test is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShouldPanic {
    /// What the panic's message has to contain.
    pub expected: Option<&'static str>,
}

/// A test as its attribute describes it.
#[derive(Debug, Clone, Copy)]
pub struct TestSite {
    /// The path of the function, with the crate's name in front.
    pub path: &'static str,
    /// The folder of the package.
    pub manifest_dir: &'static str,
    /// The source file.
    pub file: &'static str,
    /// The line of the attribute.
    pub line: u32,
    /// The cluster's name.
    pub cluster: Option<&'static str>,
    /// The Kubernetes version.
    pub version: Option<&'static str>,
    /// How many control planes the cluster has.
    pub control_planes: Option<usize>,
    /// How many workers the cluster has.
    pub workers: Option<usize>,
    /// A configuration file that describes the cluster.
    pub config: Option<&'static str>,
    /// Whether the cluster is for this test alone.
    pub exclusive: bool,
    /// Whether the test gets a namespace.
    pub namespace: bool,
    /// Manifests applied once for each cluster.
    pub manifests: &'static [&'static str],
    /// Manifests applied into the test's namespace.
    pub fixtures: &'static [&'static str],
    /// Images the cluster's nodes must have.
    pub images: &'static [&'static str],
    /// How long the test may take.
    pub timeout: Option<Duration>,
    /// What stays afterwards.
    pub keep: Option<Keep>,
    /// The runtime.
    pub flavor: Flavor,
    /// Whether tokio's clock stands still from the start.
    pub start_paused: bool,
    /// Whether a panic is what the test is for.
    pub should_panic: Option<ShouldPanic>,
}

impl TestSite {
    /// A site with nothing but its place; the rest is what an empty attribute means.
    pub const fn new(
        path: &'static str,
        manifest_dir: &'static str,
        file: &'static str,
        line: u32,
    ) -> Self {
        Self {
            path,
            manifest_dir,
            file,
            line,
            cluster: None,
            version: None,
            control_planes: None,
            workers: None,
            config: None,
            exclusive: false,
            namespace: true,
            manifests: &[],
            fixtures: &[],
            images: &[],
            timeout: None,
            keep: None,
            flavor: Flavor::CurrentThread,
            start_paused: false,
            should_panic: None,
        }
    }

    /// The arguments with which this test's binary runs this test and nothing else: for processes
    /// of the harness's own, which that test becomes.
    pub(crate) fn alone(&self) -> [&'static str; 5] {
        [self.name(), "--exact", "--include-ignored", "--nocapture", "--test-threads=1"]
    }

    /// The test as libtest calls it: the path without the crate's name.
    pub(crate) fn name(&self) -> &'static str {
        self.path.split_once("::").map_or(self.path, |(_, name)| name)
    }
}
