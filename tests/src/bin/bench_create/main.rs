//! Measures `kipod create cluster`, compared with serial creation, and with E. All run in turn.
//!
//! E is the time until etcd and kube-apiserver of the component bundle are ready when they are started as
//! plain processes, as envtest does: see [`yardstick`].
//!
//! Serial creation runs each step with `podman exec` after the previous one has finished: start the
//! container, wait for CRI-O, run `kubeadm init`, install the CNI configuration, wait for CoreDNS. Both
//! use the same node image and image store.
//!
//! ```text
//! cargo run --release -p kipod-e2e --bin bench_create -- [ROUNDS]
//! ```
//!
//! Results are seconds from the start of the command. The ratios are medians of the ratios of pairs. "CPU"
//! is the processor time of the node, in seconds. "CPU share" is this time over the time that all
//! processors had until CoreDNS was ready.

mod parallel;
mod serial;
mod yardstick;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use kipod_e2e::bench::{self, median_f64};
use kipod_e2e::local_bundle;
use kipod_engine::node_image::{DEFAULT_IMAGE, node_image};
use kipod_engine::podman::Service;
use kipod_engine::{Dirs, host, plan::Machine};

use parallel::Creation;
use serial::Serial;

/// Seconds until each milestone of a creation.
#[derive(Debug, Clone, Copy, Default)]
struct Times {
    crio: f64,
    api: f64,
    kubeadm: f64,
    dns: f64,
    delete: f64,
    /// Processor time of the node until CoreDNS is ready. Measured for kipod only.
    cpu: f64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let rounds = bench::rounds(3)?;
    let kipod = bench::kipod_binary()?;
    let dirs = Dirs::from_env()?;
    let service = Service::connect(&dirs.runtime, None).await?;
    let machine = Machine::from_facts(&host::check(None).await.facts);
    let driver = machine.storage_driver;
    let image = node_image(&service, DEFAULT_IMAGE, &dirs.data, driver).await?;

    let bundle = local_bundle().context("no component bundle: set KIPOD_COMPONENTS")?;
    let cores = std::thread::available_parallelism()?.get() as f64;
    let (mut serial, mut ours, mut yardsticks) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=rounds {
        let one = yardstick::measure(&bundle).await?;
        println!("{round}  E       {one:.1}");
        yardsticks.push(one);
        let one = Serial::new(&image, &machine)?.run().await?;
        println!("{round}  serial  {}", line(&one));
        serial.push(one);
        let Creation { times, timeline } = parallel::measure(&kipod)?;
        println!("{round}  kipod   {}", line(&times));
        for (time, event) in timeline {
            println!("           {time:5.2}  {event}");
        }
        ours.push(times);
    }
    println!("\nmedian over {rounds} rounds");
    println!("   E       {:.1}", median_f64(yardsticks.clone()));
    println!("   serial  {}", line(&median(&serial)));
    println!("   kipod   {}", line(&median(&ours)));
    let compared = |others: Vec<Times>| {
        let ratio = |pick: fn(&Times) -> f64| {
            median_f64(
                ours.iter().zip(&others).map(|(our, other)| pick(our) / pick(other)).collect(),
            )
        };
        format!(
            "API ready {:.2}   kubeadm {:.2}   CoreDNS ready {:.2}",
            ratio(|times| times.api),
            ratio(|times| times.kubeadm),
            ratio(|times| times.dns)
        )
    };
    println!("   ratio to serial  {}", compared(serial));
    let in_e =
        yardsticks.iter().map(|e| Times { api: *e, kubeadm: *e, dns: *e, ..Times::default() });
    println!("   ratio to E       {}", compared(in_e.collect()));
    let share = median_f64(ours.iter().map(|times| times.cpu / times.dns / cores).collect());
    let cpu = median_f64(ours.iter().map(|times| times.cpu).collect());
    println!(
        "   CPU {cpu:.1} s   CPU share {:.0} % of {cores} processors   wall time over CPU time per processor {:.1}",
        share * 100.0,
        1.0 / share
    );
    measure_list(&kipod)
}

fn line(times: &Times) -> String {
    format!(
        "CRI-O {:5.1}   API ready {:5.1}   kubeadm {:5.1}   CoreDNS ready {:5.1}   delete {:4.1}",
        times.crio, times.api, times.kubeadm, times.dns, times.delete
    )
}

fn median(all: &[Times]) -> Times {
    let of = |pick: fn(&Times) -> f64| median_f64(all.iter().map(pick).collect());
    Times {
        crio: of(|times| times.crio),
        api: of(|times| times.api),
        kubeadm: of(|times| times.kubeadm),
        dns: of(|times| times.dns),
        delete: of(|times| times.delete),
        cpu: of(|times| times.cpu),
    }
}

/// Measures `kipod get clusters`.
fn measure_list(kipod: &Path) -> Result<()> {
    let times = (0..9).map(|_| {
        let start = Instant::now();
        let status = Command::new(kipod).args(["get", "clusters"]).output()?.status;
        if !status.success() {
            bail!("`kipod get clusters` failed");
        }
        Ok(start.elapsed().as_secs_f64() * 1000.0)
    });
    println!("   kipod get clusters {:.0} ms", median_f64(times.collect::<Result<_>>()?));
    Ok(())
}

/// Polls the API server from the host until it is ready, as kipod does.
async fn api_ready(port: u16) -> Result<()> {
    let mut config = kube::Config::new(format!("https://127.0.0.1:{port}").parse()?);
    config.accept_invalid_certs = true;
    let client = kube::Client::try_from(config)?;
    for _ in 0..4800 {
        let request = http::Request::get("/readyz").body(Vec::new())?;
        let response = tokio::time::timeout(Duration::from_secs(2), client.request_text(request));
        if let Ok(Ok(_)) = response.await {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bail!("timed out waiting for the API server")
}
