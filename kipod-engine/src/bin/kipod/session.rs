//! What most commands begin with: kipod's folders, the user's Podman, and who listens.

use std::time::Duration;

use kipod_engine::actions::Context;
use kipod_engine::node::StorageDriver;
use kipod_engine::podman::Service;
use kipod_engine::spec::{ClusterName, DEFAULT_WAIT, parse_duration};
use kipod_engine::{CancellationToken, Dirs, Event, Events, TimeFactor};
use tokio::signal::unix::{SignalKind, signal};

use crate::failure::Failure;
use crate::progress::Progress;

/// A connection to Podman, with all that goes with it.
pub(crate) struct Session<'a> {
    pub(crate) dirs: Dirs,
    pub(crate) service: Service,
    pub(crate) progress: &'a Progress,
}

impl<'a> Session<'a> {
    pub(crate) async fn open(progress: &'a Progress) -> Result<Self, Failure> {
        let dirs = Dirs::from_env()?;
        let host = std::env::var("CONTAINER_HOST").ok();
        let service = Service::connect(&dirs.runtime, host.as_deref()).await?;
        Ok(Self { dirs, service, progress })
    }

    pub(crate) fn context(&self) -> Context<'_> {
        Context { podman: &self.service, dirs: &self.dirs, events: self.progress }
    }
}

/// The name that was typed, or the default one.
pub(crate) fn cluster_name(typed: Option<&str>) -> Result<ClusterName, Failure> {
    match typed {
        Some(name) => {
            Ok(name.parse::<ClusterName>().map_err(|error| Failure::from(error).code(2))?)
        }
        None => Ok(ClusterName::default()),
    }
}

/// The names that were typed, or everything that is wrong with any of them.
pub(crate) fn cluster_names(typed: &[String]) -> Result<Vec<ClusterName>, Failure> {
    let (mut names, mut faults) = (Vec::new(), Vec::new());
    for name in typed {
        match name.parse::<ClusterName>() {
            Ok(name) => names.push(name),
            Err(error) => faults.push(error.to_string()),
        }
    }
    if faults.is_empty() { Ok(names) } else { Err(Failure::new(faults.join("\nerror: ")).code(2)) }
}

/// A time that was typed after `flag`.
pub(crate) fn duration(flag: &str, typed: &str) -> Result<Duration, Failure> {
    parse_duration(typed).map_err(|error| Failure::new(format!("{flag}: {error}")).code(2))
}

/// How much slower than usual the user says that the machine is.
pub(crate) fn time_factor() -> Result<TimeFactor, Failure> {
    TimeFactor::from_env().map_err(|error| Failure::new(error.to_string()).code(2))
}

/// How long is waited for a cluster: as long as was typed after `--wait`, or as long as this machine needs.
pub(crate) fn wait(typed: Option<&str>, factor: TimeFactor) -> Result<Duration, Failure> {
    match typed {
        Some(typed) => duration("--wait", typed),
        None => Ok(factor.of(DEFAULT_WAIT)),
    }
}

/// Listens for the signals that ask to stop. The first asks the work to stop and undo what it did,
/// the second ends kipod at once.
pub(crate) fn stop_on_signals(progress: &'static Progress) -> std::io::Result<CancellationToken> {
    let cancel = CancellationToken::new();
    let canceller = cancel.clone();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        let mut asked = false;
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
            if asked {
                std::process::exit(130);
            }
            asked = true;
            progress.send(Event::Note("stopping, and removing what was created ...".to_owned()));
            canceller.cancel();
        }
    });
    Ok(cancel)
}

/// Whether the node image is there, for `kipod check`.
pub(crate) async fn node_image_fact(
    reference: &str,
    driver: StorageDriver,
) -> Option<kipod_engine::host::NodeImage> {
    let dirs = Dirs::from_env().ok()?;
    let host = std::env::var("CONTAINER_HOST").ok();
    let service = Service::connect(&dirs.runtime, host.as_deref()).await.ok()?;
    let found = kipod_engine::node_image::node_image(&service, reference, &dirs.data, driver).await;
    Some(kipod_engine::host::NodeImage { reference: reference.to_owned(), present: found.is_ok() })
}
