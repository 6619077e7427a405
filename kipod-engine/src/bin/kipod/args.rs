//! Command-line arguments. Nothing here acts.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use kipod_engine::NodeImageSource;

/// Real Kubernetes clusters in rootless Podman containers, with CRI-O and kubeadm.
#[derive(Debug, Parser)]
#[command(name = "kipod", version, infer_subcommands = false)]
pub(crate) struct Args {
    /// Print details
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub(crate) verbose: bool,
    /// Print errors and warnings only
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check whether this machine can run clusters, and print remedies
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
    /// Export a cluster's logs or its kubeconfig entry
    #[command(subcommand)]
    Export(Export),
    /// Load images into a cluster
    #[command(subcommand)]
    Load(Load),
    /// Stop clusters
    #[command(subcommand)]
    Stop(Stop),
    /// Start stopped clusters
    #[command(subcommand)]
    Start(Start),
    /// Add, delete, stop, start, pause and unpause nodes
    #[command(subcommand)]
    Node(Node),
    /// Validate, print and convert configuration files
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Run a command inside a node
    Exec(ExecArgs),
    /// Remove orphaned resources
    ///
    /// These are: clusters of tests that no test uses; clusters and nodes whose creation or deletion
    /// was interrupted; containers, volumes and networks of clusters without a record; volumes and
    /// networks of registries without a container; files of interrupted image loads; image stores
    /// without a node image; stale locks. Resources in use are kept.
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
    /// Node image to look for
    #[arg(long, default_value = kipod_engine::node_image::DEFAULT_IMAGE)]
    pub(crate) image: String,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct OutputArgs {
    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: Output,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// Human-readable text
    #[default]
    Text,
    /// JSON
    Json,
}

/// Output of lists.
#[derive(Debug, ClapArgs)]
pub(crate) struct ListArgs {
    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: ListOutput,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListOutput {
    /// Human-readable text
    #[default]
    Text,
    /// Text with more columns
    Wide,
    /// Names only, one per line
    Name,
    /// JSON
    Json,
}

/// Source of the component bundle.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct BundleArgs {
    /// Local component bundle to use instead of a download
    #[arg(long, env = "KIPOD_COMPONENTS", value_name = "DIR")]
    pub(crate) components: Option<PathBuf>,
    /// Server with upstream's releases in upstream's layout
    #[arg(long, env = "KIPOD_MIRROR", value_name = "URL")]
    pub(crate) mirror: Option<String>,
}

impl BundleArgs {
    /// Returns the source of node images. An empty value counts as not set.
    pub(crate) fn source(&self) -> NodeImageSource {
        let mut source = NodeImageSource::default();
        source.components = self.components.clone().filter(|dir| !dir.as_os_str().is_empty());
        source.mirror = self.mirror.clone().filter(|url| !url.is_empty());
        source
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Build {
    /// Build the node image and its image store
    NodeImage(BuildNodeImageArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct BuildNodeImageArgs {
    /// Kubernetes version: `v1.36.2`, `1.36` for its newest patch release, or `stable` [default: the
    /// version that kipod pins]
    #[arg(long, value_name = "VERSION")]
    pub(crate) k8s_version: Option<String>,
    /// CRI-O version [default: the newest of the same minor version]
    #[arg(long, value_name = "VERSION")]
    pub(crate) crio_version: Option<String>,
    /// Image name
    #[arg(long, value_name = "NAME", default_value = "localhost/kipod-node")]
    pub(crate) image_name: String,
    /// Image tag [default: `latest`; with `--k8s-version` the version, such as `v1.36.2`]
    #[arg(long, value_name = "TAG")]
    pub(crate) image_tag: Option<String>,
    /// Base image: `debian`, `fedora` or a reference [default: the bundle's own, or Debian]
    #[arg(long, value_name = "IMAGE")]
    pub(crate) base_image: Option<String>,
    #[command(flatten)]
    pub(crate) bundle: BundleArgs,
}

const TIMEOUT_FACTOR_HELP: &str = "\
Environment:
  KIPOD_TIMEOUT_FACTOR
          Factor of kipod's and kubeadm's own timeouts and of the default of `--wait`, for slow
          machines: a number from 0.1 to 1000, about 10 under emulation. Above 1 the cluster also
          polls less often, its API server uses more memory, and a single control plane starts its
          controllers after its API server is ready [default: 1]";

#[derive(Debug, Subcommand)]
pub(crate) enum Create {
    /// Create a cluster
    #[command(after_long_help = TIMEOUT_FACTOR_HELP)]
    Cluster(Box<CreateClusterArgs>),
    /// Create a registry on this machine that the nodes of all your clusters pull from
    ///
    /// Push to `localhost:PORT`; pods use the same name. The registry stays until you delete it. An
    /// existing registry of that name is started if it is stopped.
    Registry(CreateRegistryArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct CreateRegistryArgs {
    #[command(flatten)]
    pub(crate) registry: RegistryArg,
    /// Port on the host; 0 chooses a free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub(crate) port: u16,
    /// Registry image [default: docker.io/library/registry:3]
    #[arg(long, value_name = "IMAGE")]
    pub(crate) image: Option<String>,
}

/// The registry of a command.
#[derive(Debug, ClapArgs)]
pub(crate) struct RegistryArg {
    /// Registry name [default: kipod-registry]
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Registry name
    #[arg(short, long = "name", value_name = "NAME", hide = true, conflicts_with = "name")]
    name_option: Option<String>,
}

impl RegistryArg {
    /// Returns the name, if one was given.
    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref().or(self.name_option.as_deref())
    }
}

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
    /// Install metrics-server for `kubectl top` and autoscalers
    #[arg(long)]
    pub(crate) metrics: bool,
    #[command(flatten)]
    pub(crate) bundle: BundleArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print a complete configuration with defaults in kipod's format
    Print {
        /// Configuration file of kipod or kind, or `-` for standard input [default: none, for the
        /// default cluster]
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Validate a configuration file of kipod or kind
    ///
    /// Exit status: 0 valid, 2 invalid.
    Validate {
        /// File, or `-` for standard input
        file: PathBuf,
    },
    /// Convert a configuration file of kind to kipod's format
    Migrate {
        /// File, or `-` for standard input
        file: PathBuf,
    },
    /// Print the JSON schema of kipod's format, for editors
    Schema,
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

#[derive(Debug, Subcommand)]
pub(crate) enum Delete {
    /// Delete a cluster in any state; a missing cluster is not an error
    Cluster(ClusterArg),
    /// Delete several clusters
    Clusters(DeleteClustersArgs),
    /// Delete a registry and its contents; a missing registry is not an error
    Registry(RegistryArg),
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
pub(crate) enum Get {
    /// List clusters
    Clusters(ListArgs),
    /// List the nodes of a cluster
    Nodes(GetNodesArgs),
    /// Print a cluster's kubeconfig
    Kubeconfig(ClusterArg),
    /// List registries
    Registries(ListArgs),
}

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
pub(crate) enum Load {
    /// Load images from your Podman store
    ///
    /// Nodes already see your store unless the cluster was created with `--no-host-images`. An image
    /// that they do not see is copied once, for all nodes.
    #[command(visible_alias = "docker-image")]
    Image(LoadImageArgs),
    /// Load all images of an archive of `podman save` or `docker save`, or of an OCI archive
    ImageArchive(LoadArchiveArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct LoadImageArgs {
    /// Image names or IDs
    #[arg(required = true, value_name = "IMAGE")]
    pub(crate) images: Vec<String>,
    #[command(flatten)]
    pub(crate) into: LoadArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct LoadArchiveArgs {
    /// File, or `-` for standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) into: LoadArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct LoadArgs {
    /// Cluster name
    #[arg(short, long, env = "KIPOD_CLUSTER", default_value = "kipod")]
    pub(crate) name: String,
    /// Nodes to verify, separated by commas [default: all]
    ///
    /// All nodes of a cluster share one image store, so the others get the images too.
    #[arg(long, value_name = "NODE", value_delimiter = ',')]
    pub(crate) nodes: Vec<String>,
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

#[derive(Debug, ClapArgs)]
pub(crate) struct PruneArgs {
    /// Print what would be removed, and remove nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
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

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn clap_accepts_the_grammar() {
        Args::command().debug_assert();
    }

    #[test]
    fn create_takes_the_name_either_way() {
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
    fn exec_keeps_the_flags_of_its_command() {
        let args = Args::parse_from(["kipod", "exec", "--name", "dev", "ls", "-l", "--quiet"]);
        let Command::Exec(exec) = args.command else { panic!("another command") };
        assert_eq!(exec.command, ["ls", "-l", "--quiet"]);
        assert!(!args.quiet);
    }
}
