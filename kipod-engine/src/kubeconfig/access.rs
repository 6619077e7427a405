//! What a client needs to reach one cluster, and the document that tells it.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::KubeconfigError;
use super::document::{CLUSTERS, CONTEXTS, Document, USERS};
use crate::spec::ClusterName;
use crate::util::yaml::Node;

/// What a client needs to reach one cluster as its administrator. It prints without the key.
#[derive(Clone, PartialEq, Eq)]
pub struct ClusterAccess {
    /// The cluster's name.
    pub cluster_name: ClusterName,
    /// The API server's URL, `https://127.0.0.1:PORT`.
    pub server: String,
    /// The certificate authority that signed the API server's certificate, as PEM.
    pub ca_pem: String,
    /// The client's certificate, as PEM.
    pub client_cert_pem: String,
    /// The client's private key, as PEM.
    pub client_key_pem: String,
}

impl fmt::Debug for ClusterAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClusterAccess")
            .field("cluster_name", &self.cluster_name)
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

/// The kubeconfig of one cluster: one cluster, one user and one context, all called `kipod-NAME`,
/// and that context current.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kubeconfig {
    access: ClusterAccess,
}

impl Kubeconfig {
    /// The kubeconfig that gives this access.
    pub fn new(access: ClusterAccess) -> Self {
        Self { access }
    }

    /// Reads what [`to_yaml`](Self::to_yaml) wrote.
    ///
    /// # Errors
    ///
    /// When the text is anything else.
    pub fn from_yaml(text: &str) -> Result<Self, KubeconfigError> {
        let malformed = |message: String| KubeconfigError::Malformed { message };
        let stored: Stored = serde_saphyr::from_str(text)
            // The whole of a parser's message would show a piece of the text, and that has a key.
            .map_err(|_| malformed("it is not a kubeconfig that kipod wrote".to_owned()))?;
        let context = stored.current_context;
        let name = context
            .strip_prefix("kipod-")
            .ok_or_else(|| malformed(format!("its context `{context}` is not kipod's")))?;
        let cluster_name = name.parse().map_err(|error| malformed(format!("{error}")))?;
        let (Some(cluster), Some(user)) =
            (stored.clusters.into_iter().next(), stored.users.into_iter().next())
        else {
            return Err(malformed("it has no cluster or no user".to_owned()));
        };
        let pem = |key: &str, data: String| {
            let bytes = STANDARD.decode(data).ok();
            bytes
                .and_then(|bytes| String::from_utf8(bytes).ok())
                .ok_or_else(|| malformed(format!("`{key}` is not PEM in Base64")))
        };
        Ok(Self::new(ClusterAccess {
            cluster_name,
            server: cluster.cluster.server,
            ca_pem: pem("certificate-authority-data", cluster.cluster.ca)?,
            client_cert_pem: pem("client-certificate-data", user.user.certificate)?,
            client_key_pem: pem("client-key-data", user.user.key)?,
        }))
    }

    /// What it tells.
    pub fn access(&self) -> &ClusterAccess {
        &self.access
    }

    /// The name of its cluster, user and context: `kipod-NAME`.
    pub fn context(&self) -> String {
        self.access.cluster_name.context()
    }

    /// The document, for `kubectl` and every other client. It holds a private key: keep it in files
    /// that only their owner can read.
    pub fn to_yaml(&self) -> String {
        let mut document = Document::new();
        let context = self.context();
        for (section, entry) in self.entries() {
            document.put(section, &context, entry);
        }
        document.set_current_context(&context);
        document.render().expect("text without anchors, tags and flow style can be written")
    }

    /// Its entries, by section, without their names.
    pub(super) fn entries(&self) -> [(super::document::Section, Node); 3] {
        let ClusterAccess { server, ca_pem, client_cert_pem, client_key_pem, .. } = &self.access;
        let data = |pem: &str| Node::text(&STANDARD.encode(pem));
        let context = Node::text(&self.context());
        [
            (
                CLUSTERS,
                Node::map([
                    ("certificate-authority-data", data(ca_pem)),
                    ("server", Node::text(server)),
                ]),
            ),
            (CONTEXTS, Node::map([("cluster", context.clone()), ("user", context)])),
            (
                USERS,
                Node::map([
                    ("client-certificate-data", data(client_cert_pem)),
                    ("client-key-data", data(client_key_pem)),
                ]),
            ),
        ]
    }
}

#[derive(Deserialize)]
struct Stored {
    #[serde(rename = "current-context")]
    current_context: String,
    clusters: Vec<StoredCluster>,
    users: Vec<StoredUser>,
}

#[derive(Deserialize)]
struct StoredCluster {
    cluster: StoredServer,
}

#[derive(Deserialize)]
struct StoredServer {
    server: String,
    #[serde(rename = "certificate-authority-data")]
    ca: String,
}

#[derive(Deserialize)]
struct StoredUser {
    user: StoredCredential,
}

#[derive(Deserialize)]
struct StoredCredential {
    #[serde(rename = "client-certificate-data")]
    certificate: String,
    #[serde(rename = "client-key-data")]
    key: String,
}
