//! Measures reading and validating a configuration file with many nodes, compared with parsing its YAML.
//!
//! Both run in turn. No cluster is created.
//!
//! ```text
//! cargo run --release -p kipod-e2e --bin bench_config -- [NODES] [ROUNDS]
//! ```
//!
//! Results are the median and the maximum in milliseconds.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use kipod_e2e::bench::{median, median_and_worst};
use kipod_engine::config;

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let nodes = args.next().map_or(Ok(100), |text| text.parse::<usize>())?;
    let rounds = args.next().map_or(Ok(50), |text| text.parse::<usize>())?;
    let text = config_file(nodes);
    let (mut complete, mut yaml) = (Vec::new(), Vec::new());
    for _ in 0..rounds.max(1) {
        complete.push(time(|| config::read(&text, "bench.yaml").check())?);
        yaml.push(time(|| serde_saphyr::from_str::<serde_json::Value>(&text))?);
    }
    println!("{nodes} nodes, {} KiB", text.len() / 1024);
    println!("kipod, read and validated {}", median_and_worst(&mut complete));
    println!("YAML only                 {}", median_and_worst(&mut yaml));
    let ratio = median(&mut complete).as_secs_f64() / median(&mut yaml).as_secs_f64();
    println!("kipod / YAML only         {ratio:.2}");
    Ok(())
}

/// Returns a configuration file that sets every field of each node.
fn config_file(nodes: usize) -> String {
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

/// Returns the time that `work` takes.
fn time<T, E>(work: impl FnOnce() -> Result<T, E>) -> Result<Duration>
where
    E: std::error::Error + Send + Sync + 'static,
{
    let start = Instant::now();
    let result = work();
    let elapsed = start.elapsed();
    result.context("invalid configuration file")?;
    Ok(elapsed)
}
