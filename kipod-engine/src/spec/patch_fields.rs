//! Names of the fields of the kubeadm configuration, to find misspelled ones in patches.
//!
//! kubeadm, kubelet and kube-proxy ignore fields that they do not know.

use serde_json::Value;

use crate::util::suggest::did_you_mean;

/// The fields of each kind, for all supported versions of Kubernetes: `name{fields}` is an object,
/// `name[fields]` a list of objects, `name` any other value. Sources: `types.go` of kubeadm's configuration API
/// v1beta3 and v1beta4, of kubelet's v1beta1 and of kube-proxy's v1alpha1, up to Kubernetes 1.36.
const KINDS: [(&str, &str); 5] = [
    (
        "ClusterConfiguration",
        "apiServer{certSANs extraArgs extraEnvs extraVolumes[hostPath mountPath name pathType readOnly] \
         timeoutForControlPlane} caCertificateValidityPeriod certificateValidityPeriod certificatesDir \
         clusterName controlPlaneEndpoint \
         controllerManager{extraArgs extraEnvs extraVolumes[hostPath mountPath name pathType readOnly]} \
         dns{disabled imageRepository imageTag} encryptionAlgorithm etcd{\
         external{caFile certFile endpoints httpEndpoints keyFile} \
         local{dataDir extraArgs extraEnvs imageRepository imageTag peerCertSANs serverCertSANs}} \
         featureGates imageRepository kubernetesVersion networking{dnsDomain podSubnet serviceSubnet} \
         proxy{disabled} \
         scheduler{extraArgs extraEnvs extraVolumes[hostPath mountPath name pathType readOnly]}",
    ),
    (
        "InitConfiguration",
        "bootstrapTokens[description expires groups token ttl usages] certificateKey dryRun \
         localAPIEndpoint{advertiseAddress bindPort} \
         nodeRegistration{criSocket ignorePreflightErrors imagePullPolicy imagePullSerial \
         kubeletExtraArgs name taints[effect key timeAdded value]} patches{directory} skipPhases \
         timeouts{controlPlaneComponentHealthCheck discovery etcdAPICall kubeletHealthCheck \
         kubernetesAPICall tlsBootstrap upgradeManifests}",
    ),
    (
        "JoinConfiguration",
        "caCertPath controlPlane{certificateKey localAPIEndpoint{advertiseAddress bindPort}} \
         discovery{bootstrapToken{apiServerEndpoint caCertHashes token unsafeSkipCAVerification} \
         file{kubeConfigPath} timeout tlsBootstrapToken} dryRun \
         nodeRegistration{criSocket ignorePreflightErrors imagePullPolicy imagePullSerial \
         kubeletExtraArgs name taints[effect key timeAdded value]} patches{directory} skipPhases \
         timeouts{controlPlaneComponentHealthCheck discovery etcdAPICall kubeletHealthCheck \
         kubernetesAPICall tlsBootstrap upgradeManifests}",
    ),
    (
        "KubeletConfiguration",
        "address allowedUnsafeSysctls authentication{anonymous{enabled} webhook{cacheTTL enabled} \
         x509{clientCAFile}} authorization{mode webhook{cacheAuthorizedTTL cacheUnauthorizedTTL}} \
         cgroupDriver cgroupRoot cgroupsPerQOS clusterDNS clusterDomain \
         configMapAndSecretChangeDetectionStrategy containerLogMaxFiles containerLogMaxSize \
         containerLogMaxWorkers containerLogMonitorInterval containerRuntimeEndpoint contentType \
         cpuCFSQuota cpuCFSQuotaPeriod cpuManagerPolicy cpuManagerPolicyOptions \
         cpuManagerReconcilePeriod crashLoopBackOff{maxContainerRestartPeriod} \
         draManagerReconcilePeriod enableContentionProfiling enableControllerAttachDetach \
         enableDebugFlagsHandler enableDebuggingHandlers enableProfilingHandler enableServer \
         enableSystemLogHandler enableSystemLogQuery enforceNodeAllocatable eventBurst eventRecordQPS \
         evictionHard evictionMaxPodGracePeriod evictionMinimumReclaim \
         evictionPressureTransitionPeriod evictionSoft evictionSoftGracePeriod failCgroupV1 failSwapOn \
         featureGates fileCheckFrequency hairpinMode healthzBindAddress healthzPort \
         httpCheckFrequency imageGCHighThresholdPercent imageGCLowThresholdPercent imageMaximumGCAge \
         imageMinimumGCAge imagePullCredentialsVerificationPolicy imageServiceEndpoint \
         iptablesDropBit iptablesMasqueradeBit kernelMemcgNotification kubeAPIBurst kubeAPIQPS \
         kubeReserved kubeReservedCgroup kubeletCgroups localStorageCapacityIsolation \
         logging{flushFrequency format options verbosity vmodule} makeIPTablesUtilChains maxOpenFiles \
         maxParallelImagePulls maxPods memoryManagerPolicy memoryReservationPolicy \
         memorySwap{swapBehavior} memoryThrottlingFactor mergeDefaultEvictionSettings \
         nodeLeaseDurationSeconds nodeStatusMaxImages nodeStatusReportFrequency \
         nodeStatusUpdateFrequency oomScoreAdj podCIDR podLogsDir podPidsLimit podsPerCore port \
         preloadedImagesVerificationAllowlist protectKernelDefaults providerID qosReserved \
         readOnlyPort registerNode registerWithTaints[effect key timeAdded value] registryBurst \
         registryPullQPS reservedMemory[limits numaNode] reservedSystemCPUs resolvConf \
         rotateCertificates runOnce runtimeRequestTimeout seccompDefault serializeImagePulls \
         serverTLSBootstrap showHiddenMetricsForVersion shutdownGracePeriod \
         shutdownGracePeriodByPodPriority[priority shutdownGracePeriodSeconds] \
         shutdownGracePeriodCriticalPods singleProcessOOMKill staticPodPath staticPodURL \
         staticPodURLHeader streamingConnectionIdleTimeout syncFrequency systemCgroups \
         systemReserved systemReservedCgroup tlsCertFile tlsCipherSuites tlsCurvePreferences \
         tlsMinVersion tlsPrivateKeyFile topologyManagerPolicy topologyManagerPolicyOptions \
         topologyManagerScope tracing{endpoint samplingRatePerMillion} userNamespaces{idsPerPod} \
         volumePluginDir volumeStatsAggPeriod",
    ),
    (
        "KubeProxyConfiguration",
        "bindAddress bindAddressHardFail \
         clientConnection{acceptContentTypes burst contentType kubeconfig qps} clusterCIDR \
         configSyncPeriod conntrack{maxPerCore min tcpBeLiberal tcpCloseWaitTimeout \
         tcpEstablishedTimeout udpStreamTimeout udpTimeout} \
         detectLocal{bridgeInterface interfaceNamePrefix} detectLocalMode enableProfiling featureGates \
         healthzBindAddress hostnameOverride \
         iptables{localhostNodePorts masqueradeAll masqueradeBit minSyncPeriod snatNodeInternalIP syncPeriod} \
         ipvs{excludeCIDRs minSyncPeriod scheduler strictARP syncPeriod tcpFinTimeout tcpTimeout udpTimeout} \
         logging{flushFrequency format options verbosity vmodule} metricsBindAddress mode \
         nftables{masqueradeAll masqueradeBit minSyncPeriod syncPeriod} nodePortAddresses oomScoreAdj \
         portRange showHiddenMetricsForVersion windowsRunAsService \
         winkernel{enableDSR forwardHealthCheckVip networkName rootHnsEndpointName sourceVip}",
    ),
];

