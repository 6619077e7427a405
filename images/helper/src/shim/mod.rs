//! The OCI runtime that CRI-O calls inside a kipod node. It makes a container's configuration fit a
//! rootless node, then replaces itself with crun.
//!
//! CRI-O configures two things that a user namespace cannot have, and crun refuses the complete
//! container because of either:
//!
//! * an OOM score below the node's own: only root of the host may lower it;
//! * limits of a cgroup controller that the host did not delegate.
//!
//! The features that the shim reports exclude those that a rootless node does not have.
//!
//! A container that needs the API server is held back until the API server is ready: see [`wait`].
//!
//! The cgroup path stays as it is, so that pods stay below `kubepods` and keep their metrics.

mod spec;
#[cfg(test)]
mod tests;
mod wait;

use std::convert::Infallible;
use std::ffi::OsString;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use spec::{File, Node, SpecError};

/// The OCI runtime behind the shim.
const RUNTIME: &str = "/usr/local/bin/crun";

/// A container that could not be started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ShimError {
    #[error("failed to read `{}`", .path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("`{}` is not valid JSON", .path.display())]
    Parse { path: PathBuf, source: serde_json::Error },
    #[error("`{}` is not a valid OCI configuration", .path.display())]
    Spec { path: PathBuf, source: SpecError },
    #[error("failed to write `{}`", .path.display())]
    Write { path: PathBuf, source: std::io::Error },
    #[error("failed to run `{RUNTIME}`")]
    Exec(#[source] std::io::Error),
    #[error("`{RUNTIME} features` did not print valid JSON")]
    Features(#[source] serde_json::Error),
    #[error("failed to write to standard output")]
    Print(#[source] std::io::Error),
}

/// Edits the file that the runtime call names, and replaces this process with crun. Returns only
/// when that fails.
pub(crate) fn exec(args: &[OsString]) -> ShimError {
    let Err(error) = edit_and_exec(args);
    error
}

fn edit_and_exec(args: &[OsString]) -> Result<Infallible, ShimError> {
    let words: Vec<&str> = args.iter().filter_map(|arg| arg.to_str()).collect();
    if spec::command(&words) == Some("features") {
        return print_features(args);
    }
    match spec::file_to_edit(&words) {
        Some(File::Container(path)) => edit(&path, |config, node| {
            wait::address(config).into_iter().for_each(wait::until_ready);
            spec::fit_container(config, node)
        })?,
        Some(File::Process(path)) => edit(&path, spec::fit_process)?,
        None => {}
    }
    Err(ShimError::Exec(Command::new(RUNTIME).args(args).exec()))
}

/// Prints the features of crun that this node has, and exits with crun's status.
fn print_features(args: &[OsString]) -> Result<Infallible, ShimError> {
    let mut crun = Command::new(RUNTIME);
    let output = crun.args(args).stderr(Stdio::inherit()).output().map_err(ShimError::Exec)?;
    if !output.status.success() {
        std::process::exit(output.status.code().unwrap_or(1));
    }
    let mut features = serde_json::from_slice(&output.stdout).map_err(ShimError::Features)?;
    spec::without_id_mapped_mounts(&mut features);
    writeln!(std::io::stdout(), "{features}").map_err(ShimError::Print)?;
    std::process::exit(0)
}

fn edit(
    path: &Path,
    fit: impl Fn(&mut Value, &Node) -> Result<(), SpecError>,
) -> Result<(), ShimError> {
    let name = || path.to_owned();
    let text = std::fs::read(path).map_err(|source| ShimError::Read { path: name(), source })?;
    let found: Value = serde_json::from_slice(&text)
        .map_err(|source| ShimError::Parse { path: name(), source })?;
    let mut fitted = found.clone();
    fit(&mut fitted, &Node::read()).map_err(|source| ShimError::Spec { path: name(), source })?;
    if fitted != found {
        std::fs::write(path, fitted.to_string())
            .map_err(|source| ShimError::Write { path: name(), source })?;
    }
    Ok(())
}
