//! Evaluates test results.
//!
//! ```text
//! kipod-results summary
//! kipod-results totals --suites TEXT
//! kipod-results libtest --suite S --stdout FILE [--stderr FILE] [--reported FILE] [--known-failure TEST]
//! kipod-results cell --suite S --machine M --row PODMAN<TAB>CGROUPS<TAB>NETWORK --column C --set S
//!                    --seconds N --date DATE --commit C --cells FILE
//! kipod-results table [FILE...]
//! ```
//!
//! `summary` prints the summary of `KIPOD_RESULTS`, and `totals` the counts of the suites with TEXT in
//! their name. `libtest` adds the results of a Rust test binary to the file. `cell` counts the results of a suite, appends a line to a file of cells, and prints it in words.
//! `table` merges files of cells into `docs/machines.tsv` and writes `docs/machines.md`.
//!
//! `libtest` and `cell` exit with status 1 if a test of the suite failed that is not a known failure.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use kipod_results::{
    Cell, Environment, Libtest, Outcome, ResultsFile, TestResult, VARIABLE, merge, read_libtest,
    render, summarize, totals,
};

/// Options of a subcommand, by name.
struct Options(Vec<(String, String)>);

impl Options {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self> {
        let mut options = Vec::new();
        while let Some(word) = words.next() {
            let Some(name) = word.strip_prefix("--") else { bail!("unexpected argument `{word}`") };
            let value = words.next().with_context(|| format!("`{word}` needs a value"))?;
            options.push((name.to_owned(), value));
        }
        Ok(Self(options))
    }

    /// Takes all values of an option.
    fn all(&mut self, name: &str) -> Vec<String> {
        let (found, rest): (Vec<_>, Vec<_>) =
            self.0.drain(..).partition(|(option, _)| option == name);
        self.0 = rest;
        found.into_iter().map(|(_, value)| value).collect()
    }

    fn optional(&mut self, name: &str) -> Option<String> {
        self.all(name).pop()
    }

    fn required(&mut self, name: &str) -> Result<String> {
        self.optional(name).with_context(|| format!("`--{name}` is missing"))
    }

    fn finish(self) -> Result<()> {
        match self.0.first() {
            Some((name, _)) => bail!("unknown option `--{name}`"),
            None => Ok(()),
        }
    }
}

fn main() -> Result<ExitCode> {
    let mut words = std::env::args().skip(1);
    let command = words.next().unwrap_or_default();
    match command.as_str() {
        "summary" => {
            Options::parse(words)?.finish()?;
            print!("{}", summarize(&results_file()?.read()?));
            Ok(ExitCode::SUCCESS)
        }
        "totals" => {
            let mut options = Options::parse(words)?;
            let suites = options.required("suites")?;
            options.finish()?;
            println!("{}", totals(&results_file()?.read()?, &suites));
            Ok(ExitCode::SUCCESS)
        }
        "libtest" => libtest(Options::parse(words)?),
        "cell" => cell(Options::parse(words)?),
        "table" => table(words),
        _ => bail!("unknown subcommand `{command}`: use summary, totals, libtest, cell or table"),
    }
}

fn results_file() -> Result<ResultsFile> {
    ResultsFile::from_env().with_context(|| format!("{VARIABLE} is not set"))
}

fn libtest(mut options: Options) -> Result<ExitCode> {
    let suite = options.required("suite")?;
    let stdout = read(&options.required("stdout")?)?;
    let stderr = options.optional("stderr").map(|path| read(&path)).transpose()?;
    let reported = options.optional("reported").map(ResultsFile::new);
    let known_failures = options.all("known-failure");
    options.finish()?;
    let reported = reported.map(|file| file.read()).transpose()?.unwrap_or_default();
    let mut run = Libtest::new(&suite, &stdout);
    run.stderr = stderr.as_deref().unwrap_or_default();
    run.reported = &reported;
    run.known_failures = &known_failures;
    let results = read_libtest(run);
    let file = results_file()?;
    for result in &results {
        file.append(result)?;
        match result.outcome {
            Outcome::Passed => {}
            outcome => println!("{outcome}: {}: {}", result.name, result.reason),
        }
    }
    Ok(exit_code(&results))
}

fn cell(mut options: Options) -> Result<ExitCode> {
    let suite = options.required("suite")?;
    let row = options.required("row")?;
    let [podman, cgroups, network] = row.split('\t').collect::<Vec<_>>()[..] else {
        bail!("`{row}` is not a Podman, its cgroups and its network");
    };
    let [podman, cgroups, network] = [podman, cgroups, network].map(str::to_owned);
    let mut cell = Cell {
        environment: Environment {
            machine: options.required("machine")?,
            podman,
            cgroups,
            network,
        },
        column: options.required("column")?,
        outcome: Outcome::NotRun,
        passed: 0,
        total: 0,
        seconds: options.required("seconds")?.parse().context("`--seconds`")?,
        reason: String::new(),
        date: options.required("date")?,
        commit: options.required("commit")?,
        set: options.required("set")?,
    };
    let cells = options.required("cells")?;
    options.finish()?;
    let results = results_file()?.read()?;
    cell.count(&results, &suite);
    let Cell { set, outcome, passed, total, seconds, .. } = &cell;
    println!("--- {set}: {outcome}, {passed} passed, {} failed, {seconds} s", total - passed);
    let file = fs::OpenOptions::new().create(true).append(true).open(&cells);
    let written = file.and_then(|mut file| file.write_all(format!("{cell}\n").as_bytes()));
    written.with_context(|| format!("failed to write `{cells}`"))?;
    let ours: Vec<_> = results.into_iter().filter(|result| result.suite == suite).collect();
    Ok(exit_code(&ours))
}

fn exit_code(results: &[TestResult]) -> ExitCode {
    ExitCode::from(u8::from(results.iter().any(|result| result.outcome == Outcome::Failed)))
}

fn table(new: impl Iterator<Item = String>) -> Result<ExitCode> {
    let docs = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs"));
    let (cells, page) = (docs.join("machines.tsv"), docs.join("machines.md"));
    let new: Vec<String> = new.collect();
    let new = new.iter().map(|path| read_cells(path)).collect::<Result<Vec<_>>>()?.concat();
    let known = read_cells(&cells.display().to_string())?;
    let merged = merge(known, new);
    let lines: String = merged.iter().map(|cell| format!("{cell}\n")).collect();
    fs::write(&cells, lines).with_context(|| format!("failed to write `{}`", cells.display()))?;
    let written = fs::write(&page, render(&merged));
    written.with_context(|| format!("failed to write `{}`", page.display()))?;
    Ok(ExitCode::SUCCESS)
}

fn read_cells(path: &str) -> Result<Vec<Cell>> {
    let text = read(path)?;
    ensure!(text.is_empty() || text.ends_with('\n'), "`{path}` ends in the middle of a line");
    let cells = text.lines().map(|line| line.parse().with_context(|| format!("`{path}`")));
    cells.collect()
}

fn read(path: &str) -> Result<String> {
    let bytes = fs::read(path).with_context(|| format!("failed to read `{path}`"))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
