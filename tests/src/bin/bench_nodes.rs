//! How much longer a cluster of several nodes takes than one of one node: `kipod create cluster` of
//! each size, in turn, in one run.
//!
//! ```text
//! cargo build --release -p kipod-engine --features cli
//! cargo run --release -p kipod-e2e --bin bench_nodes -- [ROUNDS]
//! ```
//!
//! Figures are seconds from the start of the command until every node and cluster DNS are ready; the
//! ratios are medians of those of each round.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

/// The sizes, by what they are called and what is said to get them; all others are compared with the
/// first.
const SIZES: [(&str, &[&str]); 3] = [
    ("1 control plane", &[]),
    ("1 control plane, 2 workers", &["--workers", "2"]),
    ("3 control planes", &["--control-planes", "3"]),
];

fn main() -> Result<()> {
    let rounds: usize = std::env::args().nth(1).map_or(Ok(3), |text| text.parse())?;
    if rounds == 0 {
        bail!("at least one round, please");
    }
    let kipod = std::env::current_exe()?.with_file_name("kipod");
    let mut seconds = [const { Vec::new() }; SIZES.len()];
    for round in 1..=rounds {
        for ((name, words), seconds) in SIZES.iter().zip(&mut seconds) {
            let one = create(&kipod, words)?;
            println!("{round}  {name:28} {one:5.1} s");
            seconds.push(one);
        }
    }
    println!("\nmedian over {rounds} rounds, and ratio to one node");
    let [single, ..] = &seconds;
    for ((name, _), many) in SIZES.iter().zip(&seconds) {
        let ratios = many.iter().zip(single).map(|(many, single)| many / single).collect();
        println!("   {name:28} {:5.1} s   {:4.2}", median(many.clone()), median(ratios));
    }
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Creates a cluster, deletes it, and answers how long its creation took.
fn create(kipod: &Path, words: &[&str]) -> Result<f64> {
    const NAME: &str = "bench-nodes";
    let folder = tempfile::tempdir()?;
    let run = |words: &[&str]| {
        let output = Command::new(kipod)
            .args(words)
            .env("KUBECONFIG", folder.path().join("kubeconfig"))
            .output()
            .with_context(|| format!("`{}`", kipod.display()))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("`kipod {}` failed:\n{said}", words.join(" "));
        }
        Ok(())
    };
    let start = Instant::now();
    let created = run(&[&["create", "cluster", NAME], words].concat());
    let seconds = start.elapsed().as_secs_f64();
    run(&["delete", "cluster", NAME])?;
    created.map(|()| seconds)
}
