//! `kipod delete`.

use std::collections::BTreeSet;

use kipod_engine::cluster;
use kipod_engine::spec::ClusterName;
use kipod_engine::{Event, Events};

use crate::args::Delete;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::session::{Session, cluster_name, cluster_names};

pub(crate) async fn run(args: &Delete, progress: &Progress) -> Result<u8, Failure> {
    match args {
        Delete::Cluster(cluster) => {
            let name = cluster_name(cluster.name())?;
            delete(&Session::open(progress).await?, &[name]).await
        }
        Delete::Registry(registry) => super::registry::delete(registry, progress).await,
        Delete::Clusters(args) if args.all => {
            let session = Session::open(progress).await?;
            let names = all(&session).await?;
            delete(&session, &names).await
        }
        Delete::Clusters(args) => {
            let names = cluster_names(&args.names)?;
            delete(&Session::open(progress).await?, &names).await
        }
    }
}

/// Every cluster that the records or Podman know of.
async fn all(session: &Session<'_>) -> Result<Vec<ClusterName>, Failure> {
    let recorded = cluster::clusters(&session.dirs)?.into_iter().map(|summary| summary.name);
    let in_podman = cluster::names_in_podman(&session.service).await?;
    let names: BTreeSet<String> = recorded.chain(in_podman).map(|name| name.to_string()).collect();
    Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
}

/// Deletes each of them, whatever happens to the others.
async fn delete(session: &Session<'_>, names: &[ClusterName]) -> Result<u8, Failure> {
    let mut failed = Vec::new();
    for name in names {
        match cluster::remove(&session.service, &session.dirs, name).await {
            Ok(true) => session.progress.send(Event::Note(format!("cluster `{name}` is deleted"))),
            Ok(false) => {
                session.progress.send(Event::Note(format!("there is no cluster `{name}`")));
            }
            Err(error) => failed.push(error),
        }
    }
    let mut failed = failed.into_iter();
    match (failed.next(), failed.len()) {
        (None, _) => Ok(0),
        (Some(only), 0) => Err(only.into()),
        (Some(first), _) => {
            let rest = failed.map(|error| format!("\nerror: {error}")).collect::<String>();
            Err(Failure::new(format!("{first}{rest}")))
        }
    }
}
