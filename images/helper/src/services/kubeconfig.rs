//! Reading a kubeconfig as kubeadm writes it: with certificates and keys inside.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

/// The server and credentials of the current context.
#[derive(Debug)]
pub(crate) struct Access {
    pub(crate) server: String,
    /// PEM.
    pub(crate) certificate_authority: Vec<u8>,
    /// PEM.
    pub(crate) client_certificate: Vec<u8>,
    /// PEM.
    pub(crate) client_key: Vec<u8>,
}

/// A kubeconfig that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KubeconfigError {
    #[error("invalid YAML")]
    Yaml(#[source] Box<serde_saphyr::Error>),
    #[error("{kind} `{name}` not found")]
    Missing { kind: &'static str, name: String },
    #[error("`{field}` is not valid base64")]
    Base64 { field: &'static str, source: base64::DecodeError },
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Kubeconfig {
    current_context: String,
    contexts: Vec<NamedContext>,
    clusters: Vec<NamedCluster>,
    users: Vec<NamedUser>,
}

#[derive(Deserialize)]
struct NamedContext {
    name: String,
    context: Context,
}

#[derive(Deserialize)]
struct Context {
    cluster: String,
    user: String,
}

#[derive(Deserialize)]
struct NamedCluster {
    name: String,
    cluster: Cluster,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Cluster {
    server: String,
    certificate_authority_data: String,
}

#[derive(Deserialize)]
struct NamedUser {
    name: String,
    user: User,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct User {
    client_certificate_data: String,
    client_key_data: String,
}

impl Access {
    /// Reads the current context of a kubeconfig.
    pub(crate) fn parse(text: &str) -> Result<Self, KubeconfigError> {
        let config: Kubeconfig = serde_saphyr::from_str(text)
            .map_err(|source| KubeconfigError::Yaml(Box::new(source)))?;
        let Kubeconfig { current_context, contexts, clusters, users } = config;
        let missing = |kind, name| move || KubeconfigError::Missing { kind, name };
        let context = contexts
            .into_iter()
            .find(|one| one.name == current_context)
            .ok_or_else(missing("context", current_context))?
            .context;
        let cluster = clusters
            .into_iter()
            .find(|one| one.name == context.cluster)
            .ok_or_else(missing("cluster", context.cluster))?
            .cluster;
        let user = users
            .into_iter()
            .find(|one| one.name == context.user)
            .ok_or_else(missing("user", context.user))?
            .user;
        let decode = |field, data: &str| {
            STANDARD.decode(data).map_err(|source| KubeconfigError::Base64 { field, source })
        };
        Ok(Self {
            server: cluster.server,
            certificate_authority: decode(
                "certificate-authority-data",
                &cluster.certificate_authority_data,
            )?,
            client_certificate: decode("client-certificate-data", &user.client_certificate_data)?,
            client_key: decode("client-key-data", &user.client_key_data)?,
        })
    }
}
