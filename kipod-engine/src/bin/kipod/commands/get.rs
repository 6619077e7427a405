//! `kipod get`.

use kipod_engine::cluster::{self, Cluster, ClusterState};
use kipod_engine::{Dirs, Event, Events};

use super::{print, print_json, table};
use crate::args::{Get, GetNodesArgs, Output, OutputArgs};
use crate::failure::Failure;
use crate::progress::Progress;
use crate::session::{Session, cluster_name};

pub(crate) async fn run(args: &Get, progress: &Progress) -> Result<u8, Failure> {
    match args {
        Get::Clusters(output) => clusters(output, progress),
        Get::Nodes(args) => nodes(args, progress).await,
        Get::Kubeconfig(cluster) => {
            let dirs = Dirs::from_env()?;
            let name = cluster_name(cluster.name())?;
            print(&Cluster::open(&dirs, &name)?.kubeconfig()?)
        }
    }
}

/// Asks the records only: a list must not wait for Podman.
fn clusters(output: &OutputArgs, progress: &Progress) -> Result<u8, Failure> {
    let all = cluster::clusters(&Dirs::from_env()?)?;
    if output.output == Output::Json {
        return print_json(&all);
    }
    if all.is_empty() {
        progress.send(Event::Note("there are no clusters".to_owned()));
        return Ok(0);
    }
    let rows: Vec<Vec<String>> = all
        .iter()
        .map(|summary| {
            let state = match summary.state {
                ClusterState::Created => "created",
                ClusterState::Busy => "busy",
                ClusterState::Broken => "broken",
            };
            let details = summary.details.as_ref();
            vec![
                summary.name.to_string(),
                state.to_owned(),
                details.map(|d| d.kubernetes_version.clone()).unwrap_or_default(),
                details.map(|d| format!("127.0.0.1:{}", d.api_port)).unwrap_or_default(),
            ]
        })
        .collect();
    print(&table(&["NAME", "STATE", "KUBERNETES", "API SERVER"], &rows))
}

async fn nodes(args: &GetNodesArgs, progress: &Progress) -> Result<u8, Failure> {
    let name = cluster_name(args.cluster.name())?;
    let session = Session::open(progress).await?;
    if !args.all_clusters {
        Cluster::open(&session.dirs, &name)?;
    }
    let all = cluster::nodes(&session.service, (!args.all_clusters).then_some(&name)).await?;
    if args.output.output == Output::Json {
        return print_json(&all);
    }
    let rows: Vec<Vec<String>> = all
        .into_iter()
        .map(|node| vec![node.name, node.role, node.state, node.kubernetes_version, node.cluster])
        .collect();
    print(&table(&["NAME", "ROLE", "STATE", "KUBERNETES", "CLUSTER"], &rows))
}
