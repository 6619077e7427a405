//! Readiness of an API server, as far as programs inside its node can query it.

use serde_json::Value;

use super::args::has;

/// Arguments of the API server with which `/readyz` may not be available at the loopback address, or
/// not for anonymous requests.
const ARGUMENTS: [&str; 4] =
    ["authorization-config", "authorization-mode", "bind-address", "secure-port"];

/// Returns whether the API server reports its readiness to anonymous requests at `127.0.0.1`, given the
/// patched `ClusterConfiguration`. The user can change the address and the authorization.
pub(super) fn is_observable(cluster_configuration: &Value) -> bool {
    let arguments = &cluster_configuration["apiServer"]["extraArgs"];
    !ARGUMENTS.iter().any(|name| has(arguments, name))
}
