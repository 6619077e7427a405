//! The options of a test's attribute as plain data: the macro writes them, the harness reads them.

use std::time::Duration;

/// Policy for keeping the namespace and the cluster of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Keep {
    /// Keeps nothing.
    #[default]
    Never,
    /// Keeps the namespace of a failed test, and its cluster.
    OnFailure,
    /// Keeps the namespace of every test, and its cluster.
    Always,
}

/// The tokio runtime of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Flavor {
    /// Runs all tasks on the test's own thread, as `#[tokio::test]` does.
    #[default]
    CurrentThread,
    /// Runs tasks on a thread pool.
    MultiThread {
        /// Number of worker threads; the number of processors by default.
        worker_threads: Option<usize>,
    },
}

/// The test passes only if it panics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShouldPanic {
    /// Text that the panic message must contain.
    pub expected: Option<&'static str>,
}

/// The options of a test's attribute, and the place of the test in the source.
#[derive(Debug, Clone, Copy)]
pub struct TestSite {
    /// Path of the function, including the crate name.
    pub path: &'static str,
    /// Directory of the package.
    pub manifest_dir: &'static str,
    /// Source file.
    pub file: &'static str,
    /// Line of the attribute.
    pub line: u32,
    /// Name of the cluster.
    pub cluster: Option<&'static str>,
    /// Kubernetes version.
    pub version: Option<&'static str>,
    /// Number of control planes.
    pub control_planes: Option<usize>,
    /// Number of workers.
    pub workers: Option<usize>,
    /// Configuration file of the cluster.
    pub config: Option<&'static str>,
    /// `true` if no other test may use the cluster.
    pub exclusive: bool,
    /// `true` if the test gets a namespace.
    pub namespace: bool,
    /// Manifests that are applied once per cluster.
    pub manifests: &'static [&'static str],
    /// Manifests that are applied to the test's namespace.
    pub fixtures: &'static [&'static str],
    /// Images that every node must have.
    pub images: &'static [&'static str],
    /// Timeout of the test.
    pub timeout: Option<Duration>,
    /// Policy for keeping the namespace and the cluster.
    pub keep: Option<Keep>,
    /// The tokio runtime.
    pub flavor: Flavor,
    /// `true` if tokio's clock is paused from the start.
    pub start_paused: bool,
    /// Set if the test must panic.
    pub should_panic: Option<ShouldPanic>,
}

impl TestSite {
    /// Creates a site with the defaults of an attribute without options.
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

    /// Returns the libtest arguments that run only this test. The harness starts the test binary
    /// with them for its own processes.
    pub(crate) fn libtest_args(&self) -> [&'static str; 5] {
        [self.name(), "--exact", "--include-ignored", "--nocapture", "--test-threads=1"]
    }

    /// Returns the name of the test in libtest: the path without the crate name.
    pub(crate) fn name(&self) -> &'static str {
        self.path.split_once("::").map_or(self.path, |(_, name)| name)
    }
}
