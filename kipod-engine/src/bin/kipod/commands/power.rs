//! `kipod stop cluster` and `kipod start cluster`.

use kipod_engine::{Event, Events};

use crate::args::{Start, Stop};
use crate::failure::Failure;
use crate::progress::Progress;
use crate::session::{cluster_name, open, wait};

pub(crate) async fn stop(args: &Stop, progress: &'static Progress) -> Result<u8, Failure> {
    let Stop::Cluster(cluster) = args;
    let name = cluster_name(cluster.name())?;
    open(progress)?.cluster(&name)?.stop().await?;
    progress.send(Event::Note(format!("cluster `{name}` stopped")));
    Ok(0)
}

pub(crate) async fn start(args: &Start, progress: &'static Progress) -> Result<u8, Failure> {
    let Start::Cluster(args) = args;
    let name = cluster_name(args.cluster.name())?;
    let wait = wait(args.wait.as_deref())?;
    // Not cancellable: an interrupted wait leaves the nodes running.
    let mut start = open(progress)?.cluster(&name)?.start();
    if let Some(wait) = wait {
        start = start.wait(wait);
    }
    start.await?;
    progress.send(Event::Note(format!("cluster `{name}` started")));
    Ok(0)
}
