//! Real clusters, in the rootless Podman of the user who runs this.
//!
//! | file | about |
//! |---|---|
//! | `life` | one cluster from `create` to `delete`: DNS, images, logs, exec, restart, every `kipod` command |
//! | `nodes` | several nodes: workers that come and go, control planes that die |
//! | `families` | IPv6: both IP families, and IPv6 alone |
//! | `configuration` | what configuration files ask for, inside the cluster |
//! | `load_balancer` | Services that are reached from the host |
//! | `versions` | a cluster of each Kubernetes version that there is a bundle of, and of several at once |
//! | `networks` | kube-proxy's modes, and a network of pods that is not kipod's |
//! | `images` | images that are loaded: by name, from archives, from the start; what is refused, and a kill |
//! | `refusals` | bad input: names, images, ports, kubeconfigs, bundles |
//! | `registry` | registries of this machine, and credentials for registries |
//! | `races` | two at once |
//! | `interruptions` | Ctrl-C and SIGKILL at every step, and what the next command makes of it |
//! | `failures` | what breaks by itself: kubeadm, the node, Podman, a kubeconfig |

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
