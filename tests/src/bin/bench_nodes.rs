//! Measures `kipod create cluster` with several nodes, compared with one node. All sizes run in turn.
//!
//! ```text
//! cargo build --release -p kipod-engine
//! cargo run --release -p kipod-e2e --bin bench_nodes -- [ROUNDS]
//! ```
//!
//! Results are seconds from the start of the command until every node and cluster DNS are ready. The
//! ratios are the medians of the ratios of each round.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use kipod_e2e::bench::{self, median_f64};

/// The name and the arguments of each size. The first one is the baseline.
const SIZES: [(&str, &[&str]); 3] = [
    ("1 control plane", &[]),
    ("1 control plane, 2 workers", &["--workers", "2"]),
    ("3 control planes", &["--control-planes", "3"]),
];

fn main() -> Result<()> {
    let rounds = bench::rounds(3)?;
    if rounds == 0 {
        bail!("at least one round is required");
    }
    let kipod = bench::kipod_binary()?;
    let mut seconds = [const { Vec::new() }; SIZES.len()];
    for round in 1..=rounds {
        for ((name, args), seconds) in SIZES.iter().zip(&mut seconds) {
            let one = create(&kipod, args)?;
            println!("{round}  {name:28} {one:5.1} s");
            seconds.push(one);
        }
    }
    println!("\nmedian over {rounds} rounds, and ratio to one node");
    let [single, ..] = &seconds;
    for ((name, _), many) in SIZES.iter().zip(&seconds) {
        let ratios = many.iter().zip(single).map(|(many, single)| many / single).collect();
        println!("   {name:28} {:5.1} s   {:4.2}", median_f64(many.clone()), median_f64(ratios));
    }
    Ok(())
}

/// Creates and deletes a cluster. Returns the seconds that the creation took.
fn create(kipod: &Path, args: &[&str]) -> Result<f64> {
    const NAME: &str = "bench-nodes";
    let dir = tempfile::tempdir()?;
    let run = |args: &[&str]| {
        let output = Command::new(kipod)
            .args(args)
            .env("KUBECONFIG", dir.path().join("kubeconfig"))
            .output()
            .with_context(|| format!("`{}`", kipod.display()))?;
        if !output.status.success() {
            let stderr = String::from_utf8_lossy(&output.stderr);
            bail!("`kipod {}` failed:\n{stderr}", args.join(" "));
        }
        Ok(())
    };
    let start = Instant::now();
    let created = run(&[&["create", "cluster", NAME], args].concat());
    let seconds = start.elapsed().as_secs_f64();
    run(&["delete", "cluster", NAME])?;
    created.map(|()| seconds)
}
