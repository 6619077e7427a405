//! Arguments of commands for nodes.

use clap::{Args as ClapArgs, Subcommand};

use super::{ClusterArg, ListArgs, TIMEOUT_FACTOR_HELP};

#[derive(Debug, ClapArgs)]
pub(crate) struct GetNodesArgs {
    #[command(flatten)]
    pub(crate) cluster: ClusterArg,
    /// List the nodes of all clusters
    #[arg(short = 'A', long)]
    pub(crate) all_clusters: bool,
    #[command(flatten)]
    pub(crate) list: ListArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Node {
    /// Add a node
    #[command(after_long_help = TIMEOUT_FACTOR_HELP)]
    Add(AddNodeArgs),
    /// Drain a node and remove it
    Delete(NodeArgs),
    /// Stop a node; its state is kept
    Stop(NodeArgs),
    /// Start a stopped node
    Start(NodeArgs),
    /// Freeze every process of a node
    Pause(NodeArgs),
    /// Resume a paused node
    Unpause(NodeArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct AddNodeArgs {
    /// Cluster name
    #[arg(short, long, env = "KIPOD_CLUSTER", default_value = "kipod")]
    pub(crate) name: String,
    /// Role: `worker`, or `control-plane` in a cluster with several control planes
    #[arg(long, value_name = "ROLE", default_value = "worker")]
    pub(crate) role: String,
    /// Node image [default: the cluster's]
    #[arg(long, value_name = "IMAGE")]
    pub(crate) image: Option<String>,
    /// Time to wait until the node is ready; `0s` waits for kubeadm only [default: 5m]
    #[arg(long, value_name = "DURATION")]
    pub(crate) wait: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct NodeArgs {
    /// Node name, as `kipod get nodes` prints it
    #[arg(value_name = "NODE")]
    pub(crate) node: String,
    /// Cluster name
    #[arg(short, long, env = "KIPOD_CLUSTER", default_value = "kipod")]
    pub(crate) name: String,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ExecArgs {
    /// Cluster name
    #[arg(short, long, env = "KIPOD_CLUSTER", default_value = "kipod")]
    pub(crate) name: String,
    /// Node name [default: the first control plane]
    #[arg(long)]
    pub(crate) node: Option<String>,
    /// Command and arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}
