mod decisions;
mod flow;
mod server;

use std::time::{Duration, Instant};

use super::backoff::Backoff;
use super::kubeconfig::{Access, KubeconfigError};
use super::settings::{Settings, SettingsError};
use super::watch::{ApiStatus, WatchEvent, events};

/// Settings as the engine writes them.
fn settings() -> Settings {
    Settings::read(variable).unwrap()
}

fn variable(name: &str) -> Option<String> {
    let value = match name {
        "KIPOD_NODE_NAME" => "demo-control-plane",
        "KIPOD_SERVICE_ADDRESS" => "127.77.0.1",
        "KIPOD_TCP_FIRST" | "KIPOD_UDP_FIRST" => "30000",
        "KIPOD_TCP_LAST" => "32767",
        "KIPOD_TCP_UNREACHABLE" => "30080",
        "KIPOD_UDP_LAST" => "30003",
        "KIPOD_UDP_UNREACHABLE" => "30000 30002",
        _ => return None,
    };
    Some(value.to_owned())
}

#[test]
fn settings_read_the_environment() {
    let settings = settings();
    assert_eq!(settings.node, "demo-control-plane");
    assert_eq!(settings.address.to_string(), "127.77.0.1");
    assert_eq!(settings.tcp.range, 30_000..=32_767);
    assert_eq!(settings.tcp.unreachable, [30_080]);
    assert_eq!(settings.udp.reachable().collect::<Vec<_>>(), [30_001, 30_003]);
}

#[test]
fn settings_refuse_missing_and_invalid_variables() {
    let read = |changed: &str, value: Option<&str>| {
        let other = |name: &str| {
            if name == changed { value.map(str::to_owned) } else { variable(name) }
        };
        Settings::read(other)
    };
    for name in ["KIPOD_NODE_NAME", "KIPOD_UDP_LAST"] {
        assert!(matches!(read(name, None), Err(SettingsError::Missing(_))), "{name}");
    }
    for (name, value) in [
        ("KIPOD_SERVICE_ADDRESS", "fd00::1"),
        ("KIPOD_TCP_FIRST", "65536"),
        ("KIPOD_TCP_UNREACHABLE", "30080 x"),
    ] {
        let error = read(name, Some(value)).unwrap_err();
        assert!(matches!(error, SettingsError::Invalid { .. }), "{name}: {error}");
    }
    assert!(read("KIPOD_TCP_UNREACHABLE", Some("")).unwrap().tcp.unreachable.is_empty());
}

#[test]
fn backoff_doubles_and_resets_after_quiet_time() {
    let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(4));
    let mut now = Instant::now();
    let mut delays = Vec::new();
    for _ in 0..4 {
        let delay = backoff.delay(now);
        delays.push(delay.as_secs());
        now += delay;
    }
    assert_eq!(delays, [1, 2, 4, 4]);
    assert_eq!(backoff.delay(now + Duration::from_secs(7)).as_secs(), 4);
    assert_eq!(backoff.delay(now + Duration::from_secs(7 + 4 + 8)).as_secs(), 1);
}

const KUBECONFIG: &str = "\
apiVersion: v1
kind: Config
current-context: kubernetes-admin@demo
clusters:
- name: other
  cluster: {server: https://10.0.0.1:6443, certificate-authority-data: bm8=}
- name: demo
  cluster:
    certificate-authority-data: Y2E=
    server: https://172.31.255.1:6443
contexts:
- context:
    cluster: demo
    user: kubernetes-admin
  name: kubernetes-admin@demo
preferences: {}
users:
- name: kubernetes-admin
  user:
    client-certificate-data: Y2VydA==
    client-key-data: a2V5
";

#[test]
fn kubeconfig_gives_the_current_context() {
    let access = Access::parse(KUBECONFIG).unwrap();
    assert_eq!(access.server, "https://172.31.255.1:6443");
    assert_eq!(access.certificate_authority, b"ca");
    assert_eq!(access.client_certificate, b"cert");
    assert_eq!(access.client_key, b"key");
}

#[test]
fn kubeconfig_errors_name_what_is_missing() {
    let error = |from: &str, to: &str| Access::parse(&KUBECONFIG.replace(from, to)).unwrap_err();
    let missing = error("name: kubernetes-admin\n", "name: other\n");
    assert_eq!(missing.to_string(), "user `kubernetes-admin` not found");
    assert!(matches!(error("a2V5", "'%'"), KubeconfigError::Base64 { .. }));
    assert!(matches!(error("    client-key-data: a2V5\n", ""), KubeconfigError::Yaml(_)));
}

#[test]
fn watch_events_are_read_one_by_one() {
    let body = concat!(
        r#"{"type":"ADDED","object":{"kind":"Service","metadata":{"name":"a","namespace":"n","uid":"u","resourceVersion":"7"},"spec":{"type":"LoadBalancer"}}}"#,
        "\n",
        r#"{"type":"BOOKMARK","object":{"kind":"Service","metadata":{"resourceVersion":"9","annotations":{}},"spec":{},"status":{"loadBalancer":{}}}}"#,
        "\n",
        r#"{"type":"DELETED","object":{"metadata":{"name":"a","namespace":"n","uid":"u","resourceVersion":"12"},"spec":{}}}"#,
        "\n",
        r#"{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"too old resource version: 1 (5)","reason":"Expired","code":410}}"#,
        "\n",
        r#"{"type":"MODIFIED","object":{"metadata":"#,
    );
    let mut events = events::<WatchEvent>(body.as_bytes());
    let Some(Ok(WatchEvent::Added(service))) = events.next() else { panic!() };
    assert_eq!(service.metadata.resource_version, "7");
    let Some(Ok(WatchEvent::Bookmark(bookmark))) = events.next() else { panic!() };
    assert_eq!(bookmark.metadata.resource_version, "9");
    let Some(Ok(WatchEvent::Deleted(service))) = events.next() else { panic!() };
    assert_eq!(service.metadata.resource_version, "12");
    let Some(Ok(WatchEvent::Error(ApiStatus { code, message }))) = events.next() else { panic!() };
    assert_eq!((code, message.as_str()), (410, "too old resource version: 1 (5)"));
    assert!(matches!(events.next(), Some(Err(_))), "an event that is cut off is an error");
    assert!(events.next().is_none());
}
