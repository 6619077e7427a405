//! The `kipod` command: words, flags, exit codes and progress. All work is the engine's.

mod args;
mod commands;
mod failure;
mod progress;
mod session;

use clap::Parser;

use failure::Failure;

fn main() -> std::process::ExitCode {
    let args = args::Args::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Failure::new(format!("cannot start: {error}")).report(),
    };
    let done = runtime.block_on(commands::run(args));
    // What is still blocked (a file system that does not answer) must not keep the user waiting.
    runtime.shutdown_background();
    match done {
        Ok(code) => std::process::ExitCode::from(code),
        Err(failure) => failure.report(),
    }
}
