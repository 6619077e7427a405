use super::*;
use crate::kubeconfig::KubeconfigError;

#[test]
fn document_has_the_expected_content() {
    insta::assert_snapshot!(cluster("dev", 6443).to_yaml(), @r"
    apiVersion: v1
    clusters:
    - cluster:
        certificate-authority-data: Y2Egb2YgZGV2Cg==
        server: https://127.0.0.1:6443
      name: kipod-dev
    contexts:
    - context:
        cluster: kipod-dev
        user: kipod-dev
      name: kipod-dev
    current-context: kipod-dev
    kind: Config
    users:
    - name: kipod-dev
      user:
        client-certificate-data: Y2VydGlmaWNhdGUgb2YgZGV2Cg==
        client-key-data: a2V5IG9mIGRldgo=
    ");
}

#[test]
fn kube_client_parses_the_document() {
    let parsed = kube::config::Kubeconfig::from_yaml(&cluster("dev", 6443).to_yaml()).unwrap();
    assert_eq!(parsed.current_context.as_deref(), Some("kipod-dev"));
    let context = parsed.contexts[0].context.as_ref().unwrap();
    assert_eq!(
        (context.cluster.as_str(), context.user.as_deref()),
        ("kipod-dev", Some("kipod-dev"))
    );
    let server = parsed.clusters[0].cluster.as_ref().unwrap().server.as_deref();
    assert_eq!(server, Some("https://127.0.0.1:6443"));
}

#[test]
fn from_yaml_parses_its_own_output() {
    let kubeconfig = cluster("dev", 6443);
    assert_eq!(Kubeconfig::from_yaml(&kubeconfig.to_yaml()).unwrap(), kubeconfig);
}

#[test]
fn from_yaml_rejects_other_documents() {
    let yaml = cluster("dev", 6443).to_yaml();
    for (from, to) in [
        ("current-context: kipod-dev", "current-context: prod"),
        ("current-context: kipod-dev", "current-context: kipod-A"),
        ("certificate-authority-data: ", "certificate-authority-data: \"*\" #"),
        ("server:", "serving:"),
        ("users:", "losers:"),
    ] {
        let error = Kubeconfig::from_yaml(&yaml.replace(from, to)).unwrap_err();
        assert!(matches!(error, KubeconfigError::Malformed { .. }), "{error}");
        assert!(!error.to_string().contains("a2V5"), "the key is in the message: {error}");
    }
}

#[test]
fn debug_output_contains_no_key() {
    let printed = format!("{:?}", cluster("dev", 6443));
    assert!(printed.contains("https://127.0.0.1:6443"), "{printed}");
    assert!(!printed.contains("key of"), "{printed}");
}
