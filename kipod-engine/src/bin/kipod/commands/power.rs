//! `kipod stop cluster` and `kipod start cluster`.

use kipod_engine::actions::{self, StartRequest};
use kipod_engine::{CancellationToken, Event, Events};

use crate::args::{Start, Stop};
use crate::failure::Failure;
use crate::progress::Progress;
use crate::session::{Session, cluster_name, time_factor, wait};

pub(crate) async fn stop(args: &Stop, progress: &'static Progress) -> Result<u8, Failure> {
    let Stop::Cluster(cluster) = args;
    let name = cluster_name(cluster.name())?;
    let session = Session::open(progress).await?;
    actions::stop(session.context(), &name).await?;
    progress.send(Event::Note(format!("cluster `{name}` is stopped")));
    Ok(0)
}

pub(crate) async fn start(args: &Start, progress: &'static Progress) -> Result<u8, Failure> {
    let Start::Cluster(args) = args;
    let time_factor = time_factor()?;
    let request = StartRequest {
        name: cluster_name(args.cluster.name())?,
        wait: wait(args.wait.as_deref(), time_factor)?,
        time_factor,
        // Who interrupts the wait leaves the nodes as they are.
        cancel: CancellationToken::new(),
    };
    let session = Session::open(progress).await?;
    actions::start(session.context(), &request).await?;
    progress.send(Event::Note(format!("cluster `{}` is started", request.name)));
    Ok(0)
}
