//! Labels that a kubelet may set on its own node.

/// Labels of Kubernetes' own domains that a kubelet may set on its node, in addition to those of
/// `kubelet.kubernetes.io` and `node.kubernetes.io`.
/// Source: Kubernetes' documentation, "Using Node Authorization" and kubelet's `--node-labels`.
const ALLOWED: [&str; 11] = [
    "beta.kubernetes.io/arch",
    "beta.kubernetes.io/instance-type",
    "beta.kubernetes.io/os",
    "failure-domain.beta.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "kubernetes.io/arch",
    "kubernetes.io/hostname",
    "kubernetes.io/os",
    "node.kubernetes.io/instance-type",
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
];

/// Returns whether a kubelet may set the label on its own node. Others, such as
/// `node-role.kubernetes.io/worker`, are set by an administrator.
pub(crate) fn is_kubelet_label(key: &str) -> bool {
    let prefix = key.split_once('/').map_or("", |(prefix, _)| prefix);
    let below = |domain: &str| {
        prefix == domain || prefix.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
    };
    let is_reserved = below("kubernetes.io") || below("k8s.io");
    let is_allowed = below("kubelet.kubernetes.io") || below("node.kubernetes.io");
    !is_reserved || is_allowed || ALLOWED.contains(&key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kubelet_must_not_set_roles() {
        for (key, expected) in [
            ("tier", true),
            ("example.com/tier", true),
            ("mykubernetes.io/a", true),
            ("topology.kubernetes.io/zone", true),
            ("node.kubernetes.io/any", true),
            ("sub.node.kubernetes.io/any", true),
            ("node-role.kubernetes.io/worker", false),
            ("node-restriction.kubernetes.io/a", false),
            ("kubernetes.io/role", false),
            ("k8s.io/a", false),
        ] {
            assert_eq!(is_kubelet_label(key), expected, "{key}");
        }
    }
}
