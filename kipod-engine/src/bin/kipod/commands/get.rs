//! `kipod get`.

use std::time::{SystemTime, UNIX_EPOCH};

use kipod_engine::cluster::{ClusterDetails, ClusterSummary, NodeSummary, OpenError};
use kipod_engine::{Error, Event, Events};

use super::{print, print_json, print_names, table};
use crate::args::{Get, GetNodesArgs, ListArgs, ListOutput};
use crate::failure::Failure;
use crate::progress::Progress;
use crate::session::{cluster_name, open};

/// Number of characters of a container's id that Podman shows.
const SHORT_ID: usize = 12;

pub(crate) async fn run(args: &Get, progress: &'static Progress) -> Result<u8, Failure> {
    match args {
        Get::Clusters(list) => clusters(list, progress).await,
        Get::Nodes(args) => nodes(args, progress).await,
        Get::Registries(list) => super::registry::list(list, progress).await,
        Get::Kubeconfig(args) => {
            let cluster = open(progress)?.cluster(&cluster_name(args.cluster.name())?)?;
            print(&match args.internal {
                true => cluster.internal_kubeconfig()?,
                false => cluster.kubeconfig()?,
            })
        }
    }
}

async fn clusters(list: &ListArgs, progress: &'static Progress) -> Result<u8, Failure> {
    let all = open(progress)?.clusters().await?;
    match list.output {
        ListOutput::Json => return print_json(&all),
        ListOutput::Name => return print_names(all.iter().map(|one| one.name.as_str())),
        ListOutput::Text | ListOutput::Wide => {}
    }
    if all.is_empty() {
        progress.send(Event::Note("no clusters found".to_owned()));
        return Ok(0);
    }
    let wide = list.output == ListOutput::Wide;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let rows: Vec<Vec<String>> = all.iter().map(|one| cluster_row(one, wide, now)).collect();
    let mut heading = vec!["NAME", "STATE", "KUBERNETES", "API SERVER"];
    if wide {
        heading.extend([
            "CONTROL PLANES",
            "WORKERS",
            "POD SUBNET",
            "SERVICE SUBNET",
            "SERVICE ADDRESS",
            "AGE",
            "IMAGE",
        ]);
    }
    print(&table(&heading, &rows))
}

fn cluster_row(summary: &ClusterSummary, wide: bool, now: u64) -> Vec<String> {
    let mut row = vec![summary.name.to_string(), summary.state.to_string()];
    let mut detail = |show: &dyn Fn(&ClusterDetails) -> String| {
        row.push(summary.details.as_ref().map(show).unwrap_or_default());
    };
    detail(&|one| one.kubernetes_version.clone());
    detail(&|one| std::net::SocketAddr::new(one.api_address, one.api_port).to_string());
    if wide {
        detail(&|one| one.control_planes.to_string());
        detail(&|one| one.workers.to_string());
        detail(&|one| one.pod_subnet.clone());
        detail(&|one| one.service_subnet.clone());
        detail(&|one| one.service_address.map(|one| one.to_string()).unwrap_or_default());
        detail(&|one| age(now.saturating_sub(one.created.unsigned_abs())));
        detail(&|one| one.image.clone());
    }
    row
}

async fn nodes(args: &GetNodesArgs, progress: &'static Progress) -> Result<u8, Failure> {
    let name = cluster_name(args.cluster.name())?;
    let engine = open(progress)?;
    match engine.cluster(&name) {
        _ if args.all_clusters => {}
        // An incomplete cluster has nodes too.
        Ok(_) | Err(Error::Open(OpenError::Incomplete { .. })) => {}
        Err(error) => return Err(error.into()),
    }
    let cluster = (!args.all_clusters).then_some(&name);
    let all = engine.nodes(cluster).await?;
    let wide = match args.list.output {
        ListOutput::Json => return print_json(&all),
        ListOutput::Name => return print_names(all.iter().map(|node| node.name.as_str())),
        ListOutput::Text => false,
        ListOutput::Wide => true,
    };
    let rows: Vec<Vec<String>> = all.into_iter().map(|node| node_row(node, wide)).collect();
    let mut heading = vec!["NAME", "ROLE", "STATE", "KUBERNETES", "CLUSTER"];
    if wide {
        heading.extend(["ADDRESS", "POD SUBNET", "CONTAINER", "IMAGE"]);
    }
    print(&table(&heading, &rows))
}

fn node_row(node: NodeSummary, wide: bool) -> Vec<String> {
    let (addresses, pod_subnets) = (joined(&node.addresses), joined(&node.pod_subnets));
    let mut row =
        vec![node.name, node.role, node.state.to_string(), node.kubernetes_version, node.cluster];
    if wide {
        let id = node.container_id.chars().take(SHORT_ID).collect();
        row.extend([addresses, pod_subnets, id, node.image]);
    }
    row
}

fn joined(values: &[impl ToString]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// Formats an age as kubectl does.
fn age(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7_200 => format!("{}m", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::age;

    #[test]
    fn ages_are_short() {
        for (seconds, shown) in
            [(0, "0s"), (119, "119s"), (120, "2m"), (7_199, "119m"), (7_200, "2h"), (172_800, "2d")]
        {
            assert_eq!(age(seconds), shown);
        }
    }
}