/// A field: its name, and the fields of its value if that is an object or a list of objects.
struct Field {
    name: &'static str,
    fields: Vec<Field>,
}

/// Returns the unknown fields of a merge patch, each as a message.
pub(crate) fn unknown_fields(kind: &str, patch: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let Value::Object(fields) = patch else { return found };
    for (name, value) in fields {
        // Patches for kind have `metadata`, although the objects have none.
        if !matches!(name.as_str(), "apiVersion" | "kind" | "metadata") {
            check(&fields_of(kind), name, value, "", &mut found);
        }
    }
    found
}

/// Returns the unknown field of a JSON patch's path as a message, or those of the value to set there.
pub(super) fn unknown_in_operation(kind: &str, path: &str, value: Option<&Value>) -> Vec<String> {
    let mut fields = fields_of(kind);
    let mut parent = String::new();
    for segment in path.split('/').skip(1) {
        let segment = segment.replace("~1", "/").replace("~0", "~");
        let is_index = segment == "-" || segment.bytes().all(|byte| byte.is_ascii_digit());
        if fields.is_empty() {
            return Vec::new();
        }
        if is_index || (parent.is_empty() && matches!(segment.as_str(), "apiVersion" | "kind")) {
            continue;
        }
        match fields.iter().position(|field| field.name == segment) {
            Some(at) => fields = fields.swap_remove(at).fields,
            None => return vec![unknown(&fields, &segment, &parent)],
        }
        parent = format!("{parent}/{segment}");
    }
    let mut found = Vec::new();
    check_value(&fields, value.unwrap_or(&Value::Null), &parent, &mut found);
    found
}

