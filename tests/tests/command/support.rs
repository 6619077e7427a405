//! Runs of `kipod` with expected results, as a user with empty directories.

use std::path::PathBuf;
use std::process::Stdio;

use kipod_e2e::{Kipod, Output};

/// The directories of a user. Dropping it removes them.
pub(crate) struct Home {
    root: tempfile::TempDir,
}

impl Home {
    /// Creates empty directories `home`, `run` and `bin`.
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        for dir in ["home", "run", "bin"] {
            std::fs::create_dir(root.path().join(dir)).unwrap();
        }
        Self { root }
    }

    /// Returns a path relative to the user's directories.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Writes a file, and returns its path.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Installs a shell script as `podman`, the only program on `PATH`.
    pub(crate) fn install_podman(&self, script: &str) {
        use std::os::unix::fs::PermissionsExt;
        let path = self.write("bin/podman", format!("#!/bin/sh\n{script}\n"));
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Returns every file below the user's directories, as relative paths.
    pub(crate) fn files(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut dirs = vec![self.root.path().to_owned()];
        while let Some(dir) = dirs.pop() {
            for entry in std::fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    dirs.push(path);
                } else {
                    let name = path.strip_prefix(self.root.path()).unwrap();
                    found.push(name.display().to_string());
                }
            }
        }
        found.sort();
        found
    }

    /// Returns a test of `kipod ARGS`.
    pub(crate) fn test(&self, args: &[&str]) -> Test<'_> {
        let kipod = Kipod::new(args)
            .clear_env()
            .env("HOME", self.path("home"))
            .env("XDG_RUNTIME_DIR", self.path("run"))
            .env("PATH", self.path("bin"));
        let empty = || Expected::Exactly(String::new());
        Test { home: self, kipod, stdout: empty(), stderr: empty(), files: true }
    }
}

/// A run of `kipod` and its expected result.
///
/// By default, standard output and standard error must be empty, and no file may be created.
#[must_use = "`success` and `failure` run the test"]
pub(crate) struct Test<'a> {
    home: &'a Home,
    kipod: Kipod,
    stdout: Expected,
    stderr: Expected,
    files: bool,
}

enum Expected {
    Exactly(String),
    Contains(Vec<String>),
}

impl Test<'_> {
    /// Expects this text as standard output.
    pub(crate) fn stdout(mut self, text: &str) -> Self {
        self.stdout = Expected::Exactly(text.to_owned());
        self
    }

    /// Expects standard output that contains each of `texts`.
    pub(crate) fn stdout_contains(mut self, texts: &[&str]) -> Self {
        self.stdout = Expected::contains(texts);
        self
    }

    /// Expects this text as standard error.
    pub(crate) fn stderr(mut self, text: &str) -> Self {
        self.stderr = Expected::Exactly(text.to_owned());
        self
    }

    /// Expects standard error that contains each of `texts`.
    pub(crate) fn stderr_contains(mut self, texts: &[&str]) -> Self {
        self.stderr = Expected::contains(texts);
        self
    }

    /// Allows the command to create files.
    pub(crate) fn creates_files(mut self) -> Self {
        self.files = false;
        self
    }

    /// Connects standard input to a file.
    pub(crate) fn stdin(mut self, path: &str) -> Self {
        self.kipod = self.kipod.stdin(std::fs::File::open(path).unwrap().into());
        self
    }

    /// Redirects standard output. The test does not see it.
    pub(crate) fn redirect_stdout(mut self, stdout: Stdio) -> Self {
        self.kipod = self.kipod.stdout(stdout);
        self
    }

    /// Sets an environment variable.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.kipod = self.kipod.env(name, value);
        self
    }

    /// Removes an environment variable.
    pub(crate) fn without_env(mut self, name: &str) -> Self {
        self.kipod = self.kipod.without_env(name);
        self
    }

    /// Runs the command, which must succeed.
    #[track_caller]
    pub(crate) fn success(self) -> Output {
        self.exit_code(0)
    }

    /// Runs the command, which must exit with `code`.
    #[track_caller]
    pub(crate) fn failure(self, code: i32) -> Output {
        self.exit_code(code)
    }

    /// Runs the command, which must succeed, and parses standard output as JSON.
    #[track_caller]
    pub(crate) fn json(self) -> serde_json::Value {
        self.stdout_contains(&[]).success().json()
    }

    #[track_caller]
    fn exit_code(self, code: i32) -> Output {
        let files = self.home.files();
        let output = self.kipod.run();
        assert_eq!(output.code(), Some(code), "{output}");
        self.stdout.assert("standard output", &output.stdout, &output);
        self.stderr.assert("standard error", &output.stderr, &output);
        if self.files {
            assert_eq!(self.home.files(), files, "files created or removed by {output}");
        }
        output
    }
}

impl Expected {
    fn contains(texts: &[&str]) -> Self {
        Self::Contains(texts.iter().map(|text| (*text).to_owned()).collect())
    }

    #[track_caller]
    fn assert(&self, stream: &str, found: &str, output: &Output) {
        match self {
            Self::Exactly(text) => assert_eq!(found, text, "{stream} of {output}"),
            Self::Contains(texts) => {
                for text in texts {
                    assert!(found.contains(text.as_str()), "no {text:?} in {stream} of {output}");
                }
            }
        }
    }
}
