//! The nftables rules that redirect connections to the API server.

use std::io;
use std::process::Command;

/// The file with the rules.
const RULES: &str = "/var/lib/kipod/network/hold.nft";
/// Removes the table with the rules, also if it does not exist.
const REMOVE: &str = "add table inet kipod-hold; delete table inet kipod-hold";

/// A failure of `nft`.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RedirectError {
    #[error("failed to run `nft`")]
    Run(#[source] io::Error),
    #[error("`nft` failed: {0}")]
    Nft(String),
}

/// A redirection of connections.
pub(super) trait Redirect {
    /// Redirects new connections.
    fn add(&self) -> Result<(), RedirectError>;
    /// Ends the redirection of new connections. Redirected ones stay open.
    fn remove(&self) -> Result<(), RedirectError>;
}

/// A redirection by nftables.
pub(super) struct NftRedirect;

impl Redirect for NftRedirect {
    fn add(&self) -> Result<(), RedirectError> {
        nft(&["-f", RULES])
    }

    fn remove(&self) -> Result<(), RedirectError> {
        nft(&[REMOVE])
    }
}

fn nft(args: &[&str]) -> Result<(), RedirectError> {
    let output = Command::new("nft").args(args).output().map_err(RedirectError::Run)?;
    match output.status.success() {
        true => Ok(()),
        false => {
            let text = String::from_utf8_lossy(&output.stderr);
            Err(RedirectError::Nft(text.split_whitespace().collect::<Vec<_>>().join(" ")))
        }
    }
}
