//! Running upstream's `e2e.test`.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

use super::parts::focus;
use super::report::{Outcome, TestResult, parse};

/// Upstream's `e2e.test` and the cluster that it tests.
#[derive(Debug)]
pub struct Suite {
    program: PathBuf,
    kubeconfig: PathBuf,
    /// The directory of outputs and reports.
    dir: PathBuf,
}

impl Suite {
    /// Selects the program, the cluster, and an existing directory for outputs and reports.
    pub fn new(program: &Path, kubeconfig: &Path, dir: &Path) -> Self {
        Self { program: program.to_owned(), kubeconfig: kubeconfig.to_owned(), dir: dir.to_owned() }
    }

    /// Lists the tests that two regular expressions select, by a dry run. (`--list-tests` would run them.)
    ///
    /// # Errors
    ///
    /// If the program fails, or selects no test.
    pub fn list(&self, focus: &str, skip: &str) -> Result<Vec<String>> {
        let mut command = self.command("list", focus)?;
        command.arg("--ginkgo.dry-run");
        if !skip.is_empty() {
            command.arg(format!("--ginkgo.skip={skip}"));
        }
        let status = command.status().with_context(|| self.program.display().to_string())?;
        if !status.success() {
            bail!("`{}` {status}: see `{}`", self.program.display(), self.output("list").display());
        }
        let tests: Vec<_> = self.report("list")?.into_iter().map(|test| test.name).collect();
        if tests.is_empty() {
            bail!("no test matches `{focus}`");
        }
        Ok(tests)
    }

    /// Starts a process that runs `tests`.
    ///
    /// # Errors
    ///
    /// If the program cannot be started.
    pub fn start(&self, name: &str, tests: &[String]) -> Result<Child> {
        let mut command = self.command(name, &focus(tests))?;
        command.spawn().with_context(|| self.program.display().to_string())
    }

    /// Returns the results of a process that has ended. A test without a result failed.
    pub fn results(&self, name: &str, tests: &[String]) -> Vec<TestResult> {
        let mut found = self.report(name).unwrap_or_default();
        found.retain(|result| tests.contains(&result.name));
        for test in tests {
            if !found.iter().any(|result| result.name == *test) {
                let message = format!("no result: see `{}`", self.output(name).display());
                found.push(TestResult {
                    name: test.clone(),
                    outcome: Outcome::Failed(message),
                    duration: Default::default(),
                });
            }
        }
        found
    }

    fn command(&self, name: &str, focus: &str) -> Result<Command> {
        let output = File::create(self.output(name))?;
        let mut command = Command::new(&self.program);
        command
            .arg(format!("--kubeconfig={}", self.kubeconfig.display()))
            .arg("--provider=skeleton")
            .arg("--disable-log-dump")
            .arg(format!("--ginkgo.focus={focus}"))
            .arg(format!("--ginkgo.json-report={}", self.json(name).display()))
            .args(["--ginkgo.no-color", "--ginkgo.timeout=24h", "--ginkgo.succinct"])
            .env("KUBECONFIG", &self.kubeconfig)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output);
        Ok(command)
    }

    fn report(&self, name: &str) -> Result<Vec<TestResult>> {
        let path = self.json(name);
        let json = std::fs::read(&path).with_context(|| path.display().to_string())?;
        Ok(parse(&json)?)
    }

    fn output(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{name}.log"))
    }

    fn json(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{name}.json"))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// An `e2e.test` with two tests: one passes, one ends the process. It checks its arguments.
    const PROGRAM: &str = r#"#!/bin/sh
for arg; do
    case $arg in
    --ginkgo.json-report=*) report=${arg#*=} ;;
    --ginkgo.focus=*) focus=${arg#*=} ;;
    --ginkgo.dry-run) dry=1 ;;
    esac
done
echo "focus $focus"
test() { echo "{\"LeafNodeType\": \"It\", \"LeafNodeText\": \"$1\", \"State\": \"passed\", \"NumAttempts\": 1}"; }
case $dry$focus in
1all) echo "[{\"SpecReports\": [$(test one), $(test two)]}]" >"$report" ;;
1none) echo '[{"SpecReports": []}]' >"$report" ;;
'one$|two$') echo "[{\"SpecReports\": [$(test one), $(test 'not asked')]}]" >"$report"; exit 1 ;;
*) echo 'unexpected' >&2; exit 2 ;;
esac
"#;

    fn suite(dir: &Path) -> Suite {
        let program = dir.join("e2e.test");
        std::fs::write(&program, PROGRAM).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        Suite::new(&program, &dir.join("kubeconfig"), dir)
    }

    #[test]
    fn list_is_a_dry_run() {
        let dir = tempfile::tempdir().unwrap();
        let suite = suite(dir.path());
        assert_eq!(suite.list("all", "").unwrap(), ["one", "two"]);
        let error = suite.list("none", "").unwrap_err();
        assert_eq!(error.to_string(), "no test matches `none`");
        let error = suite.list("other", "").unwrap_err().to_string();
        assert!(error.contains("exit status: 2: see `") && error.ends_with("list.log`"), "{error}");
    }

    #[test]
    fn test_without_a_result_failed() {
        let dir = tempfile::tempdir().unwrap();
        let suite = suite(dir.path());
        let tests = ["one", "two"].map(str::to_owned);
        let status = suite.start("part-0", &tests).unwrap().wait().unwrap();
        assert!(!status.success());
        let results = suite.results("part-0", &tests);
        assert_eq!(results.len(), 2);
        assert_eq!((results[0].name.as_str(), &results[0].outcome), ("one", &Outcome::Passed));
        assert!(matches!(&results[1].outcome, Outcome::Failed(why) if why.contains("part-0.log")));
    }
}