fn check(fields: &[Field], name: &str, value: &Value, parent: &str, found: &mut Vec<String>) {
    match fields.iter().find(|field| field.name == name) {
        Some(field) => check_value(&field.fields, value, &format!("{parent}/{name}"), found),
        None => found.push(unknown(fields, name, parent)),
    }
}

fn check_value(fields: &[Field], value: &Value, path: &str, found: &mut Vec<String>) {
    if fields.is_empty() {
        return;
    }
    match value {
        Value::Object(values) => {
            values.iter().for_each(|(name, value)| check(fields, name, value, path, found));
        }
        Value::Array(items) => {
            items.iter().for_each(|item| check_value(fields, item, path, found));
        }
        _ => {}
    }
}

fn unknown(fields: &[Field], name: &str, parent: &str) -> String {
    let suggestion = did_you_mean(name, fields.iter().map(|field| field.name));
    format!("unknown field `{parent}/{name}`{suggestion}")
}

fn fields_of(kind: &str) -> Vec<Field> {
    let text = KINDS.iter().find(|(known, _)| *known == kind).map_or("", |(_, fields)| fields);
    parse(&mut { text })
}

/// Parses fields up to a closing bracket or the end.
fn parse(text: &mut &'static str) -> Vec<Field> {
    let mut fields = Vec::new();
    loop {
        *text = text.trim_start();
        let end = text.find([' ', '{', '}', '[', ']']).unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        *text = rest.get(1..).unwrap_or_default();
        let separator = rest.chars().next();
        let inner = match separator {
            Some('{' | '[') => parse(text),
            _ => Vec::new(),
        };
        if !name.is_empty() {
            fields.push(Field { name, fields: inner });
        }
        if matches!(separator, None | Some('}' | ']')) {
            return fields;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn unknown_fields_are_found_at_every_level() {
        let patch = json!({
            "kind": "ClusterConfiguration",
            "metadata": { "name": "config" },
            "apiSrver": {},
            "apiServer": { "certSAN": [], "extraVolumes": [{ "name": "x", "hostpath": "/x" }] },
            "etcd": { "local": { "dataDir": "/x", "extraArgs": [{ "name": "v", "value": "1" }] } },
        });
        assert_eq!(
            unknown_fields("ClusterConfiguration", &patch),
            [
                "unknown field `/apiServer/certSAN`; did you mean `certSANs`?",
                "unknown field `/apiServer/extraVolumes/hostpath`; did you mean `hostPath`?",
                "unknown field `/apiSrver`; did you mean `apiServer`?",
            ]
        );
        let maps = json!({ "evictionHard": { "any.thing": "1" }, "featureGates": { "X": true } });
        assert_eq!(unknown_fields("KubeletConfiguration", &maps), [""; 0]);
    }

    #[test]
    fn unknown_in_operation_checks_path_and_value() {
        let kind = "ClusterConfiguration";
        let none: [&str; 0] = [];
        assert_eq!(unknown_in_operation(kind, "/apiServer/certSANs/-", Some(&json!("x"))), none);
        assert_eq!(unknown_in_operation(kind, "/featureGates/X", Some(&json!(true))), none);
        assert_eq!(unknown_in_operation(kind, "/etcd/local/extraArgs/0/value", None), none);
        assert_eq!(
            unknown_in_operation(kind, "/apiServer/certSan/0", None),
            ["unknown field `/apiServer/certSan`; did you mean `certSANs`?"]
        );
        assert_eq!(
            unknown_in_operation(kind, "/apiServer/extraVolumes/-", Some(&json!({ "nam": "x" }))),
            ["unknown field `/apiServer/extraVolumes/nam`; did you mean `name`?"]
        );
    }
}
