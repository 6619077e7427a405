//! `kipod exec`.

use std::io::IsTerminal;
use std::os::unix::process::CommandExt;

use kipod_engine::Dirs;
use kipod_engine::cluster::{Cluster, OpenError};
use kipod_engine::plan::control_plane_name;
use kipod_engine::podman::PodmanCli;

use crate::args::ExecArgs;
use crate::failure::Failure;
use crate::session::cluster_name;

/// Becomes `podman exec`: terminal, signals and exit status are then the command's own.
pub(crate) async fn run(args: &ExecArgs) -> Result<u8, Failure> {
    let name = cluster_name(Some(&args.name))?;
    // A cluster that failed and was retained is not complete, and it is the one to look into.
    let first = match Cluster::open(&Dirs::from_env()?, &name) {
        Ok(cluster) => cluster.record().control_plane(),
        Err(OpenError::Incomplete { .. }) => control_plane_name(&name),
        Err(error) => return Err(error.into()),
    };
    if let Some(node) = args.node.as_deref().filter(|node| !node.starts_with(&format!("{name}-"))) {
        return Err(Failure::new(format!("cluster `{name}` has no node `{node}`"))
            .hint(Some(format!("`kipod get nodes {name}` lists them"))));
    }
    let node = args.node.clone().unwrap_or(first);
    let terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let words: Vec<&str> = args.command.iter().map(String::as_str).collect();
    let command = PodmanCli::new().exec_interactive(&node, &words, terminal);
    let error = std::process::Command::new(command.program()).args(command.arguments()).exec();
    Err(Failure::new(format!("cannot run `{}`: {error}", command.program().display())))
}
