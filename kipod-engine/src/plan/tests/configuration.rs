//! Tests of plans from configuration files.

use serde_json::{Value, json};

use super::*;
use crate::spec::unknown_fields;
use crate::util::text::error_chain;

const HEAD: &str = "kind: Cluster\napiVersion: kipod.io/v1alpha1\nname: demo\n";

fn planned_from(text: &str) -> Result<Plan, PatchError> {
    let config = crate::config::read(&format!("{HEAD}{text}"), "c.yaml");
    planned_as(&config.check().unwrap_or_else(|errors| panic!("{errors}")))
}

fn init(node: &NodePlan) -> BTreeMap<String, Value> {
    documents(text(node, "kubeadm/init.yaml"))
}

/// Returns the value of an argument in a list of kubeadm.
fn argument<'a>(arguments: &'a Value, name: &str) -> Option<&'a str> {
    let found = arguments.as_array()?.iter().find(|argument| argument["name"] == name)?;
    found["value"].as_str()
}

#[test]
fn container_has_mounts_ports_and_dns_search() {
    let plan = planned_from(
        "\
networking: {dnsSearch: [a.example]}
nodes:
- extraMounts:
  - {hostPath: /src, containerPath: /code, readOnly: true, selinuxRelabel: true, propagation: HostToContainer}
  - {hostPath: /data, containerPath: /data}
  extraPortMappings:
  - {containerPort: 80, hostPort: 8080, listenAddress: 127.0.0.1, protocol: UDP}
  - {containerPort: 443}
- role: worker
",
    )
    .unwrap();
    let [first, worker] = plan.nodes.as_slice() else { panic!("two nodes") };
    let binds = &first.container.binds[first.container.binds.len() - 2..];
    insta::assert_snapshot!(serde_json::to_string(binds).unwrap(), @r#"[{"source":"/src","target":"/code","read_only":true,"options":["rbind","rslave","z"]},{"source":"/data","target":"/data","read_only":false,"options":["rbind","rprivate"]}]"#);
    insta::assert_snapshot!(serde_json::to_string(&first.container.ports).unwrap(), @r#"[{"host_address":"127.0.0.1","host_port":40000,"container_port":6443,"protocol":"tcp","count":1},{"host_address":"127.0.0.1","host_port":8080,"container_port":80,"protocol":"udp","count":1},{"host_address":"0.0.0.0","host_port":null,"container_port":443,"protocol":"tcp","count":1}]"#);
    assert_eq!(first.container.dns_search.as_deref(), Some(["a.example".to_owned()].as_slice()));
    assert_eq!(worker.container.ports, []);
    assert!(!worker.container.binds.iter().any(|bind| bind.target == "/data"));
}

#[test]
fn components_have_feature_gates_and_apis() {
    let text = "featureGates: {A: true, B: false}\nruntimeConfig: {api/alpha: 'true'}\n";
    let plan = planned_from(text).unwrap();
    let documents = init(&plan.nodes[0]);
    let cluster = &documents["ClusterConfiguration"];
    for component in ["apiServer", "controllerManager", "scheduler"] {
        let arguments = &cluster[component]["extraArgs"];
        assert_eq!(argument(arguments, "feature-gates"), Some("A=true,B=false"), "{component}");
    }
    let arguments = &cluster["apiServer"]["extraArgs"];
    assert_eq!(argument(arguments, "runtime-config"), Some("api/alpha=true"));
    let gates = json!({ "A": true, "B": false, "KubeletInUserNamespace": true });
    assert_eq!(documents["KubeletConfiguration"]["featureGates"], gates);
    assert_eq!(
        documents["KubeProxyConfiguration"]["featureGates"],
        json!({ "A": true, "B": false })
    );
    // Without configuration, kubeadm's defaults apply.
    let plan = planned(1, 0);
    assert_eq!(init(&plan.nodes[0])["ClusterConfiguration"]["apiServer"].get("extraArgs"), None);
}

#[test]
fn kubelet_registers_with_node_labels() {
    let plan = planned_from(
        "nodes:\n- labels: {a.b/c: d, e: ''}\n- {role: worker, labels: {tier: front}}\n- role: worker\n",
    )
    .unwrap();
    let labels = |document: &Value| {
        let arguments = &document["nodeRegistration"]["kubeletExtraArgs"];
        argument(arguments, "node-labels").map(str::to_owned)
    };
    let join = |node| documents(text(node, "kubeadm/join.yaml"))["JoinConfiguration"].clone();
    assert_eq!(labels(&init(&plan.nodes[0])["InitConfiguration"]).unwrap(), "a.b/c=d,e=");
    assert_eq!(labels(&join(&plan.nodes[1])).unwrap(), "tier=front");
    assert_eq!(labels(&join(&plan.nodes[2])), None);
}

#[test]
fn kube_proxy_has_the_configured_mode() {
    for mode in ["iptables", "nftables", "ipvs"] {
        let plan = planned_from(&format!("networking: {{kubeProxyMode: {mode}}}\n")).unwrap();
        let proxy = &init(&plan.nodes[0])["KubeProxyConfiguration"];
        assert_eq!(
            (&proxy["mode"], &proxy[mode]["minSyncPeriod"]),
            (&json!(mode), &json!("100ms"))
        );
        assert!(!text(&plan.nodes[0], "node.env").contains("KUBE_PROXY"));
        // IPVS has no rules that would win over kipod's.
        let rules = text(&plan.nodes[0], "network/masquerade.nft");
        assert_eq!(rules.contains("chain api-service"), mode != "ipvs", "{rules}");
    }
    let plan = planned_from("networking: {kubeProxyMode: none}\n").unwrap();
    // The replacement of kube-proxy may handle Service addresses anywhere.
    assert!(!text(&plan.nodes[0], "network/rules.nft").contains("unused-services"));
    assert_eq!(init(&plan.nodes[0]).get("KubeProxyConfiguration"), None);
    assert!(text(&plan.nodes[0], "node.env").contains("KIPOD_NO_KUBE_PROXY=1\n"));
    assert!(!text(&plan.nodes[0], "network/masquerade.nft").contains("api-service"));
}

#[test]
fn kubelet_uses_all_images_of_the_stores() {
    let policy = |version: &str| {
        let plan = planned_of(&ClusterSpec::default(), version, &FoundRegistries::default());
        let kubelet = init(&plan.unwrap().nodes[0])["KubeletConfiguration"].clone();
        kubelet.get("imagePullCredentialsVerificationPolicy").cloned()
    };
    assert_eq!(policy("v1.36.2"), Some(json!("NeverVerify")));
    assert_eq!(policy("v1.35.6"), Some(json!("NeverVerify")));
    // Older kubelets refuse the option.
    assert_eq!(policy("v1.34.9"), None);
}

#[test]
fn old_worker_removes_options_of_newer_kubelets() {
    let patch = "kubeadm/patches/kubeletconfiguration+merge.json";
    let [new, old] = planned_mixed("v1.36.2", "v1.34.9");
    for node in [&new, &old] {
        let join = &documents(text(node, "kubeadm/join.yaml"))["JoinConfiguration"];
        let is_old = node.name == old.name;
        assert_eq!(join["patches"]["directory"].is_string(), is_old, "{}", node.name);
        assert_eq!(has(node, patch), is_old, "{}", node.name);
    }
    let removed: Value = serde_json::from_str(text(&old, patch)).unwrap();
    assert_eq!(removed, json!({ "imagePullCredentialsVerificationPolicy": null }));
}

#[test]
fn schedulable_control_planes_are_not_excluded_from_load_balancers() {
    let marked = |text: &str| {
        let plan = planned_from(text).unwrap();
        plan.nodes.iter().map(|node| has(node, "kubeadm/schedulable")).collect::<Vec<_>>()
    };
    let no_taints =
        "kubeadmConfigPatches: ['{kind: InitConfiguration, nodeRegistration: {taints: []}}']\n";
    let label = "labels: {node.kubernetes.io/exclude-from-external-load-balancers: ''}";
    for (text, expected) in [
        ("", vec![true]),
        ("nodes: [{}, {}, {}]\n", vec![true, true, true]),
        ("nodes: [{}, {role: worker}]\n", vec![false, false]),
        (&format!("{no_taints}nodes: [{{}}, {{role: worker}}]\n"), vec![true, false]),
        (&format!("nodes: [{{{label}}}]\n"), vec![false]),
    ] {
        assert_eq!(marked(text), expected, "{text}");
    }
}

#[test]
fn pods_have_the_rights_of_containerd() {
    let machine = Machine { ping_groups: (0, 999), ..machine() };
    let spec = ClusterSpec::default();
    let plan = planned_with(machine, &spec, "v1.36.2", &FoundRegistries::default(), None).unwrap();
    let crio: toml::Table = text(&plan.nodes[0], "crio/crio.conf").parse().unwrap();
    let runtime = &crio["crio"]["runtime"];
    let list = |key: &str| {
        let values = runtime[key].as_array().unwrap().iter();
        values.map(|value| value.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(
        list("default_sysctls"),
        ["net.ipv4.ip_unprivileged_port_start=0", "net.ipv4.ping_group_range=0 999"]
    );
    let capabilities = list("default_capabilities");
    for needed in ["NET_RAW", "SYS_CHROOT", "NET_BIND_SERVICE"] {
        assert!(capabilities.iter().any(|one| one == needed), "{needed}: {capabilities:?}");
    }
}

#[test]
fn loaded_images_are_searched_first() {
    let plan = planned(1, 0);
    let storage: toml::Table = text(&plan.nodes[0], "containers/storage.conf").parse().unwrap();
    let stores = storage["storage"]["options"]["additionalimagestores"].as_array().unwrap();
    let stores: Vec<&str> = stores.iter().map(|store| store.as_str().unwrap()).collect();
    assert_eq!(stores, ["/kipod/cluster-images", "/kipod/images", "/kipod/host-images"]);
}

#[test]
fn user_cni_replaces_the_pod_network() {
    let plan = planned_from("networking: {disableDefaultCNI: true}\nnodes: [{}, {role: worker}]\n")
        .unwrap();
    for node in &plan.nodes {
        assert!(!has(node, "cni/net.d/10-kipod.conflist"));
        let rules = text(node, "network/rules.nft");
        assert!(!rules.contains("daddr != 10.244.0.0/16 masquerade"), "{rules}");
        assert!(rules.contains("@pods-to-themselves masquerade"), "{rules}");
    }
    assert_eq!(text(&plan.nodes[0], "network/routes"), "");
    assert_eq!(text(&plan.nodes[1], "network/routes"), "172.31.255.1/32 10.89.7.2\n");
}

#[test]
fn all_nodes_have_drop_ins_and_registries() {
    let plan = planned_from(
        "\
nodes: [{}, {role: worker}]
crio:
  dropIns:
    10-log.conf: |
      [crio.runtime]
      log_level = \"debug\"
registries:
- prefix: docker.io
  mirrors: [{location: 'mirror.example:5000/hub', insecure: true}, {location: b.example}]
- {prefix: 'registry:5000', location: 'localhost:5000'}
- {prefix: '*.example.com', insecure: true}
",
    )
    .unwrap();
    for node in &plan.nodes {
        let drop_in = text(node, "crio/crio.conf.d/10-log.conf");
        assert_eq!(drop_in, "[crio.runtime]\nlog_level = \"debug\"\n");
        let registries = text(node, "containers/registries.conf");
        registries.parse::<toml::Table>().unwrap();
        insta::allow_duplicates! {
            insta::assert_snapshot!(registries, @r#"
            # Written by kipod.

            [[registry]]
            prefix = "docker.io"
            location = "docker.io"
            insecure = false

            [[registry.mirror]]
            location = "mirror.example:5000/hub"
            insecure = true

            [[registry.mirror]]
            location = "b.example"
            insecure = false

            [[registry]]
            prefix = "registry:5000"
            location = "localhost:5000"
            insecure = false

            [[registry]]
            prefix = "*.example.com"
            insecure = true
            "#);
        }
    }
}

#[test]
fn all_nodes_have_host_registries_and_credentials() {
    let registry = |name: &str, port, last| crate::spec::LocalRegistry {
        name: name.to_owned(),
        port,
        address: [10, 89, last, 2].into(),
    };
    let auth =
        crate::spec::RegistryAuth::new(r#"{"auths":{"a.example":{"auth":"YTpi"}}}"#).unwrap();
    let found = FoundRegistries {
        auth: Some(auth),
        local: vec![registry("a", 5001, 1), registry("b", 5002, 2)],
        ..FoundRegistries::default()
    };
    let text_of = "nodes: [{}, {role: worker}]\nregistries: [{prefix: 'localhost:5001'}]\n";
    let config = crate::config::read(&format!("{HEAD}{text_of}"), "c.yaml").check().unwrap();
    let plan = planned_where(&config, &found).unwrap();
    for node in &plan.nodes {
        let path = "/var/lib/kipod/crio/registry-auth.json";
        let file = node.files.iter().find(|file| file.path == path).unwrap();
        assert_eq!(file.mode, 0o600);
        let crio: toml::Table = text(node, "crio/crio.conf").parse().unwrap();
        let auth_file = crio["crio"]["image"]["global_auth_file"].as_str();
        assert_eq!(auth_file, Some("/etc/crio/registry-auth.json"));
        insta::allow_duplicates! {
            // The user's entry for a prefix wins.
            insta::assert_snapshot!(text(node, "containers/registries.conf"), @r#"
            # Written by kipod.

            [[registry]]
            prefix = "localhost:5001"
            location = "localhost:5001"
            insecure = false

            [[registry]]
            prefix = "localhost:5002"
            location = "10.89.2.2:5000"
            insecure = true
            "#);
        }
    }
    for output in [serde_json::to_string(&plan).unwrap(), format!("{plan:?}{found:?}")] {
        assert!(!output.contains("YTpi"), "{output}");
    }
    let without = planned_as(&config).unwrap();
    assert!(!has(&without.nodes[0], "crio/registry-auth.json"));
    assert!(!text(&without.nodes[0], "crio/crio.conf").contains("global_auth_file"));
}

#[test]
fn api_server_certificate_has_the_addresses_of_the_host() {
    for (address, expected) in [
        ("127.0.0.1", vec!["localhost", "127.0.0.1"]),
        ("192.168.1.7", vec!["localhost", "127.0.0.1", "192.168.1.7"]),
        ("0.0.0.0", vec!["localhost", "127.0.0.1", "192.168.1.5"]),
        ("::", vec!["localhost", "127.0.0.1", "192.168.1.5", "fd00::5"]),
    ] {
        let text = format!("networking: {{apiServerAddress: '{address}'}}\n");
        let plan = planned_from(&text).unwrap();
        let cluster = &init(&plan.nodes[0])["ClusterConfiguration"];
        assert_eq!(cluster["apiServer"]["certSANs"], json!(expected), "{address}");
    }
}

#[test]
fn kubelet_gets_only_labels_that_it_may_set() {
    let plan =
        planned_from("nodes: [{labels: {tier: a, node-role.kubernetes.io/web: ''}}]\n").unwrap();
    let arguments =
        &init(&plan.nodes[0])["InitConfiguration"]["nodeRegistration"]["kubeletExtraArgs"];
    assert_eq!(argument(arguments, "node-labels"), Some("tier=a"));
}

const PATCHES: &str = "\
kubeadmConfigPatches:
- |
  kind: ClusterConfiguration
  apiServer: {extraArgs: {of-the-cluster: '1'}}
- '{kind: InitConfiguration, nodeRegistration: {kubeletExtraArgs: {v: init}}}'
- '{kind: JoinConfiguration, nodeRegistration: {kubeletExtraArgs: {v: join}}, discovery: {timeout: 1m}}'
nodes:
- kubeadmConfigPatches:
  - '{kind: KubeletConfiguration, maxPods: 7}'
  - '{kind: ClusterConfiguration, etcd: {local: {extraArgs: {of-the-first: yes}}}}'
- kubeadmConfigPatches:
  - '{kind: JoinConfiguration, nodeRegistration: {ignorePreflightErrors: [all]}}'
  - '{kind: KubeletConfiguration, maxPods: 8}'
- {}
- role: worker
  kubeadmConfigPatchesJSON6902:
  - {kind: JoinConfiguration, patch: '[{op: add, path: /nodeRegistration/taints, value: []}]'}
";

#[test]
fn patches_apply_as_in_kind() {
    let plan = planned_from(PATCHES).unwrap();
    let [first, second, third, worker] = plan.nodes.as_slice() else { panic!("four nodes") };
    for (node, v) in [(first, "init"), (second, "join"), (third, "join")] {
        let documents = init(node);
        let cluster = &documents["ClusterConfiguration"];
        assert_eq!(argument(&cluster["apiServer"]["extraArgs"], "of-the-cluster"), Some("1"));
        let etcd = &cluster["etcd"]["local"]["extraArgs"];
        assert_eq!(argument(etcd, "of-the-first"), Some("true"));
        assert!(argument(etcd, "initial-cluster").is_some(), "patches keep the initial members");
        assert_eq!(documents["KubeletConfiguration"]["maxPods"], 7);
        let own = &documents["InitConfiguration"];
        assert_eq!(argument(&own["nodeRegistration"]["kubeletExtraArgs"], "v"), Some(v));
        assert_eq!(own.get("discovery"), None);
        let ignored = &own["nodeRegistration"]["ignorePreflightErrors"];
        assert_eq!(ignored == &json!(["all"]), node.name == second.name);
    }
    let join = &documents(text(worker, "kubeadm/join.yaml"))["JoinConfiguration"];
    assert_eq!(join["nodeRegistration"]["taints"], json!([]));
    assert_eq!(argument(&join["nodeRegistration"]["kubeletExtraArgs"], "v"), Some("join"));
    assert_eq!(join["discovery"]["timeout"], "1m");
}

#[test]
fn generated_documents_have_known_fields() {
    let plan = planned_from("nodes: [{}, {}, {}, {role: worker}]\n").unwrap();
    for node in &plan.nodes {
        let file = node.files.iter().find(|file| {
            file.path.ends_with("kubeadm/init.yaml") || file.path.ends_with("kubeadm/join.yaml")
        });
        for (kind, document) in documents(&file.unwrap().text) {
            assert_eq!(unknown_fields(&kind, &document), [""; 0], "{kind} of {}", node.name);
        }
    }
}

#[test]
fn invalid_patch_fails_the_plan() {
    let error = planned_from(
        "\
nodes:
- {}
- role: worker
  kubeadmConfigPatchesJSON6902:
  - group: kubeadm.k8s.io
    version: v1beta4
    kind: JoinConfiguration
    patch: '[{op: replace, path: /nodeRegistration/taints/0, value: []}]'
",
    );
    let error = error_chain(&error.unwrap_err());
    insta::assert_snapshot!(error, @"c.yaml:8:5: nodes[1].kubeadmConfigPatchesJSON6902[0]: cannot patch JoinConfiguration of node `demo-worker-0`: operation 1 (`replace /nodeRegistration/taints/0`): the path does not exist in the document");
}

#[test]
fn conmon_runs_outside_of_pods_with_limits() {
    for (cgroups, manager, conmon_cgroup) in [
        (CgroupMode::Delegated, "systemd", "system.slice"),
        (CgroupMode::Unlimited, "cgroupfs", "pod"),
    ] {
        let machine = Machine { cgroups, ..machine() };
        let registries = FoundRegistries::default();
        let spec = ClusterSpec::default();
        let plan = planned_with(machine, &spec, "v1.36.2", &registries, None).unwrap();
        let crio: toml::Table = text(&plan.nodes[0], "crio/crio.conf").parse().unwrap();
        let runtime = &crio["crio"]["runtime"];
        assert_eq!(runtime["cgroup_manager"].as_str(), Some(manager));
        assert_eq!(runtime["conmon_cgroup"].as_str(), Some(conmon_cgroup));
    }
}

#[test]
fn probes_of_the_api_server_are_not_held() {
    let hosts = |plan: &Plan, component: &str| {
        let patch = text(&plan.nodes[0], &format!("kubeadm/patches/{component}+strategic.json"));
        let patch: Value = serde_json::from_str(patch).unwrap();
        let container = patch["spec"]["containers"][0].clone();
        ["startupProbe", "livenessProbe", "readinessProbe"]
            .map(|probe| container[probe]["httpGet"]["host"].as_str().map(str::to_owned))
    };
    let loopback = || Some("127.0.0.1".to_owned());
    assert_eq!(hosts(&planned(1, 0), "kube-apiserver"), [loopback(), loopback(), loopback()]);
    assert_eq!(hosts(&planned(1, 0), "etcd"), [None, None, None]);
    // With these arguments, the node cannot see when its API server is ready.
    for argument in ["authorization-config", "authorization-mode", "bind-address", "secure-port"] {
        let patch =
            format!("{{kind: ClusterConfiguration, apiServer: {{extraArgs: {{{argument}: x}}}}}}");
        let plan = planned_from(&format!("kubeadmConfigPatches: ['{patch}']\n")).unwrap();
        assert!(!has(&plan.nodes[0], "network/hold.nft"), "{argument}");
        assert_eq!(hosts(&plan, "kube-apiserver"), [None, None, None], "{argument}");
    }
}
