//! The commands, a file each.

mod build;
mod check;
mod config;
mod create;
mod delete;
mod exec;
mod export;
mod get;
mod load;
mod node;
mod power;
mod prune;
mod registry;

use std::io::Write;

use clap::CommandFactory;

use crate::args::{Args, Build, Command, Create, Output};
use crate::failure::Failure;
use crate::progress::{Progress, Verbosity};

/// Runs a command and returns the exit status.
pub(crate) async fn run(args: Args) -> Result<u8, Failure> {
    let verbosity = match (args.quiet, args.verbose) {
        (true, _) => Verbosity::Quiet,
        (false, true) => Verbosity::Verbose,
        (false, false) => Verbosity::Normal,
    };
    // Signal handlers outlive every borrow: one instance lives as long as the process.
    let progress: &'static Progress = Box::leak(Box::new(Progress::new(verbosity)));
    match args.command {
        Command::Check(args) => check::run(&args, progress).await,
        Command::Build(Build::NodeImage(args)) => build::run(&args, progress).await,
        Command::Create(Create::Cluster(args)) => create::run(&args, progress).await,
        Command::Create(Create::Registry(args)) => registry::create(&args, progress).await,
        Command::Delete(delete) => delete::run(&delete, progress).await,
        Command::Get(get) => get::run(&get, progress).await,
        Command::Export(export) => export::run(&export, progress).await,
        Command::Load(load) => load::run(&load, progress).await,
        Command::Stop(stop) => power::stop(&stop, progress).await,
        Command::Start(start) => power::start(&start, progress).await,
        Command::Node(node) => node::run(&node, progress).await,
        Command::Config(args) => config::run(&args, progress),
        Command::Exec(args) => exec::run(&args, progress).await,
        Command::Prune(args) => prune::run(&args, progress).await,
        Command::Version(args) => version(args.output),
        Command::Completion { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Args::command(), "kipod", &mut script);
            print(&String::from_utf8_lossy(&script))
        }
    }
}

fn version(output: Output) -> Result<u8, Failure> {
    let kipod = env!("CARGO_PKG_VERSION");
    let kubernetes = kipod_images::versions::KUBERNETES;
    let crio = kipod_images::versions::CRIO;
    match output {
        Output::Text => print(&format!(
            "kipod {kipod}\ndefault node image: Kubernetes {kubernetes}, CRI-O {crio}\n"
        )),
        Output::Json => print_json(&serde_json::json!({
            "kipod": kipod,
            "kubernetes": kubernetes,
            "crio": crio,
        })),
    }
}

/// Prints a result. A closed pipe (`kipod get clusters | head -1`) is not a failure.
fn print(text: &str) -> Result<u8, Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(0),
    }
}

fn print_names<'a>(names: impl Iterator<Item = &'a str>) -> Result<u8, Failure> {
    print(&names.map(|name| format!("{name}\n")).collect::<String>())
}

fn print_json(value: &impl serde::Serialize) -> Result<u8, Failure> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Failure::new(format!("cannot print JSON: {error}")))?;
    print(&format!("{text}\n"))
}

/// Formats aligned columns with a heading.
fn table(heading: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([heading[column].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..heading.len()).map(width).collect();
    let line = |cells: Vec<&str>| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("{}\n", padded.collect::<Vec<_>>().join("   ").trim_end())
    };
    let body = rows.iter().map(|row| line(row.iter().map(String::as_str).collect()));
    std::iter::once(line(heading.to_vec())).chain(body).collect()
}
