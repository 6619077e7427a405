//! `kipod export`.

use kipod_engine::cluster::{self, Cluster};
use kipod_engine::kubeconfig::UserKubeconfig;
use kipod_engine::{Dirs, Event, Events};

use super::print;
use crate::args::{Export, ExportKubeconfigArgs, ExportLogsArgs};
use crate::failure::Failure;
use crate::progress::Progress;
use crate::session::{Session, cluster_name};

pub(crate) async fn run(args: &Export, progress: &Progress) -> Result<u8, Failure> {
    match args {
        Export::Logs(args) => logs(args, progress).await,
        Export::Kubeconfig(args) => kubeconfig(args, progress),
    }
}

async fn logs(args: &ExportLogsArgs, progress: &Progress) -> Result<u8, Failure> {
    let name = cluster_name(Some(&args.name))?;
    let session = Session::open(progress).await?;
    let dir = match &args.dir {
        Some(dir) => dir.clone(),
        None => tempfile::Builder::new().prefix("kipod-logs-").tempdir()?.keep(),
    };
    let missing = cluster::export_logs(&session.service, &session.dirs, &name, &dir).await?;
    for what in missing {
        progress.send(Event::Warning(what));
    }
    print(&format!("{}\n", dir.display()))
}

fn kubeconfig(args: &ExportKubeconfigArgs, progress: &Progress) -> Result<u8, Failure> {
    let name = cluster_name(args.cluster.name())?;
    let dirs = Dirs::from_env()?;
    let cluster = Cluster::open(&dirs, &name)?;
    let user = UserKubeconfig::from_env(args.kubeconfig.as_deref())?;
    cluster.export_kubeconfig(&dirs, &user)?;
    progress.send(Event::Note(format!("kubectl's context is `{}` now", name.context())));
    Ok(0)
}
