//! `kipod delete`.

use kipod_engine::{ClusterName, Engine, Event, Events};

use crate::args::Delete;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::session::{cluster_name, cluster_names, open};

pub(crate) async fn run(args: &Delete, progress: &'static Progress) -> Result<u8, Failure> {
    let engine = open(progress)?;
    let names = match args {
        Delete::Registry(registry) => return super::registry::delete(registry, progress).await,
        Delete::Cluster(cluster) => vec![cluster_name(cluster.name())?],
        Delete::Clusters(args) if args.all => engine.cluster_names().await?,
        Delete::Clusters(args) => cluster_names(&args.names)?,
    };
    delete(&engine, &names, progress).await
}

/// Deletes all clusters, and reports every failure.
async fn delete(
    engine: &Engine,
    names: &[ClusterName],
    progress: &Progress,
) -> Result<u8, Failure> {
    let mut failures = Vec::new();
    for name in names {
        match engine.delete(name).await {
            Ok(true) => progress.send(Event::Note(format!("cluster `{name}` deleted"))),
            Ok(false) => progress.send(Event::Note(format!("cluster `{name}` not found"))),
            Err(error) => failures.push(Failure::from(error)),
        }
    }
    let mut failures = failures.into_iter();
    failures.next().map_or(Ok(0), |first| Err(first.and(failures)))
}
