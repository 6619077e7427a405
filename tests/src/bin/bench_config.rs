//! How long a configuration file of many nodes takes to be read and checked, against what a reader
//! of YAML takes alone. In turn, in one run; no cluster is made.
//!
//! ```text
//! cargo run --release -p kipod-e2e --bin bench_config -- [NODES] [ROUNDS]
//! ```
//!
//! Figures are milliseconds: the median and the worst.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use kipod_e2e::figures::{line, middle};
use kipod_engine::config;

fn main() -> Result<()> {
    let mut words = std::env::args().skip(1);
    let nodes = words.next().map_or(Ok(100), |text| text.parse::<usize>())?;
    let rounds = words.next().map_or(Ok(50), |text| text.parse::<usize>())?;
    let text = file(nodes);
    let (mut whole, mut tree) = (Vec::new(), Vec::new());
    for _ in 0..rounds.max(1) {
        whole.push(time(|| config::read(&text, "bench.yaml").check())?);
        tree.push(time(|| serde_saphyr::from_str::<serde_json::Value>(&text))?);
    }
    println!("{nodes} nodes, {} KiB", text.len() / 1024);
    println!("kipod, read and checked   {}", line(&mut whole));
    println!("YAML alone                {}", line(&mut tree));
    let ratio = middle(&mut whole).as_secs_f64() / middle(&mut tree).as_secs_f64();
    println!("kipod / YAML alone        {ratio:.2}");
    Ok(())
}

/// A file with everything that a node can have, on each node.
fn file(nodes: usize) -> String {
    let mut text = String::from("kind: Cluster\napiVersion: kipod.io/v1alpha1\nnodes:\n- {}\n");
    for node in 1..nodes.max(1) {
        text.push_str(&format!(
            "\
- role: worker
  image: localhost/kipod-node:v1.36.2
  labels:
    tier: front
    example.com/number: \"{node}\"
  extraMounts:
  - hostPath: /srv/data-{node}
    containerPath: /data
    readOnly: true
    propagation: HostToContainer
  extraPortMappings:
  - containerPort: 80
    hostPort: {port}
    listenAddress: 127.0.0.1
    protocol: TCP
  - containerPort: 53
    hostPort: {port}
    protocol: UDP
  kubeadmConfigPatches:
  - |
    kind: JoinConfiguration
    nodeRegistration:
      kubeletExtraArgs:
        v: \"{node}\"
  kubeadmConfigPatchesJSON6902:
  - group: kubeadm.k8s.io
    version: v1beta4
    kind: JoinConfiguration
    patch: |
      - op: add
        path: /nodeRegistration/taints
        value: []
",
            port = 20_000 + node,
        ));
    }
    text
}

fn time<T, E>(work: impl FnOnce() -> Result<T, E>) -> Result<Duration>
where
    E: std::error::Error + Send + Sync + 'static,
{
    let start = Instant::now();
    let done = work();
    let time = start.elapsed();
    done.context("the file is bad")?;
    Ok(time)
}
