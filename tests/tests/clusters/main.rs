//! Real clusters in the rootless Podman of the current user.
//!
//! | file | subject |
//! |---|---|
//! | `life` | one cluster from creation to deletion: DNS, images, logs, exec, restart |
//! | `nodes` | several nodes: changes of workers, failures of control planes |
//! | `families` | IPv6: dual-stack and IPv6 only |
//! | `configuration` | the effects of configuration files |
//! | `load_balancer` | Services that are reachable from the host |
//! | `versions` | each Kubernetes version with a bundle, and several versions in one cluster |
//! | `networks` | the modes of kube-proxy, and a custom CNI |
//! | `images` | loading images by name, from archives and at creation; refusals and interruptions |
//! | `refusals` | invalid images, ports, directories and bundles |
//! | `registry` | registries on the host, and credentials for registries |
//! | `races` | concurrent commands |
//! | `interruptions` | Ctrl-C and SIGKILL at every stage, and the recovery |
//! | `failures` | failures of kubeadm, a node, Podman, a kubeconfig |

mod configuration;
mod failures;
mod families;
mod images;
mod interruptions;
mod life;
mod load_balancer;
mod networks;
mod nodes;
mod races;
mod refusals;
mod registry;
mod versions;
