//! Arguments of commands for clusters.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

use super::{BundleArgs, TIMEOUT_FACTOR_HELP};

#[derive(Debug, ClapArgs)]
pub(crate) struct CreateClusterArgs {
    #[command(flatten)]
    pub(crate) cluster: ClusterArg,
    /// Node image
    #[arg(long, value_name = "IMAGE")]
    pub(crate) image: Option<String>,
    /// Use the newest node image of this Kubernetes version, such as `1.35` or `v1.35.6`
    #[arg(long, value_name = "VERSION", conflicts_with = "image")]
    pub(crate) k8s_version: Option<String>,
    /// Time to wait until nodes and DNS are ready, such as `90s` or `5m`; `0s` does not wait
    /// [default: 5m]
    #[arg(long, value_name = "DURATION")]
    pub(crate) wait: Option<String>,
    /// Keep the nodes if creation fails
    #[arg(long)]
    pub(crate) retain: bool,
    /// Kubeconfig file to add the cluster to [default: as kubectl chooses]
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Configuration file of kipod or kind, or `-` for standard input; flags override it
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Number of control plane nodes, an odd number [default: 1]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) control_planes: Option<String>,
    /// Number of worker nodes [default: 0]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) workers: Option<String>,
    /// Host address of the API server [default: 127.0.0.1]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) api_server_address: Option<String>,
    /// Host port of the API server [default: a free one]
    #[arg(long, value_name = "PORT")]
    pub(crate) api_server_port: Option<String>,
    /// Pod subnet [default: 10.244.0.0/16]
    #[arg(long, value_name = "SUBNET")]
    pub(crate) pod_subnet: Option<String>,
    /// Service subnet [default: 10.96.0.0/16]
    #[arg(long, value_name = "SUBNET")]
    pub(crate) service_subnet: Option<String>,
    /// Do not mount your image store into nodes
    ///
    /// By default pods can use every image in your Podman store. Root on a node can then read all of
    /// them.
    #[arg(long)]
    pub(crate) no_host_images: bool,
    /// Image to load at creation; can be repeated
    ///
    /// The image comes from your Podman store, and is pulled into it if it is missing.
    #[arg(long, value_name = "IMAGE")]
    pub(crate) preload: Vec<String>,
    /// File with credentials for image pulls, as `podman login --authfile` writes it
    #[arg(long, value_name = "FILE")]
    pub(crate) registry_auth_file: Option<String>,
    /// Do not use HTTP_PROXY, HTTPS_PROXY and NO_PROXY of the environment in nodes
    #[arg(long)]
    pub(crate) no_host_proxy: bool,
    /// PEM file with certificate authorities that nodes trust; can be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_certificates: Vec<String>,
    /// Let nodes trust the certificate authorities of this host
    #[arg(long)]
    pub(crate) host_ca_certificates: bool,
    /// Install metrics-server for `kubectl top` and autoscalers
    #[arg(long)]
    pub(crate) metrics: bool,
    #[command(flatten)]
    pub(crate) bundle: BundleArgs,
}

/// The cluster of a command.
#[derive(Debug, ClapArgs)]
pub(crate) struct ClusterArg {
    /// Cluster name [default: kipod]
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Cluster name, as in kind
    #[arg(short, long = "name", value_name = "NAME", env = "KIPOD_CLUSTER", hide = true)]
    name_option: Option<String>,
}

impl ClusterArg {
    /// Returns the name, if one was given.
    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref().or(self.name_option.as_deref())
    }
}

#[derive(Debug, ClapArgs)]
pub(crate) struct GetKubeconfigArgs {
    #[command(flatten)]
    pub(crate) cluster: ClusterArg,
    /// Use the address of the API server in the cluster's Podman network, for your other containers
    #[arg(long)]
    pub(crate) internal: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct DeleteClustersArgs {
    /// All clusters
    #[arg(short = 'A', long, conflicts_with = "names", required_unless_present = "names")]
    pub(crate) all: bool,
    /// Cluster names
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Stop {
    /// Stop all nodes of a cluster; state, addresses and port are kept
    Cluster(ClusterArg),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Start {
    /// Start all nodes of a cluster and wait until it is ready
    #[command(after_long_help = TIMEOUT_FACTOR_HELP)]
    Cluster(StartClusterArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct StartClusterArgs {
    #[command(flatten)]
    pub(crate) cluster: ClusterArg,
    /// Time to wait until nodes and DNS are ready; `0s` does not wait [default: 5m]
    #[arg(long, value_name = "DURATION")]
    pub(crate) wait: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Export {
    /// Write the logs of a cluster's nodes and pods to a directory
    Logs(ExportLogsArgs),
    /// Add a cluster to your kubeconfig
    Kubeconfig(ExportKubeconfigArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ExportLogsArgs {
    /// Directory [default: a new temporary directory]
    #[arg(value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Cluster name
    #[arg(short, long, env = "KIPOD_CLUSTER", default_value = "kipod")]
    pub(crate) name: String,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ExportKubeconfigArgs {
    #[command(flatten)]
    pub(crate) cluster: ClusterArg,
    /// Kubeconfig file [default: as kubectl chooses]
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
}
