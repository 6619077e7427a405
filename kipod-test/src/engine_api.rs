//! Parts of `kipod_engine` that are used outside of the module `engine`: types, parsers,
//! formatters and constants. Nothing here creates or changes a cluster. Locks are imported from
//! `kipod_engine::lease` directly.

pub(crate) use kipod_engine::config::{LIMIT as CONFIG_LIMIT, read as parse_config};
pub(crate) use kipod_engine::kubeconfig::client::install_crypto_provider;
pub(crate) use kipod_engine::pki::{KeyPairPem, serving_certificate};
pub(crate) use kipod_engine::plan::{NODE_PORTS, UDP_NODE_PORTS};
pub(crate) use kipod_engine::podman::quote;
pub(crate) use kipod_engine::spec::{ClusterName, ClusterSpec, parse_duration};
pub(crate) use kipod_engine::{Timeouts, bounded, error_chain};
