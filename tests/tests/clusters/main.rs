//! Real clusters, in the rootless Podman of the user who runs this.
//!
//! | file | about |
//! |---|---|
//! | `life` | one cluster from `create` to `delete`: DNS, images, logs, exec, restart, every `kipod` command |
//! | `nodes` | several nodes: workers that come and go, control planes that die |
//! | `configuration` | what configuration files ask for, inside the cluster |
//! | `refusals` | bad input: names, images, ports, kubeconfigs, bundles |
//! | `races` | two at once |
//! | `interruptions` | Ctrl-C and SIGKILL at every step, and what the next command makes of it |
//! | `failures` | what breaks by itself: kubeadm, the node, Podman, a kubeconfig |

mod configuration;
mod failures;
mod interruptions;
mod life;
mod nodes;
mod races;
mod refusals;
