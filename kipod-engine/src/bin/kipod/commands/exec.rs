//! `kipod exec`.

use std::io::IsTerminal;
use std::os::unix::process::CommandExt;

use kipod_engine::podman::PodmanCli;

use crate::args::ExecArgs;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::session::{cluster_name, open};

/// Replaces the process by `podman exec`, so that terminal, signals and exit status are the command's.
pub(crate) async fn run(args: &ExecArgs, progress: &'static Progress) -> Result<u8, Failure> {
    let name = cluster_name(Some(&args.name))?;
    let node = open(progress)?.node_container(&name, args.node.as_deref())?;
    let terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let words: Vec<&str> = args.command.iter().map(String::as_str).collect();
    let command = PodmanCli::new().exec_interactive(&node, &words, terminal);
    let error = command.to_std().exec();
    Err(Failure::new(format!("cannot run `{}`: {error}", command.program().display())))
}
