//! Command-line arguments. Nothing here acts.

mod cluster;
mod config;
mod image;
mod node;
mod registry;

use std::ffi::OsStr;

use clap::builder::Resettable;
use clap::{Args as ClapArgs, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

pub(crate) use cluster::{
    ClusterArg, CreateClusterArgs, DeleteClustersArgs, Export, ExportKubeconfigArgs,
    ExportLogsArgs, GetKubeconfigArgs, Start, Stop,
};
pub(crate) use config::ConfigCommand;
pub(crate) use image::{Build, BuildNodeImageArgs, BundleArgs, Load};
pub(crate) use node::{AddNodeArgs, ExecArgs, GetNodesArgs, Node};
pub(crate) use registry::{CreateRegistryArgs, RegistryArg};

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

impl Args {
    /// Parses the arguments of this process, and the environment variables of options. A variable that is
    /// set to an empty value counts as unset. Exits on errors, and after `--help`.
    pub(crate) fn parse_with_environment() -> Self {
        let matches = without_empty_variables(Self::command()).get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }
}

/// Removes variables that are set to an empty value from the options of a command and of its subcommands.
fn without_empty_variables(command: clap::Command) -> clap::Command {
    let set_and_empty = |name: &OsStr| std::env::var_os(name).is_some_and(|value| value.is_empty());
    let unset = |arg: clap::Arg| match arg.get_env().is_some_and(set_and_empty) {
        true => arg.env(Resettable::Reset),
        false => arg,
    };
    command.mut_args(unset).mut_subcommands(without_empty_variables)
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

#[derive(Debug, Subcommand)]
pub(crate) enum Delete {
    /// Delete a cluster in any state; a missing cluster is not an error
    Cluster(ClusterArg),
    /// Delete several clusters
    Clusters(DeleteClustersArgs),
    /// Delete a registry and its contents; a missing registry is not an error
    Registry(RegistryArg),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Get {
    /// List clusters
    Clusters(ListArgs),
    /// List the nodes of a cluster
    Nodes(GetNodesArgs),
    /// Print a cluster's kubeconfig
    Kubeconfig(GetKubeconfigArgs),
    /// List registries
    Registries(ListArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct PruneArgs {
    /// Print what would be removed, and remove nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
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
