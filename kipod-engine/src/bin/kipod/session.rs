//! Common parts of the commands: the engine with its progress and cancellation, and parsing of names.

use std::time::Duration;

use kipod_engine::spec::{ClusterName, parse_duration};
use kipod_engine::{CancellationToken, Engine, EngineBuilder, Event, Events};
use tokio::signal::unix::{SignalKind, signal};

use crate::args::BundleArgs;
use crate::failure::Failure;
use crate::progress::Progress;

/// Returns a builder of an engine that reports to `progress`.
pub(crate) fn builder(progress: &'static Progress) -> EngineBuilder {
    Engine::builder().events(|event: Event| progress.send(event))
}

/// Opens an engine that contacts Podman on first use.
pub(crate) fn open(progress: &'static Progress) -> Result<Engine, Failure> {
    Ok(builder(progress).open()?)
}

/// Opens an engine whose work SIGINT, SIGTERM and SIGHUP cancel.
pub(crate) fn open_cancellable(progress: &'static Progress) -> Result<Engine, Failure> {
    Ok(builder(progress).cancel(cancel_on_signals(progress)?).open()?)
}

/// The same, with the source of node images that the command line names.
pub(crate) fn open_with_bundle(
    progress: &'static Progress,
    bundle: &BundleArgs,
) -> Result<Engine, Failure> {
    let builder = builder(progress).cancel(cancel_on_signals(progress)?);
    Ok(builder.node_image_source(bundle.source()).open()?)
}

/// Parses a cluster's name; without one it is the default.
pub(crate) fn cluster_name(name: Option<&str>) -> Result<ClusterName, Failure> {
    Ok(name.map(str::parse).transpose()?.unwrap_or_default())
}

/// Parses names of clusters, and reports all that are invalid.
pub(crate) fn cluster_names(names: &[String]) -> Result<Vec<ClusterName>, Failure> {
    let (mut parsed, mut errors) = (Vec::new(), Vec::new());
    for name in names {
        match name.parse::<ClusterName>() {
            Ok(name) => parsed.push(name),
            Err(error) => errors.push(error.to_string()),
        }
    }
    if errors.is_empty() { Ok(parsed) } else { Err(Failure::usage(errors.join("\nerror: "))) }
}

/// Parses the value of `--wait`.
pub(crate) fn wait(value: Option<&str>) -> Result<Option<Duration>, Failure> {
    let parse = |value| parse_duration(value);
    value.map(parse).transpose().map_err(|error| Failure::usage(format!("--wait: {error}")))
}

/// Returns a token that the first SIGINT, SIGTERM or SIGHUP cancels. The second ends the process.
fn cancel_on_signals(progress: &'static Progress) -> std::io::Result<CancellationToken> {
    let token = CancellationToken::new();
    let cancelled = token.clone();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
            if token.is_cancelled() {
                std::process::exit(130);
            }
            progress.send(Event::Note("stopping, and removing what was created ...".to_owned()));
            token.cancel();
        }
    });
    Ok(cancelled)
}
