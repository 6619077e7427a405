//! The credentials for one cluster, and its kubeconfig.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::document::{CLUSTERS, CONTEXTS, Document, Section, USERS};
use super::error::KubeconfigError;
use crate::spec::ClusterName;
use crate::util::yaml::Node;

/// The administrator's access to one cluster. The `Debug` form does not contain the private key.
#[derive(Clone, PartialEq, Eq)]
pub struct ClusterAccess {
    /// The cluster's name.
    pub cluster_name: ClusterName,
    /// The URL of the API server: `https://127.0.0.1:PORT`.
    pub server: String,
    /// The certificate authority of the API server's certificate, in PEM.
    pub ca_pem: String,
    /// The client certificate, in PEM.
    pub client_cert_pem: String,
    /// The client's private key, in PEM.
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

/// The kubeconfig of one cluster: one cluster, one user and one context, all named `kipod-NAME`. The
/// context is the current context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kubeconfig {
    access: ClusterAccess,
    /// The name in the API server's certificate, if it differs from the host of the URL.
    tls_server_name: Option<String>,
}

impl Kubeconfig {
    /// Creates the kubeconfig for this access.
    pub fn new(access: ClusterAccess) -> Self {
        Self { access, tls_server_name: None }
    }

    /// Sets another URL of the API server, and the name in its certificate if it has not the host of
    /// the URL.
    pub fn with_server(mut self, server: String, tls_server_name: Option<String>) -> Self {
        self.access.server = server;
        self.tls_server_name = tls_server_name;
        self
    }

    /// Parses the output of [`to_yaml`](Self::to_yaml).
    ///
    /// # Errors
    ///
    /// If the text is not such an output.
    pub fn from_yaml(text: &str) -> Result<Self, KubeconfigError> {
        let malformed = |message: String| KubeconfigError::Malformed { message };
        // The parser's message may contain a part of the text, and so of the private key.
        let stored: Value = serde_saphyr::from_str(text)
            .map_err(|_| malformed("not written by kipod".to_owned()))?;
        let value = |pointer: &str| {
            let text = stored.pointer(pointer).and_then(Value::as_str);
            text.ok_or_else(|| malformed(format!("`{pointer}` is missing")))
        };
        let context = value("/current-context")?;
        let name = context.strip_prefix("kipod-").ok_or_else(|| {
            malformed(format!("the context `{context}` is not named `kipod-NAME`"))
        })?;
        let cluster_name = name.parse().map_err(|error| malformed(format!("{error}")))?;
        let pem = |pointer: &str| {
            let bytes = STANDARD.decode(value(pointer)?).ok();
            bytes
                .and_then(|bytes| String::from_utf8(bytes).ok())
                .ok_or_else(|| malformed(format!("`{pointer}` is not Base64-encoded PEM")))
        };
        Ok(Self::new(ClusterAccess {
            cluster_name,
            server: value("/clusters/0/cluster/server")?.to_owned(),
            ca_pem: pem("/clusters/0/cluster/certificate-authority-data")?,
            client_cert_pem: pem("/users/0/user/client-certificate-data")?,
            client_key_pem: pem("/users/0/user/client-key-data")?,
        }))
    }

    /// Returns the access.
    pub fn access(&self) -> &ClusterAccess {
        &self.access
    }

    /// Returns the name of the cluster, user and context: `kipod-NAME`.
    pub fn context(&self) -> String {
        self.access.cluster_name.context()
    }

    /// Returns the YAML document for `kubectl` and other clients. It contains a private key: store it
    /// only in files that no other user can read.
    pub fn to_yaml(&self) -> String {
        let mut document = Document::new();
        let context = self.context();
        for (section, entry) in self.entries() {
            document.put(section, &context, entry);
        }
        document.set_current_context(&context);
        document.render().expect("text without anchors, tags and flow style can be written")
    }

    /// Returns the content of the entry in each section.
    pub(super) fn entries(&self) -> [(Section, Node); 3] {
        let ClusterAccess { server, ca_pem, client_cert_pem, client_key_pem, .. } = &self.access;
        let data = |pem: &str| Node::text(&STANDARD.encode(pem));
        let context = Node::text(&self.context());
        let tls_server_name = self.tls_server_name.as_deref();
        let mut cluster =
            vec![("certificate-authority-data", data(ca_pem)), ("server", Node::text(server))];
        cluster.extend(tls_server_name.map(|name| ("tls-server-name", Node::text(name))));
        [
            (CLUSTERS, Node::map(cluster)),
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
