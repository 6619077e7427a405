//! Tests of tuning for slow machines.

use super::*;
use crate::util::timeouts::Timeouts;

#[test]
fn slow_machine_has_longer_probe_periods() {
    let periods = |factor: &str, component: &str| {
        let slow = Machine { timeouts: Timeouts::new(factor.parse().unwrap()), ..machine() };
        let plan = planned_on(slow, 1, 0);
        let patch = text(&plan.nodes[0], &format!("kubeadm/patches/{component}+strategic.json"));
        let patch: serde_json::Value = serde_json::from_str(patch).unwrap();
        let container = &patch["spec"]["containers"][0];
        let period = |probe: &str| container[probe]["periodSeconds"].as_u64();
        (period("startupProbe"), period("readinessProbe"), period("livenessProbe"))
    };
    assert_eq!(periods("10", "kube-apiserver"), (Some(10), Some(10), Some(100)));
    // kubeadm gives it no readiness probe, and a period without a check is invalid.
    assert_eq!(periods("10", "kube-controller-manager"), (Some(10), None, Some(100)));
    assert_eq!(periods("1.5", "etcd"), (Some(2), Some(2), Some(15)));
    // Periods are never shorter than the default.
    for factor in ["0.1", "1"] {
        assert_eq!(periods(factor, "etcd"), (Some(1), Some(1), Some(10)));
    }
}

#[test]
fn slow_machine_is_tuned() {
    let on = |factor: &str, control_planes| {
        let slow = Machine { timeouts: Timeouts::new(factor.parse().unwrap()), ..machine() };
        planned_on(slow, control_planes, 0)
    };
    let init = |plan: &Plan| documents(text(&plan.nodes[0], "kubeadm/init.yaml"));
    let has = |list: &serde_json::Value, name: &str| {
        let found = list.as_array()?.iter().find(|one| one["name"] == name)?;
        Some(found["value"].as_str()?.to_owned())
    };
    let variable = |plan: &Plan, component: &str, name: &str| {
        let cluster = &init(plan)["ClusterConfiguration"];
        let component = match component {
            "etcd" => &cluster["etcd"]["local"],
            other => &cluster[other],
        };
        has(&component["extraEnvs"], name)
    };
    let argument = |plan: &Plan, name: &str| {
        has(&init(plan)["ClusterConfiguration"]["etcd"]["local"]["extraArgs"], name)
    };
    let environment = |factor: &str| {
        init(&on(factor, 1))["ClusterConfiguration"]["apiServer"]["extraEnvs"].clone()
    };
    assert_eq!(environment("1.5"), serde_json::json!([{ "name": "GOGC", "value": "400" }]));
    assert!(environment("1").is_null());
    let (slow, wait) = (on("2.5", 1), "KIPOD_WAIT_FOR_API_SERVER");
    assert_eq!(variable(&slow, "apiServer", "GOGC").as_deref(), Some("400"));
    assert_eq!(variable(&slow, "apiServer", "GOMAXPROCS"), None, "it serves the user's requests");
    for component in ["etcd", "controllerManager", "scheduler"] {
        assert_eq!(variable(&slow, component, "GOMAXPROCS").as_deref(), Some("1"), "{component}");
    }
    assert_eq!(variable(&slow, "controllerManager", wait).as_deref(), Some("127.0.0.1:6443"));
    assert_eq!(variable(&slow, "scheduler", wait).as_deref(), Some("127.0.0.1:6443"));
    assert_eq!(variable(&slow, "etcd", wait), None, "the API server waits for it");
    assert_eq!(argument(&slow, "watch-progress-notify-interval").as_deref(), Some("12500ms"));
    assert_eq!(init(&slow)["KubeletConfiguration"]["runtimeRequestTimeout"], "300000ms");
    let (a_bit, very) = (on("1.1", 1), on("100", 1));
    assert_eq!(init(&a_bit)["KubeletConfiguration"]["runtimeRequestTimeout"], "250000ms");
    assert_eq!(argument(&very, "watch-progress-notify-interval").as_deref(), Some("60000ms"));
    assert!(text(&slow.nodes[0], "node.env").contains("\nGOMAXPROCS=1\n"));
    // With leader election, components wait by themselves.
    assert_eq!(variable(&on("2.5", 3), "controllerManager", wait), None);

    for factor in ["0.5", "1"] {
        let usual = on(factor, 1);
        for component in ["apiServer", "etcd", "controllerManager", "scheduler"] {
            assert!(variable(&usual, component, "GOMAXPROCS").is_none(), "{component}");
        }
        assert_eq!(variable(&usual, "apiServer", "GOGC"), None);
        assert_eq!(variable(&usual, "controllerManager", wait), None);
        assert_eq!(argument(&usual, "watch-progress-notify-interval"), None);
        assert!(init(&usual)["KubeletConfiguration"]["runtimeRequestTimeout"].is_null());
        assert!(!text(&usual.nodes[0], "node.env").contains("GOMAXPROCS"));
    }
}
