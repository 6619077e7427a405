//! `kipod export`.

use kipod_engine::kubeconfig::UserKubeconfig;
use kipod_engine::{Event, Events};

use super::print;
use crate::args::{Export, ExportKubeconfigArgs, ExportLogsArgs};
use crate::failure::Failure;
use crate::progress::Progress;
use crate::session::{cluster_name, open};

pub(crate) async fn run(args: &Export, progress: &'static Progress) -> Result<u8, Failure> {
    match args {
        Export::Logs(args) => logs(args, progress).await,
        Export::Kubeconfig(args) => kubeconfig(args, progress),
    }
}

async fn logs(args: &ExportLogsArgs, progress: &'static Progress) -> Result<u8, Failure> {
    let name = cluster_name(Some(&args.name))?;
    let engine = open(progress)?;
    let dir = match &args.dir {
        Some(dir) => dir.clone(),
        None => tempfile::Builder::new().prefix("kipod-logs-").tempdir()?.keep(),
    };
    for missing in engine.export_logs(&name, &dir).await? {
        progress.send(Event::Warning(missing));
    }
    print(&format!("{}\n", dir.display()))
}

fn kubeconfig(args: &ExportKubeconfigArgs, progress: &'static Progress) -> Result<u8, Failure> {
    let name = cluster_name(args.cluster.name())?;
    let cluster = open(progress)?.cluster(&name)?;
    cluster.export_kubeconfig(&UserKubeconfig::from_env(args.kubeconfig.as_deref())?)?;
    progress.send(Event::Note(format!("kubectl context set to `{}`", name.context())));
    Ok(0)
}
