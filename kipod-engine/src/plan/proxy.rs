//! The HTTP proxies of nodes, and the destinations that nodes reach without them.

use super::addresses::{NODE_SUBNET_POOL, node_subnet6};
use super::{PlanContext, has_balancer, load_balancer_name};
use crate::spec::{HOST_NAME, INTERNAL_HOST_ADDRESS, INTERNAL_NODE_ADDRESSES, Proxy};

/// The domains of Services, the same as in kind. Source: the specification of Kubernetes' DNS.
const SERVICE_DOMAINS: [&str; 3] = [".svc", ".svc.cluster", ".svc.cluster.local"];

/// Returns the proxies of nodes: those of the specification, then those of the host. Traffic to nodes,
/// pods, Services, registries of the host and the host itself does not use them.
pub(super) fn proxy(context: &PlanContext<'_>) -> Proxy {
    let PlanContext { spec, machine, choices, identities, .. } = context;
    let family = spec.networking.ip_family;
    let mut proxy = spec.proxy.or(&machine.proxy);
    let mut direct = proxy.no_proxy.take().unwrap_or_default();
    // Not only the node subnet: registries, which can be created later, have subnets of the pool.
    direct.push(NODE_SUBNET_POOL.to_owned());
    direct.extend(family.has_ipv6().then(|| node_subnet6(&choices.node_subnet).to_string()));
    let networking = &spec.networking;
    let subnets = networking.service_subnets().into_iter().chain(networking.pod_subnets());
    direct.extend(subnets.map(|subnet| subnet.to_string()));
    let internal: Vec<std::net::IpAddr> = INTERNAL_NODE_ADDRESSES.each(family);
    direct.extend(internal.into_iter().map(|address| address.to_string()));
    direct.push(INTERNAL_HOST_ADDRESS.to_string());
    direct.extend(identities.iter().map(|identity| identity.name.clone()));
    direct.extend(has_balancer(spec).then(|| load_balancer_name(&spec.name)));
    direct.push(HOST_NAME.to_owned());
    direct.extend(SERVICE_DOMAINS.map(str::to_owned));
    proxy.no_proxy = Some(direct);
    proxy
}
