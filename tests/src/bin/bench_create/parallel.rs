//! `kipod create cluster`: its milestones, the timeline of its node, and the processor time it used.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::Times;
use super::serial::podman;

const NAME: &str = "bench-kipod";
/// The only node.
const NODE: &str = "bench-kipod-control-plane-0";

/// A creation with kipod.
pub(super) struct Creation {
    pub(super) times: Times,
    /// Events in the node with the seconds since the start of the command, in their order.
    pub(super) timeline: Vec<(f64, String)>,
}

/// Creates a cluster with kipod, derives the milestones from its progress messages, and deletes it.
pub(super) fn measure(kipod: &Path) -> Result<Creation> {
    let dir = tempfile::tempdir()?;
    let start = Instant::now();
    let started_at = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64();
    let mut child = Command::new(kipod)
        .args(["create", "cluster", NAME, "--kubeconfig"])
        .arg(dir.path().join("kubeconfig"))
        .stderr(Stdio::piped())
        .spawn()?;
    let mut times = Times::default();
    let mut cpu = None;
    let mut stderr = String::new();
    for line in BufReader::new(child.stderr.take().context("standard error is piped")?).lines() {
        let line = line?;
        let now = start.elapsed().as_secs_f64();
        match () {
            () if line.contains("starting the control plane") => times.api = now,
            () if line.contains("bootstrapping with kubeadm") => times.kubeadm = now,
            () if line.contains("waiting for nodes and DNS") => {
                times.dns = now;
                cpu = Some(cpu_seconds());
            }
            () => {}
        }
        stderr.push_str(&line);
        stderr.push('\n');
    }
    let created = child.wait()?;
    let timeline = timeline(started_at);
    let start = Instant::now();
    let deleted = Command::new(kipod).args(["delete", "cluster", NAME, "--quiet"]).status()?;
    times.delete = start.elapsed().as_secs_f64();
    if !created.success() || !deleted.success() || times.dns == 0.0 {
        bail!("`kipod create cluster` failed:\n{stderr}");
    }
    times.cpu = cpu.context("the cluster was ready")??;
    let mut timeline = timeline?;
    timeline.push((times.api, "API ready (host)".to_owned()));
    timeline.push((times.dns, "CoreDNS ready (host)".to_owned()));
    timeline.sort_by(|one, other| one.0.total_cmp(&other.0));
    Ok(Creation { times, timeline })
}

/// Returns the processor time that the node has used, in seconds. The kernel counts it in each cgroup,
/// also without a cpu controller.
fn cpu_seconds() -> Result<f64> {
    let path = podman(&["inspect", "--format", "{{.State.CgroupPath}}", NODE])?;
    let file = format!("/sys/fs/cgroup{}/cpu.stat", String::from_utf8(path)?.trim());
    let text =
        std::fs::read_to_string(&file).with_context(|| format!("failed to read `{file}`"))?;
    let value = text.lines().find_map(|line| line.strip_prefix("usage_usec "));
    Ok(value.with_context(|| format!("no `usage_usec` in `{file}`"))?.parse::<f64>()? / 1e6)
}

/// Reads the phases that the node has reported, and when CRI-O created its containers.
fn timeline(started_at: f64) -> Result<Vec<(f64, String)>> {
    let mut events = Vec::new();
    let phases = podman(&["exec", NODE, "cat", "/kipod/status/phases"])?;
    for line in String::from_utf8(phases)?.lines() {
        let (time, phase) = line.split_once(' ').context("a time and a phase")?;
        events.push((time.parse::<f64>()? - started_at, phase.to_owned()));
    }
    let list = podman(&["exec", NODE, "crictl", "ps", "--all", "--output", "json"])?;
    let list: Value = serde_json::from_slice(&list)?;
    for container in list["containers"].as_array().context("a list of containers")? {
        let name = container["metadata"]["name"].as_str().context("a name")?;
        let created: f64 = container["createdAt"].as_str().context("a time")?.parse()?;
        events.push((created / 1e9 - started_at, format!("container {name} created")));
    }
    Ok(events)
}
