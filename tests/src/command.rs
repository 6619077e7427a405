//! The `kipod` command, run as a user runs it.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::SystemTime;

use crate::{Output, Running};

/// A `kipod` command line that has not started yet.
#[derive(Debug)]
pub struct Kipod {
    command: Command,
    line: String,
    stdout: Option<Stdio>,
}

impl Kipod {
    /// Creates a command with `args`. It inherits the environment of this process, except for the
    /// variables that change the meaning of arguments.
    pub fn new<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Self {
        let mut command = Command::new(binary());
        let args: Vec<OsString> = args.into_iter().map(|arg| arg.as_ref().to_owned()).collect();
        let shown: Vec<_> = args.iter().map(|arg| arg.to_string_lossy()).collect();
        let line = format!("kipod {}", shown.join(" "));
        // Its own process group, as an interactive shell creates one for each command.
        command.args(&args).stdin(Stdio::null()).current_dir("/").process_group(0);
        for name in ["KUBECONFIG", "KIPOD_CLUSTER", "KIPOD_MIRROR", "CONTAINER_HOST"] {
            command.env_remove(name);
        }
        Self { command, line, stdout: None }
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Removes an environment variable.
    pub fn without_env(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Clears the environment. Later calls of [`env`](Self::env) add to it.
    pub fn clear_env(mut self) -> Self {
        self.command.env_clear();
        self
    }

    /// Connects standard input.
    pub fn stdin(mut self, stdin: Stdio) -> Self {
        self.command.stdin(stdin);
        self
    }

    /// Redirects standard output. The [`Output`] does not contain it.
    pub fn stdout(mut self, stdout: Stdio) -> Self {
        self.stdout = Some(stdout);
        self
    }

    /// Runs the command to completion.
    #[track_caller]
    pub fn run(self) -> Output {
        self.spawn().wait()
    }

    /// Starts the command.
    #[track_caller]
    pub fn spawn(mut self) -> Running {
        // Files, not pipes: a process that inherits them cannot block the test.
        let files = [(); 2].map(|()| tempfile::NamedTempFile::new().expect("a temporary file"));
        let [out, err] = [0, 1].map(|index: usize| files[index].reopen().expect("a second handle"));
        self.command.stdout(self.stdout.take().unwrap_or(out.into())).stderr(err);
        let child = self.command.spawn();
        let child = child.unwrap_or_else(|error| panic!("cannot run `{}`: {error}", self.line));
        Running::new(self.line, child, files)
    }
}

/// Returns the path of the binary under test: `KIPOD_BINARY`, or `kipod` in cargo's target directory.
///
/// Cargo does not build the binary for this package.
///
/// # Panics
///
/// If the binary does not exist, or is older than one of its sources.
fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        if let Some(path) = std::env::var_os("KIPOD_BINARY") {
            return path.into();
        }
        let program = std::env::current_exe().expect("the path of this program");
        let dir = program.parent().expect("a file is in a directory");
        // Tests are in target/PROFILE/deps, other programs in target/PROFILE.
        let profile = if dir.ends_with("deps") { dir.parent() } else { Some(dir) };
        let path = profile.unwrap_or(dir).join("kipod");
        let build = "run `cargo build --package kipod-engine`";
        assert!(path.exists(), "`{}` not found: {build}", path.display());
        if let Some(source) = newer_source(&path) {
            panic!("`{}` is older than `{source}`: {build}", path.display());
        }
        path
    })
}

/// Returns a source that has changed since `binary` was built. Cargo's dependency file lists them.
fn newer_source(binary: &Path) -> Option<String> {
    let modified = |path: &Path| -> Option<SystemTime> { path.metadata().ok()?.modified().ok() };
    let list = std::fs::read_to_string(binary.with_extension("d")).ok()?;
    let built = modified(binary)?;
    let sources = list.split_once(": ")?.1.split_whitespace();
    let newer = |source: &&str| modified(Path::new(source)).is_some_and(|time| time > built);
    sources.into_iter().find(newer).map(str::to_owned)
}
