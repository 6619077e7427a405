//! Tests with a real cluster, written as a user writes them. Run them with
//! `cargo test -p kipod-test --test cluster -- --ignored`.

use kipod::k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret, Service};
use kipod::k8s_openapi::api::discovery::v1::EndpointSlice;
use kipod::k8s_openapi::api::rbac::v1::PolicyRule;
use kipod::{
    BoxError, ClientAs, Cluster, DeclaredAccount, FromTestContext, Namespace, TestContext, wait,
};
use kube::Client;
use kube::api::{Api, DeleteParams, PostParams};
use serde_json::json;

/// A pod with an image that every node has.
struct Sleeper(Pod);

impl FromTestContext for Sleeper {
    async fn from_test_context(context: &TestContext) -> Result<Self, BoxError> {
        let cluster = Cluster::from_test_context(context).await?;
        let node = cluster.nodes().await?.remove(0);
        let images = cluster.images(&node).await?;
        let pause =
            images.iter().find(|image| image.contains("/pause:")).ok_or("no pause image")?;
        let pod = serde_json::from_value(json!({"metadata": {"name": "sleeper"}, "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [{"name": "pause", "image": pause, "imagePullPolicy": "Never"}]}}))?;
        let pods: Api<Pod> = Api::default_namespaced(context.client().await?);
        Ok(Self(pods.create(&PostParams::default(), &pod).await?))
    }
}

#[kipod::test(timeout = "2m")]
#[ignore = "creates a real cluster"]
async fn pod_becomes_ready_and_is_deleted(client: Client, pod: Sleeper) -> Result<(), BoxError> {
    let pods: Api<Pod> = Api::default_namespaced(client);
    let name = pod.0.metadata.name.unwrap();
    wait::object(&pods, &name, wait::pod_ready()).await?;
    wait::count(&pods, "", 1).await?;
    pods.delete(&name, &DeleteParams::default()).await?;
    wait::object(&pods, &name, wait::gone()).await?;
    Ok(())
}

#[kipod::test]
#[ignore = "creates a real cluster"]
async fn cluster_provides_nodes_and_a_kubeconfig(
    cluster: Cluster,
    namespace: Namespace,
) -> Result<(), BoxError> {
    assert!(cluster.kubernetes_version().unwrap().starts_with('v'));
    let node = cluster.nodes().await?.remove(0);
    let output = cluster.exec(&node, &["cat", "/etc/hostname"]).await?;
    assert_eq!(output.stdout.trim(), node);
    assert!(cluster.journal(&node, "kubelet").await?.contains("kubelet"));
    assert!(cluster.kubeconfig()?.contains(namespace.name()));
    Ok(())
}

/// An argument that is created with `anyhow`.
struct FirstNode(String);

impl FromTestContext for FirstNode {
    async fn from_test_context(context: &TestContext) -> Result<Self, BoxError> {
        let node = context.cluster().nodes().await?.into_iter().next();
        Ok(Self(anyhow::Context::context(node, "no nodes")?))
    }
}

#[kipod::test]
#[ignore = "creates a real cluster"]
async fn errors_convert_to_anyhow(
    context: TestContext,
    cluster: Cluster,
    node: FirstNode,
) -> anyhow::Result<()> {
    cluster.listen().await?;
    cluster.kubeconfig()?;
    assert!(!cluster.images(&node.0).await?.is_empty());
    let client = context.client_as("default").await?;
    assert_eq!(client.default_namespace(), context.namespace().unwrap().name());
    let error = cluster.exec("missing", &["true"]).await.unwrap_err();
    let expected = "failed to run `true` on node `missing`: ";
    assert!(format!("{:#}", anyhow::Error::from(error)).starts_with(expected));
    Ok(())
}

struct Reader;

impl DeclaredAccount for Reader {
    const NAME: &'static str = "reader";

    fn rules() -> Vec<PolicyRule> {
        let rule = json!({"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list"]});
        vec![serde_json::from_value(rule).unwrap()]
    }

    fn cluster_rules() -> Vec<PolicyRule> {
        let rule = json!({"apiGroups": [""], "resources": ["nodes"], "verbs": ["list"]});
        vec![serde_json::from_value(rule).unwrap()]
    }
}

#[kipod::test]
#[ignore = "creates a real cluster"]
async fn client_as_has_only_its_own_permissions(reader: ClientAs<Reader>) -> Result<(), BoxError> {
    let maps: Api<ConfigMap> = Api::default_namespaced(reader.client());
    maps.list(&Default::default()).await?;
    let nodes: Api<kipod::k8s_openapi::api::core::v1::Node> = Api::all(reader.client());
    assert_eq!(nodes.list(&Default::default()).await?.items.len(), 1);
    let secrets: Api<Secret> = Api::default_namespaced(reader.client());
    let refused = secrets.list(&Default::default()).await.unwrap_err();
    assert!(matches!(&refused, kube::Error::Api(status) if status.code == 403), "{refused}");
    Ok(())
}

#[kipod::test(cluster = "pair", workers = 1)]
#[ignore = "creates a real cluster"]
async fn cluster_has_the_requested_nodes(cluster: Cluster) -> Result<(), BoxError> {
    assert_eq!(cluster.nodes().await?, ["pair-control-plane-0", "pair-worker-0"]);
    Ok(())
}

#[kipod::test(cluster = "labelled", config = "tests/cluster.yaml")]
#[ignore = "creates a real cluster"]
async fn cluster_matches_its_configuration_file(client: Client) -> Result<(), BoxError> {
    let nodes: Api<kipod::k8s_openapi::api::core::v1::Node> = Api::all(client);
    let node = nodes.get("labelled-control-plane-0").await?;
    assert_eq!(node.metadata.labels.unwrap()["example.com/disk"], "fast");
    Ok(())
}

#[kipod::test(timeout = "2m")]
#[ignore = "creates a real cluster"]
async fn listener_is_reachable_from_nodes_and_pods(cluster: Cluster) -> Result<(), BoxError> {
    let node = cluster.nodes().await?.remove(0);
    let listener = cluster.listen().await?;
    let address = listener.address();
    assert_eq!(listener.url("/path"), format!("https://{address}/path"));
    // It is not an address of this host.
    assert!(std::net::TcpListener::bind(address).is_err());
    let listener = listener.into_inner();

    let read = format!("cat </dev/tcp/{}/{}", address.ip(), address.port());
    // CoreDNS has its own network namespace, as pods do.
    let in_pod = format!("nsenter --net --target $(pidof -s coredns) bash -c '{read}'");
    for script in [&read, &in_pod] {
        let serve = async {
            let (mut stream, _) = listener.accept().await?;
            tokio::io::AsyncWriteExt::write_all(&mut stream, b"hello").await
        };
        let command = ["bash", "-c", script];
        let call = async {
            let output = cluster.exec(&node, &command).await?;
            assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("hello", ""));
            Ok::<_, BoxError>(())
        };
        // Ends if either fails: without a client, the server would wait forever.
        tokio::try_join!(async { Ok(serve.await?) }, call)?;
    }

    drop(listener);
    let refused = cluster.exec(&node, &["bash", "-c", &read]).await?;
    assert!(refused.stderr.contains("Connection refused"), "{refused:?}");
    Ok(())
}

#[kipod::test(timeout = "2m")]
#[ignore = "creates a real cluster"]
async fn service_address_is_reachable_from_the_test(
    cluster: Cluster,
    client: Client,
) -> Result<(), BoxError> {
    let listener = cluster.listen().await?;
    let server = listener.address();
    let services: Api<Service> = Api::default_namespaced(client.clone());
    let service = json!({ "metadata": { "name": "test" }, "spec": {
        "type": "NodePort", "ports": [{ "port": 80 }],
    }});
    let service: Service = serde_json::from_value(service)?;
    let service = services.create(&PostParams::default(), &service).await?;
    let slices: Api<EndpointSlice> = Api::default_namespaced(client);
    let slice = json!({
        "metadata": { "name": "test", "labels": { "kubernetes.io/service-name": "test" } },
        "addressType": "IPv4",
        "endpoints": [{ "addresses": [server.ip()] }],
        "ports": [{ "port": server.port() }],
    });
    slices.create(&PostParams::default(), &serde_json::from_value(slice)?).await?;

    let address = cluster.service_address(&service, 80)?;
    assert!(address.ip().is_loopback(), "{address}");
    let missing = cluster.service_address(&service, 8080).unwrap_err().to_string();
    assert_eq!(missing, "Service `test` has no port 8080");
    let mut sctp = service.clone();
    for port in sctp.spec.iter_mut().flat_map(|spec| spec.ports.iter_mut().flatten()) {
        port.protocol = Some("SCTP".to_owned());
    }
    let unpublished = cluster.service_address(&sctp, 80).unwrap_err().to_string();
    assert!(unpublished.ends_with("(SCTP) of Service `test` is not published on this host"));
    let listener = listener.into_inner();
    let serve = async {
        let (mut stream, _) = listener.accept().await?;
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"hello").await
    };
    let call = async {
        let mut text = String::new();
        // Until kube-proxy has the endpoint, connections are closed without data.
        while text != "hello" {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            let mut stream = tokio::net::TcpStream::connect(address).await?;
            text.clear();
            let _ = tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut text).await;
        }
        Ok::<_, BoxError>(())
    };
    tokio::try_join!(async { Ok(serve.await?) }, call)?;
    services.delete("test", &DeleteParams::default()).await?;
    Ok(())
}
