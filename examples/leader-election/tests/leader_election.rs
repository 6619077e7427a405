//! Two replicas as separate processes, and a lease in a real cluster.

use std::process::Stdio;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use kipod::wait::{self, Condition, State};
use kipod::{BoxError, Cluster, FromTestContext, TestContext};
use kube::Client;
use kube::api::{Api, Patch, PatchParams};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// Two replicas. `leader` was started first.
struct Replicas {
    leader: Child,
    _other: Child,
    _kubeconfig: tempfile::NamedTempFile,
}

impl FromTestContext for Replicas {
    async fn from_test_context(context: &TestContext) -> Result<Self, BoxError> {
        let cluster = Cluster::from_test_context(context).await?;
        let kubeconfig = tempfile::NamedTempFile::new()?;
        std::fs::write(&kubeconfig, cluster.kubeconfig()?)?;
        let start = |identity: &str| {
            Command::new(env!("CARGO_BIN_EXE_leader-election"))
                .arg(identity)
                .env("KUBECONFIG", kubeconfig.path())
                .stdout(Stdio::piped())
                .kill_on_drop(true)
                .spawn()
        };
        let mut leader = start("one")?;
        let output = leader.stdout.take().ok_or("standard output is not piped")?;
        let line = BufReader::new(output).lines().next_line().await?;
        assert_eq!(line.as_deref(), Some("one leads"));
        Ok(Self { leader, _other: start("two")?, _kubeconfig: kubeconfig })
    }
}

/// Returns the condition that a replica holds the lease.
fn held_by(identity: &'static str) -> Condition<Lease> {
    Condition::new(format!("held by {identity}"), move |lease: Option<&Lease>| {
        let holder = lease.and_then(|lease| lease.spec.as_ref()?.holder_identity.as_deref());
        if holder == Some(identity) {
            State::Met
        } else {
            State::NotYet(format!("held by {holder:?}"))
        }
    })
}

/// Returns the time between the last renewal and the takeover, and the duration of the lease.
fn takeover_delay(before: &LeaseSpec, after: &LeaseSpec) -> (Duration, Duration) {
    let renewed = before.renew_time.as_ref().unwrap().0;
    let delay = after.acquire_time.as_ref().unwrap().0.duration_since(renewed);
    let duration = before.lease_duration_seconds.unwrap();
    (delay.unsigned_abs(), Duration::from_secs(duration.try_into().unwrap()))
}

#[kipod::test(timeout = "2m")]
#[ignore = "creates a real cluster"]
async fn killed_leader_is_replaced_after_its_lease_expires(
    client: Client,
    mut replicas: Replicas,
) -> anyhow::Result<()> {
    let leases: Api<Lease> = Api::default_namespaced(client);
    let before = leases.get("leader").await?.spec.unwrap();
    assert_eq!(before.holder_identity.as_deref(), Some("one"));
    replicas.leader.kill().await?;

    wait::object(&leases, "leader", held_by("two")).await?;
    let after = leases.get("leader").await?.spec.unwrap();
    assert_eq!(after.lease_transitions, Some(1));
    let (delay, duration) = takeover_delay(&before, &after);
    assert!(delay >= duration, "takeover after {delay:?}, lease duration {duration:?}");
    Ok(())
}

#[kipod::test(timeout = "2m")]
#[ignore = "creates a real cluster"]
async fn terminated_leader_releases_its_lease(
    client: Client,
    mut replicas: Replicas,
) -> anyhow::Result<()> {
    let leases: Api<Lease> = Api::default_namespaced(client);
    let before = leases.get("leader").await?.spec.unwrap();
    let pid = replicas.leader.id().and_then(|pid| Pid::from_raw(pid.try_into().ok()?)).unwrap();
    kill_process(pid, Signal::TERM)?;
    assert!(replicas.leader.wait().await?.success());

    wait::object(&leases, "leader", held_by("two")).await?;
    let after = leases.get("leader").await?.spec.unwrap();
    let (delay, duration) = takeover_delay(&before, &after);
    assert!(delay < duration, "takeover after {delay:?}, lease duration {duration:?}");
    Ok(())
}

#[kipod::test(timeout = "2m")]
#[ignore = "creates a real cluster"]
async fn leader_exits_after_losing_its_lease(
    client: Client,
    mut replicas: Replicas,
) -> anyhow::Result<()> {
    let leases: Api<Lease> = Api::default_namespaced(client);
    let taken = serde_json::json!({ "spec": { "holderIdentity": "three" } });
    leases.patch("leader", &PatchParams::default(), &Patch::Merge(taken)).await?;
    assert!(!replicas.leader.wait().await?.success());
    Ok(())
}
