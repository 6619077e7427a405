//! The Pod Security Standards: three pods times three levels. Each combination is a test with its own
//! namespace, and all share one cluster.

use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::Client;
use kube::api::{Api, Patch, PatchParams, PostParams};
use rstest::rstest;
use serde_json::{Value, json};

/// Returns a pod without security settings.
fn ordinary() -> Value {
    json!({ "containers": [{ "name": "web", "image": "nginx:1.29" }] })
}

/// Returns a pod with the network of its node.
fn host_network() -> Value {
    let mut spec = ordinary();
    spec["hostNetwork"] = true.into();
    spec
}

/// Returns a pod that drops all privileges.
fn hardened() -> Value {
    let mut spec = ordinary();
    spec["containers"][0]["securityContext"] = json!({
        "allowPrivilegeEscalation": false,
        "capabilities": { "drop": ["ALL"] },
        "runAsNonRoot": true,
        "seccompProfile": { "type": "RuntimeDefault" },
    });
    spec
}

#[rstest]
#[case::ordinary(ordinary(), "baseline")]
#[case::host_network(host_network(), "privileged")]
#[case::hardened(hardened(), "restricted")]
#[kipod::test]
#[ignore = "creates a real cluster"]
async fn level_admits_only_conforming_pods(
    // `#[ignore]` tells rstest to leave these arguments to kipod.
    #[ignore] client: Client,
    #[ignore] namespace: kipod::Namespace,
    #[case] spec: Value,
    #[case] strictest: &str,
    #[values("privileged", "baseline", "restricted")] level: &str,
) -> anyhow::Result<()> {
    let label = json!({
        "metadata": { "labels": { "pod-security.kubernetes.io/enforce": level } },
    });
    let namespaces: Api<Namespace> = Api::all(client.clone());
    namespaces.patch(&namespace, &PatchParams::default(), &Patch::Merge(label)).await?;

    let pod: Pod = serde_json::from_value(json!({ "metadata": { "name": "web" }, "spec": spec }))?;
    let pods: Api<Pod> = Api::default_namespaced(client);
    let dry_run = PostParams { dry_run: true, ..PostParams::default() };
    let admitted = match pods.create(&dry_run, &pod).await {
        Ok(_) => true,
        Err(kube::Error::Api(status)) if status.code == 403 => false,
        Err(error) => return Err(error.into()),
    };
    let levels = ["privileged", "baseline", "restricted"];
    let rank = |level: &str| levels.iter().position(|other| *other == level);
    assert_eq!(admitted, rank(level) <= rank(strictest), "{level}");
    Ok(())
}
