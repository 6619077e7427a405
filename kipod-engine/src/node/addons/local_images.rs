//! The pull policy of images that have no registry.

use serde_json::{Value, json};

const NAME: &str = "kipod-local-images";
const GROUP: &str = "admissionregistration.k8s.io/v1";
/// The fields of a pod with containers.
const LISTS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];

/// Returns an admission policy for images of `localhost/`, which are in the stores of nodes and in no
/// registry. Kubernetes' default for an image without a tag, or with the tag `latest`, is to pull it
/// always. The policy changes that to pull it only if it is missing.
pub(crate) fn local_images() -> Vec<Value> {
    let rule = |operation: &str, resource: &str| {
        json!({
            "apiGroups": [""],
            "apiVersions": ["v1"],
            "operations": [operation],
            "resources": [resource],
        })
    };
    vec![
        json!({
            "apiVersion": GROUP,
            "kind": "MutatingAdmissionPolicy",
            "metadata": { "name": NAME },
            "spec": {
                "failurePolicy": "Ignore",
                // Injected containers are changed as well.
                "reinvocationPolicy": "IfNeeded",
                "matchConstraints": {
                    "resourceRules": [
                        rule("CREATE", "pods"),
                        rule("UPDATE", "pods/ephemeralcontainers"),
                    ],
                },
                "mutations": [{
                    "patchType": "ApplyConfiguration",
                    "applyConfiguration": { "expression": expression() },
                }],
            },
        }),
        json!({
            "apiVersion": GROUP,
            "kind": "MutatingAdmissionPolicyBinding",
            "metadata": { "name": NAME },
            "spec": { "policyName": NAME },
        }),
    ]
}

/// Returns the CEL expression of the changed fields.
fn expression() -> String {
    let changed = |list: &str| {
        format!(
            "{list}: object.spec.?{list}.orValue([])\
             .filter(c, c.image.startsWith('localhost/') && c.?imagePullPolicy.orValue('') == 'Always')\
             .map(c, Object.spec.{list}{{name: c.name, imagePullPolicy: 'IfNotPresent'}})"
        )
    };
    format!("Object{{spec: Object.spec{{{}}}}}", LISTS.map(changed).join(", "))
}
