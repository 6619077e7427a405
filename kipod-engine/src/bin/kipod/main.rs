//! The `kipod` command: arguments, exit codes and rendering. The engine does the work.

mod args;
mod commands;
mod failure;
mod progress;
mod session;

use failure::Failure;

fn main() -> std::process::ExitCode {
    let args = args::Args::parse_with_environment();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Failure::new(format!("cannot start: {error}")).report(),
    };
    let done = runtime.block_on(commands::run(args));
    // A thread that is blocked on a hung file system must not delay the exit.
    runtime.shutdown_background();
    match done {
        Ok(code) => std::process::ExitCode::from(code),
        Err(failure) => failure.report(),
    }
}
