//! The `kipod` command, run as a user runs it.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// A `kipod` command to be run.
#[derive(Debug)]
pub struct Kipod {
    command: Command,
    line: String,
    stdout: Option<Stdio>,
}

/// What a command left.
#[derive(Debug)]
pub struct Output {
    line: String,
    status: ExitStatus,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
    /// How long it took.
    pub took: Duration,
}

/// A command that runs. It is killed when this value goes before it has ended.
#[derive(Debug)]
pub struct Running {
    line: String,
    child: Option<Child>,
    files: [tempfile::NamedTempFile; 2],
    start: Instant,
}

impl Kipod {
    /// `kipod` with these words, in this process's environment.
    pub fn new<S: AsRef<OsStr>>(words: impl IntoIterator<Item = S>) -> Self {
        let mut command = Command::new(binary());
        let words: Vec<OsString> = words.into_iter().map(|word| word.as_ref().to_owned()).collect();
        let shown: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
        let line = format!("kipod {}", shown.join(" "));
        // A process group of its own, as a shell gives to what is typed in it.
        command.args(&words).stdin(Stdio::null()).current_dir("/").process_group(0);
        // What the tests' own caller has set must not change what is typed here.
        for name in ["KUBECONFIG", "KIPOD_CLUSTER", "KIPOD_MIRROR", "CONTAINER_HOST"] {
            command.env_remove(name);
        }
        Self { command, line, stdout: None }
    }

    /// With a variable of the environment.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Without a variable of the environment.
    pub fn without_env(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// With nothing in the environment but what [`env`](Self::env) adds after this.
    pub fn bare(mut self) -> Self {
        self.command.env_clear();
        self
    }

    /// With something to read on standard input.
    pub fn stdin(mut self, stdin: Stdio) -> Self {
        self.command.stdin(stdin);
        self
    }

    /// With standard output there, and not in the [`Output`].
    pub fn stdout(mut self, stdout: Stdio) -> Self {
        self.stdout = Some(stdout);
        self
    }

    /// Runs it to its end.
    #[track_caller]
    pub fn run(self) -> Output {
        self.spawn().wait()
    }

    /// Starts it.
    #[track_caller]
    pub fn spawn(mut self) -> Running {
        // Files, not pipes: whatever inherits them cannot keep the test waiting.
        let files = [(); 2].map(|()| tempfile::NamedTempFile::new().expect("a temporary file"));
        let [out, err] = [0, 1].map(|index: usize| files[index].reopen().expect("a second handle"));
        let child =
            self.command.stdout(self.stdout.take().unwrap_or(out.into())).stderr(err).spawn();
        let child = child.unwrap_or_else(|error| panic!("cannot run `{}`: {error}", self.line));
        Running { line: self.line, child: Some(child), files, start: Instant::now() }
    }
}

impl Running {
    /// The process's id.
    pub fn id(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().expect("it runs until it is waited for");
        kill_process(Pid::from_child(child), signal).expect("a signal to our own child");
    }

    /// Interrupts it as a terminal does at Ctrl-C: it and the programs it has started.
    pub fn ctrl_c(&self) {
        let child = self.child.as_ref().expect("it runs until it is waited for");
        kill_process_group(Pid::from_child(child), Signal::INT).expect("a signal to our own group");
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        let child = self.child.as_mut().expect("it runs until it is waited for");
        child.try_wait().expect("our own child").is_some()
    }

    /// What it has written to standard error so far.
    pub fn stderr(&self) -> String {
        read(&self.files[1])
    }

