//! What can be typed. Nothing here acts.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

/// Real Kubernetes clusters in rootless Podman containers, with CRI-O and kubeadm.
#[derive(Debug, Parser)]
#[command(name = "kipod", disable_version_flag = true, infer_subcommands = false)]
pub(crate) struct Args {
    /// Say more: details of what is done
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub(crate) verbose: bool,
    /// Say nothing but errors
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Say whether clusters can run on this machine, and what to change
    ///
    /// Exit status: 0 usable, 3 usable with warnings, 1 unusable.
    Check(CheckArgs),
    /// Build a node image
    #[command(subcommand)]
    Build(Build),
    /// Create a cluster or a registry
    #[command(subcommand)]
    Create(Create),
    /// Delete clusters and registries
    #[command(subcommand)]
    Delete(Delete),
    /// List clusters, nodes and registries, print a kubeconfig
    #[command(subcommand)]
    Get(Get),
    /// Write a cluster's logs, or its entry in your kubeconfig
    #[command(subcommand)]
    Export(Export),
    /// Load images into a cluster
    #[command(subcommand)]
    Load(Load),
    /// Stop what runs
    #[command(subcommand)]
    Stop(Stop),
    /// Start what was stopped
    #[command(subcommand)]
    Start(Start),
    /// Add nodes to a cluster, or do something to one of its nodes
    #[command(subcommand)]
    Node(Node),
    /// Check, print and convert configuration files
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Run a command inside a node
    Exec(ExecArgs),
    /// Remove what belongs to nobody
    ///
    /// Clusters that tests made and no test uses; clusters whose creation or deletion was cut off, and
    /// nodes whose addition or removal was; containers, volumes and networks of clusters without a
    /// record; volumes and networks of registries without a container; what was unpacked for loads that
    /// were cut off; image stores that no node image needs; locks that nobody holds. What is in use is
    /// left alone.
    Prune(PruneArgs),
    /// Print kipod's version
    Version(OutputArgs),
    /// Print a shell's completion script
    Completion {
        /// The shell
        shell: Shell,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    /// The node image to look for
    #[arg(long, default_value = kipod_engine::node_image::DEFAULT_IMAGE)]
    pub(crate) image: String,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct OutputArgs {
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: Output,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}

/// How a list is printed.
#[derive(Debug, ClapArgs)]
pub(crate) struct ListArgs {
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: ListOutput,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListOutput {
    /// For people
    #[default]
    Text,
    /// For people, with more columns
    Wide,
    /// Names alone, one a line
    Name,
    /// For programs
    Json,
}

/// Where a component bundle comes from.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct BundleArgs {
    /// A local component bundle, in place of a download
    #[arg(long, env = "KIPOD_COMPONENTS", value_name = "DIR")]
    pub(crate) components: Option<PathBuf>,
    /// A server with upstream's releases in upstream's layout
    #[arg(long, env = "KIPOD_MIRROR", value_name = "URL")]
    pub(crate) mirror: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Build {
    /// Build the image that nodes are made of, and the image store that goes with it
    NodeImage(BuildNodeImageArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct BuildNodeImageArgs {
    /// The Kubernetes version: `v1.36.2`, `1.36` for its newest, or `stable` [default: the one
    /// that kipod pins]
    #[arg(long, value_name = "VERSION")]
    pub(crate) k8s_version: Option<String>,
    /// The CRI-O version [default: the newest of the same minor version]
    #[arg(long, value_name = "VERSION")]
    pub(crate) crio_version: Option<String>,
    /// The image's name
    #[arg(long, value_name = "NAME", default_value = "localhost/kipod-node")]
    pub(crate) image_name: String,
    /// The image's tag [default: `latest`, and with `--k8s-version` the version, as `v1.36.2`]
    #[arg(long, value_name = "TAG")]
    pub(crate) image_tag: Option<String>,
    /// The base: `debian`, `fedora`, or any image's reference [default: the bundle's own, or
    /// Debian]
    #[arg(long, value_name = "IMAGE")]
    pub(crate) base_image: Option<String>,
    #[command(flatten)]
    pub(crate) bundle: BundleArgs,
}

const TIMEOUT_FACTOR_HELP: &str = "\
Environment:
  KIPOD_TIMEOUT_FACTOR
          What kipod's and kubeadm's own time limits, and the default of `--wait`, are multiplied
          by on a slow machine: a number from 0.1 to 1000, about 10 under emulation. Above 1 the
          cluster also works less while nothing happens, its API server takes more memory, and where
          there is one control plane the rest of it starts when its API server is ready [default: 1]";

#[derive(Debug, Subcommand)]
pub(crate) enum Create {
    /// Create a cluster
    #[command(after_long_help = TIMEOUT_FACTOR_HELP)]
    Cluster(Box<CreateClusterArgs>),
    /// Create a registry on this machine that the nodes of all your clusters pull from
    ///
    /// You push to `localhost:PORT`, and pods use the same name. It stays until you delete it, whatever
    /// happens to clusters. One of that name that is there already is started if it does not run.
    Registry(CreateRegistryArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct CreateRegistryArgs {
    #[command(flatten)]
    pub(crate) registry: RegistryArg,
    /// The host's port; 0 is any that is free
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub(crate) port: u16,
    /// The registry's image [default: docker.io/library/registry:3]
    #[arg(long, value_name = "IMAGE")]
    pub(crate) image: Option<String>,
}

/// The registry a command is about.
#[derive(Debug, ClapArgs)]
pub(crate) struct RegistryArg {
    /// The registry's name [default: kipod-registry]
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// The same
    #[arg(short, long = "name", value_name = "NAME", hide = true, conflicts_with = "name")]
    name_option: Option<String>,
}

impl RegistryArg {
    /// What was typed.
    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref().or(self.name_option.as_deref())
    }
}

#[derive(Debug, ClapArgs)]
pub(crate) struct CreateClusterArgs {
    #[command(flatten)]
    pub(crate) cluster: ClusterArg,
    /// The node image
    #[arg(long, value_name = "IMAGE")]
    pub(crate) image: Option<String>,
    /// The newest node image of this Kubernetes version, such as `1.35` or `v1.35.6`
    #[arg(long, value_name = "VERSION", conflicts_with = "image")]
    pub(crate) k8s_version: Option<String>,
    /// How long to wait until node and DNS are ready, such as `90s` or `5m`; `0s` does not wait
    /// [default: 5m]
    #[arg(long, value_name = "DURATION")]
    pub(crate) wait: Option<String>,
    /// Keep the nodes when creation fails
    #[arg(long)]
    pub(crate) retain: bool,
    /// The kubeconfig file to add the cluster to [default: as kubectl chooses]
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// A configuration file of kipod or of kind, or `-` for standard input; what flags say wins
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// How many control plane nodes: an odd number [default: 1]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) control_planes: Option<String>,
    /// How many worker nodes [default: 0]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) workers: Option<String>,
    /// The host's address for the API server [default: 127.0.0.1]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) api_server_address: Option<String>,
    /// The host's port for the API server [default: any that is free]
    #[arg(long, value_name = "PORT")]
    pub(crate) api_server_port: Option<String>,
    /// The addresses of pods [default: 10.244.0.0/16]
    #[arg(long, value_name = "SUBNET")]
    pub(crate) pod_subnet: Option<String>,
    /// The addresses of Services [default: 10.96.0.0/16]
    #[arg(long, value_name = "SUBNET")]
    pub(crate) service_subnet: Option<String>,
    /// Do not show your own images to the cluster
    ///
    /// By default every image in your Podman store can be used by pods at once. Who is root on a
    /// node can then read all of them.
    #[arg(long)]
    pub(crate) no_host_images: bool,
    /// An image that the cluster has from the start; may be given several times
    ///
    /// It comes from your own Podman store, into which it is pulled if it is missing.
    #[arg(long, value_name = "IMAGE")]
    pub(crate) preload: Vec<String>,
    /// The file with the credentials that nodes pull images with, as `podman login --authfile` writes it
    #[arg(long, value_name = "FILE")]
    pub(crate) registry_auth_file: Option<String>,
    /// Install metrics-server, for `kubectl top` and autoscalers
    #[arg(long)]
    pub(crate) metrics: bool,
    #[command(flatten)]
    pub(crate) bundle: BundleArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print a cluster's whole configuration, defaults included, in kipod's format
    Print {
        /// A configuration file of kipod or of kind, or `-` for standard input [default: none, for
        /// the default cluster]
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Check a configuration file of kipod or of kind
    ///
    /// Exit status: 0 good, 2 with faults.
    Validate {
        /// The file, or `-` for standard input
        file: PathBuf,
    },
    /// Print a configuration file of kind in kipod's format
    Migrate {
        /// The file, or `-` for standard input
        file: PathBuf,
    },
    /// Print the JSON schema of kipod's format, for editors
    Schema,
}

/// The cluster a command is about.
#[derive(Debug, ClapArgs)]
pub(crate) struct ClusterArg {
    /// The cluster's name [default: kipod]
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// The same, as kind has it
    #[arg(short, long = "name", value_name = "NAME", env = "KIPOD_CLUSTER", hide = true)]
    name_option: Option<String>,
}

impl ClusterArg {
    /// What was typed.
    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref().or(self.name_option.as_deref())
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Delete {
    /// Delete a cluster, whatever state it is in; one that is not there is no failure
    Cluster(ClusterArg),
    /// Delete several clusters
    Clusters(DeleteClustersArgs),
    /// Delete a registry with all that was pushed to it; one that is not there is no failure
    Registry(RegistryArg),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct DeleteClustersArgs {
    /// Every cluster of yours
    #[arg(short = 'A', long, conflicts_with = "names", required_unless_present = "names")]
    pub(crate) all: bool,
    /// Their names
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Get {
    /// List your clusters
    Clusters(ListArgs),
    /// List the nodes of a cluster
    Nodes(GetNodesArgs),
    /// Print a cluster's kubeconfig
    Kubeconfig(ClusterArg),
    /// List your registries
    Registries(ListArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct GetNodesArgs {
    #[command(flatten)]
    pub(crate) cluster: ClusterArg,
    /// The nodes of all your clusters
    #[arg(short = 'A', long)]
    pub(crate) all_clusters: bool,
    #[command(flatten)]
    pub(crate) list: ListArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Load {
    /// Load images of your own Podman store
    ///
    /// Nodes see your own store already, unless the cluster was created with `--no-host-images`: then
    /// there is nothing to do, which is said. Otherwise the images are copied once, for all nodes.
    #[command(visible_alias = "docker-image")]
    Image(LoadImageArgs),
    /// Load all images of an archive: of `podman save`, `docker save`, or an OCI archive
    ImageArchive(LoadArchiveArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct LoadImageArgs {
    /// Their names or ids
    #[arg(required = true, value_name = "IMAGE")]
    pub(crate) images: Vec<String>,
    #[command(flatten)]
    pub(crate) into: LoadArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct LoadArchiveArgs {
    /// The file, or `-` for standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) into: LoadArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct LoadArgs {
    /// The cluster's name
    #[arg(short, long, env = "KIPOD_CLUSTER", default_value = "kipod")]
    pub(crate) name: String,
    /// The nodes that have to have the images, with commas between them [default: all]
    ///
    /// All nodes of a cluster share what is loaded, so the others have them too.
    #[arg(long, value_name = "NODE", value_delimiter = ',')]
    pub(crate) nodes: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Stop {
    /// Stop all nodes of a cluster; its state, addresses and port stay its own
    Cluster(ClusterArg),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Start {
    /// Start all nodes of a cluster, and wait until it is ready again
    #[command(after_long_help = TIMEOUT_FACTOR_HELP)]
    Cluster(StartClusterArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct StartClusterArgs {
    #[command(flatten)]
    pub(crate) cluster: ClusterArg,
    /// How long to wait until nodes and DNS are ready; `0s` does not wait [default: 5m]
    #[arg(long, value_name = "DURATION")]
    pub(crate) wait: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Node {
    /// Add a node
    #[command(after_long_help = TIMEOUT_FACTOR_HELP)]
    Add(AddNodeArgs),
    /// Move a node's pods away, and remove it
    Delete(NodeArgs),
    /// Stop a node; its state stays
    Stop(NodeArgs),
    /// Start a node that was stopped
    Start(NodeArgs),
    /// Freeze every process of a node
    Pause(NodeArgs),
    /// Let a frozen node go on
    Unpause(NodeArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct AddNodeArgs {
    /// The cluster's name
    #[arg(short, long, env = "KIPOD_CLUSTER", default_value = "kipod")]
    pub(crate) name: String,
    /// What the node does: `worker`, or `control-plane` where there are several already
    #[arg(long, value_name = "ROLE", default_value = "worker")]
    pub(crate) role: String,
    /// Its node image [default: the cluster's]
    #[arg(long, value_name = "IMAGE")]
    pub(crate) image: Option<String>,
    /// How long to wait until it is ready; `0s` waits for kubeadm alone [default: 5m]
    #[arg(long, value_name = "DURATION")]
    pub(crate) wait: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct NodeArgs {
    /// The node's name, as `kipod get nodes` lists it
    #[arg(value_name = "NODE")]
    pub(crate) node: String,
    /// The cluster's name
    #[arg(short, long, env = "KIPOD_CLUSTER", default_value = "kipod")]
    pub(crate) name: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Export {
    /// Write the logs of a cluster's nodes and pods into a folder
    Logs(ExportLogsArgs),
    /// Add a cluster to your kubeconfig
    Kubeconfig(ExportKubeconfigArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ExportLogsArgs {
    /// The folder [default: a new one below the folder for temporary files]
    #[arg(value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// The cluster's name
    #[arg(short, long, env = "KIPOD_CLUSTER", default_value = "kipod")]
    pub(crate) name: String,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ExportKubeconfigArgs {
    #[command(flatten)]
    pub(crate) cluster: ClusterArg,
    /// The kubeconfig file [default: as kubectl chooses]
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct PruneArgs {
    /// Say what would go, and remove nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ExecArgs {
    /// The cluster's name
    #[arg(short, long, env = "KIPOD_CLUSTER", default_value = "kipod")]
    pub(crate) name: String,
    /// The node's name [default: the first control plane]
    #[arg(long)]
    pub(crate) node: Option<String>,
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_grammar_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_cluster_is_named_either_way() {
        for words in [
            ["kipod", "create", "cluster", "dev"].as_slice(),
            &["kipod", "create", "cluster", "--name", "dev"],
        ] {
            let Command::Create(Create::Cluster(args)) = Args::parse_from(words).command else {
                panic!("another command");
            };
            assert_eq!(args.cluster.name(), Some("dev"));
        }
    }

    #[test]
    fn what_follows_exec_is_left_alone() {
        let args = Args::parse_from(["kipod", "exec", "--name", "dev", "ls", "-l", "--quiet"]);
        let Command::Exec(exec) = args.command else { panic!("another command") };
        assert_eq!(exec.command, ["ls", "-l", "--quiet"]);
        assert!(!args.quiet);
    }
}
