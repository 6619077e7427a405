//! Where images are pulled from.

use serde::{Deserialize, Serialize};

/// Where the images of a registry, or of a part of one, are pulled from. It becomes a `[[registry]]`
/// of containers-registries.conf(5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registry {
    /// What the names of the images it is for begin with: `docker.io`, `registry:5000/team`, or
    /// `*.example.com` for every host below a domain.
    pub prefix: String,
    /// What is put in its place to pull them; `None` leaves the name as it is.
    pub location: Option<String>,
    /// Whether it may speak HTTP, or have a certificate that nobody vouches for; not by default.
    pub insecure: bool,
    /// Where they are tried to be pulled from first, in this order; none by default.
    pub mirrors: Vec<Mirror>,
}

/// Another place with the same images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mirror {
    /// What is put in the place of the prefix.
    pub location: String,
    /// Whether it may speak HTTP, or have a certificate that nobody vouches for; not by default.
    pub insecure: bool,
}
