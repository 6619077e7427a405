//! Why images could not be loaded.

use crate::podman::{Archive, PodmanError};
use crate::spec::ClusterName;
use crate::util::Hint;
use crate::util::text::indent_list;

/// Images could not be loaded into a cluster.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImagesError {
    /// Images or nodes that were asked for are not there, or do not fit. Nothing was loaded.
    #[error("nothing was loaded:{}", indent_list(.faults))]
    Refused {
        /// Each image or node, and why.
        faults: Vec<String>,
    },
    /// The cluster was created by a kipod that did not know of loading images.
    #[error("cluster `{cluster}` was created by an earlier kipod: it has no store for images")]
    NoStore {
        /// The cluster.
        cluster: ClusterName,
    },
    /// The archive cannot be read. Nothing was loaded.
    #[error("cannot read the images of {archive}: {source}")]
    Archive {
        /// The archive.
        archive: Archive,
        /// Why.
        source: Box<PodmanError>,
    },
    /// Podman did not say what images there are. Nothing was loaded.
    #[error("cannot look for `{image}`: {source}")]
    Look {
        /// The image, or the node whose platform was asked for.
        image: String,
        /// Why.
        source: Box<PodmanError>,
    },
    /// An image could not be copied.
    #[error("cannot load `{image}`: {source}{}", so_far(.loaded))]
    Copy {
        /// The image.
        image: String,
        /// Images that were loaded before, and stay.
        loaded: Vec<String>,
        /// Why.
        source: Box<PodmanError>,
    },
    /// A node did not say which images it has.
    #[error("node `{node}` does not say whether it has `{image}`: {reason}")]
    Ask {
        /// The node.
        node: String,
        /// The image.
        image: String,
        /// Why.
        reason: String,
    },
    /// A node does not have under a name what was loaded.
    #[error("images were loaded, but not every node has them:{}", indent_list(.faults))]
    Unseen {
        /// Each node and image.
        faults: Vec<String>,
        /// Whether a node has nothing under a name.
        absent: bool,
        /// Whether a node has another image under a name.
        other: bool,
    },
    /// Somebody asked to stop.
    #[error("loading images into cluster `{cluster}` was interrupted")]
    Cancelled {
        /// The cluster.
        cluster: ClusterName,
    },
    /// There is no place to unpack an archive in. Nothing was loaded.
    #[error("cannot make a folder to unpack in: {source}")]
    Staging {
        /// Why.
        source: std::io::Error,
    },
    /// Somebody's lock cannot be waited for.
    #[error(transparent)]
    Turn(#[from] crate::lease::LeaseError),
}

impl ImagesError {
    /// What the user can do about it, where there is something.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoStore { cluster } => {
                Some(format!("delete it (`kipod delete cluster {cluster}`) and create it anew"))
            }
            Self::Unseen { absent, other, .. } => {
                let hints = [
                    (
                        absent,
                        "a node that does not see what was loaded was created by an earlier kipod: delete the cluster and create it anew",
                    ),
                    (
                        other,
                        "a node prefers what it pulled itself: `kipod exec --node NODE crictl rmi IMAGE` removes that",
                    ),
                ];
                let hints: Vec<_> =
                    hints.iter().filter(|(it, _)| **it).map(|(_, hint)| *hint).collect();
                Some(hints.join("\n"))
            }
            Self::Archive { source, .. }
            | Self::Look { source, .. }
            | Self::Copy { source, .. } => source.hint(),
            Self::Refused { .. }
            | Self::Ask { .. }
            | Self::Turn(_)
            | Self::Cancelled { .. }
            | Self::Staging { .. } => None,
        }
    }
}

fn so_far(loaded: &[String]) -> String {
    match loaded {
        [] => String::new(),
        names => format!("\n  loaded before, and in the cluster: {}", names.join(", ")),
    }
}