    /// Waits until standard error holds `text`.
    #[track_caller]
    pub fn until_it_says(&mut self, text: &str) {
        while !self.stderr().contains(text) {
            if self.has_ended() {
                // What it wrote last may have come in between.
                assert!(
                    self.stderr().contains(text),
                    "`{}` ended without saying {text:?}:\n{}",
                    self.line,
                    self.stderr()
                );
                return;
            }
            assert!(
                self.start.elapsed() < Duration::from_secs(300),
                "`{}` does not say {text:?}:\n{}",
                self.line,
                self.stderr()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until it has a child that runs `program`.
    #[track_caller]
    pub fn until_it_has_started(&mut self, program: &str) {
        let child = self.id();
        wait_until(&format!("`{}` runs `{program}`", self.line), Duration::from_secs(60), || {
            children(child).iter().any(|(_, line)| line.starts_with(program))
        });
    }

    /// The processes below it, each with its id and its command line.
    pub fn descendants(&self) -> Vec<(u32, String)> {
        let mut found = Vec::new();
        let mut parents = vec![self.id()];
        while let Some(parent) = parents.pop() {
            for child in children(parent) {
                parents.push(child.0);
                found.push(child);
            }
        }
        found
    }

    /// Waits for its end.
    #[track_caller]
    pub fn wait(mut self) -> Output {
        let mut child = self.child.take().expect("it runs until it is waited for");
        let status = child.wait().expect("our own child");
        Output {
            line: std::mem::take(&mut self.line),
            status,
            stdout: read(&self.files[0]),
            stderr: read(&self.files[1]),
            took: self.start.elapsed(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Output {
    /// The exit status; `None` when a signal ended it.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Fails the test unless the command went well.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert!(self.status.success(), "{self}");
        self
    }

    /// Fails the test unless the command ended with that status.
    #[track_caller]
    pub fn failed(self, code: i32) -> Self {
        assert_eq!(self.code(), Some(code), "{self}");
        self
    }

    /// Fails the test unless standard error holds each of `texts`.
    #[track_caller]
    pub fn said(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(self.stderr.contains(text), "{text:?} is missing in what {self}");
        }
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in what {self}"))
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, status, stdout, stderr, took } = self;
        let seconds = took.as_secs_f64();
        write!(f, "`{line}` said ({status}, {seconds:.1} s)\n{stdout}--- stderr ---\n{stderr}")
    }
}

/// Waits until `condition` holds.
#[track_caller]
pub fn wait_until(what: &str, limit: Duration, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < limit, "{} s are over, and not yet: {what}", limit.as_secs());
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The children of a process, each with its id and its command line.
fn children(parent: u32) -> Vec<(u32, String)> {
    let threads = std::fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten();
    let lists = threads.map(|thread| std::fs::read_to_string(thread.path().join("children")));
    let lists: Vec<String> = lists.flatten().collect();
    let ids = lists.iter().flat_map(|list| list.split_whitespace());
    ids.filter_map(|id| {
        let line = std::fs::read(format!("/proc/{id}/cmdline")).ok()?;
        Some((id.parse().ok()?, String::from_utf8_lossy(&line).replace('\0', " ")))
    })
    .collect()
}

fn read(file: &tempfile::NamedTempFile) -> String {
    let bytes = std::fs::read(file.path()).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The program under test: `KIPOD_BINARY`, or the one that cargo puts beside the tests' folder.
/// Cargo does not build it for this package, so it has to be there, and not be older than its
/// sources.
fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        if let Some(path) = std::env::var_os("KIPOD_BINARY") {
            return path.into();
        }
        let tests = std::env::current_exe().expect("the path of this test");
        let profile = tests.ancestors().nth(2).expect("tests lie in target/PROFILE/deps");
        let path = profile.join("kipod");
        let build = "run `cargo build --package kipod-engine --features cli`";
        assert!(path.exists(), "there is no `{}`: {build}", path.display());
        if let Some(source) = newer_source(&path) {
            panic!("`{}` is older than `{source}`: {build}", path.display());
        }
        path
    })
}

/// A source that has changed since `binary` was built of it, as cargo's own list names them.
fn newer_source(binary: &Path) -> Option<String> {
    let time = |path: &Path| -> Option<SystemTime> { path.metadata().ok()?.modified().ok() };
    let list = std::fs::read_to_string(binary.with_extension("d")).ok()?;
    let built = time(binary)?;
    let sources = list.split_once(": ")?.1.split_whitespace();
    let newer = |source: &&str| time(Path::new(source)).is_some_and(|changed| changed > built);
    sources.into_iter().find(newer).map(str::to_owned)
}
