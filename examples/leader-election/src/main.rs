//! A replica: `leader-election IDENTITY` prints a line when it becomes the leader, and runs until it is
//! terminated.

use std::time::Duration;

use anyhow::Context;
use kube::{Api, Client};
use leader_election::Candidate;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let candidate = Candidate {
        leases: Api::default_namespaced(Client::try_default().await?),
        lease: "leader".to_owned(),
        identity: std::env::args().nth(1).context("usage: leader-election IDENTITY")?,
        // Short for tests. The defaults of client-go are 15 s and 2 s.
        duration: Duration::from_secs(3),
        retry: Duration::from_millis(500),
    };
    candidate.lead(work(&candidate.identity)).await??;
    Ok(())
}

/// The work of the leader.
async fn work(identity: &str) -> std::io::Result<()> {
    let mut terminated = signal(SignalKind::terminate())?;
    println!("{identity} leads");
    terminated.recv().await;
    Ok(())
}
