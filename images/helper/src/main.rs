//! The program inside kipod's nodes.
//!
//! * As `kipod-crun` it is the OCI runtime of CRI-O: see [`shim`]. It runs for every container, so
//!   that path reads two files and replaces itself with crun.
//! * `kipod-node services` is the controller of LoadBalancer Services: see [`services`].
//! * `kipod-node hold` holds connections to the API server until it is ready: see [`hold`].
//! * `kipod-node wait` exits when the API server is ready.

mod health;
mod hold;
mod services;
mod shim;

use std::error::Error;
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

/// The link to this program that CRI-O is configured with.
const SHIM: &str = "kipod-crun";

fn main() -> ExitCode {
    let mut args = std::env::args_os();
    let program = args.next().unwrap_or_default();
    let args: Vec<OsString> = args.collect();
    let error: Box<dyn Error> = if Path::new(&program).ends_with(SHIM) {
        shim::exec(&args).into()
    } else if args == ["services"] {
        services::run().into()
    } else if args == ["hold"] {
        hold::run();
        return ExitCode::SUCCESS;
    } else if args == ["wait"] {
        hold::wait_for_api_server();
        return ExitCode::SUCCESS;
    } else {
        eprintln!("usage: kipod-node services|hold|wait");
        return ExitCode::from(2);
    };
    eprintln!("kipod-node: error: {}", with_causes(error.as_ref()));
    ExitCode::FAILURE
}

/// Returns the message of `error` and of its causes, as one line.
fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
