//! The OCI runtime that CRI-O calls inside a kipod node: it makes a container's description fit a
//! node that is itself rootless, then becomes crun.
//!
//! Two things in what CRI-O asks for cannot be had in a user namespace, and crun refuses the whole
//! container over either:
//!
//! * an OOM score below the node's own (the kernel lets nobody but real root lower it);
//! * limits of a cgroup controller that the host did not delegate.
//!
//! A container that cannot work yet is held back: see `wait`.
//!
//! The cgroup path is left as it is, so that pods stay below `kubepods` and keep their metrics.
//! Nothing here depends on a crate: the program is one `rustc` call and runs for every container.

mod json;
mod spec;
mod wait;

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

/// The real runtime.
const RUNTIME: &str = "/usr/local/bin/crun";

fn main() -> ExitCode {
    let args: Vec<std::ffi::OsString> = std::env::args_os().skip(1).collect();
    let words: Vec<&str> = args.iter().filter_map(|arg| arg.to_str()).collect();
    let node = spec::Node::read();
    let edited = match spec::file_to_edit(&words) {
        Some(spec::File::Container(path)) => edit(&path, |text| {
            wait::address(text)?.into_iter().for_each(wait::until_ready);
            spec::fit_container(text, &node)
        }),
        Some(spec::File::Process(path)) => edit(&path, |text| spec::fit_process(text, &node)),
        None => Ok(()),
    };
    if let Err(message) = edited {
        eprintln!("kipod's runtime shim: {message}");
        return ExitCode::FAILURE;
    }
    // Comes back only where crun could not be started.
    let error = Command::new(RUNTIME).args(&args).exec();
    eprintln!("kipod's runtime shim: cannot run `{RUNTIME}`: {error}");
    ExitCode::FAILURE
}

fn edit(path: &Path, fit: impl Fn(&str) -> Result<String, String>) -> Result<(), String> {
    let name = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| format!("`{name}`: {error}"))?;
    let fitted = fit(&text).map_err(|error| format!("`{name}`: {error}"))?;
    if fitted != text {
        std::fs::write(path, fitted).map_err(|error| format!("`{name}`: {error}"))?;
    }
    Ok(())
}
