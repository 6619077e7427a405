//! Arguments of commands for node images, and for loading images.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};
use kipod_engine::NodeImageSource;

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
