//! Progress events and tracing spans. The engine itself prints nothing.

use std::time::{Duration, Instant};

use tracing::Instrument as _;

/// A step of an operation.
///
/// ```
/// use kipod_engine::Step;
///
/// assert_eq!(Step::CreateNodes.text(), "creating nodes");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Step {
    /// Checking whether this host can run clusters.
    Check,
    /// Fetching a component bundle.
    Fetch,
    /// Reading and verifying a component bundle.
    Verify,
    /// Building the node image.
    BuildImage,
    /// Copying images to the image store.
    FillStore,
    /// Removing leftovers of an earlier attempt.
    CleanUp,
    /// Pulling images for a new cluster or a registry.
    PullImages,
    /// Loading images into a cluster.
    LoadImages,
    /// Creating the network, volumes and containers.
    CreateNodes,
    /// Waiting for the API server.
    StartControlPlane,
    /// Waiting for kubeadm to finish on all nodes.
    Bootstrap,
    /// Waiting for nodes and cluster DNS to be ready.
    Ready,
    /// Installing the default StorageClass.
    Storage,
    /// Installing metrics-server.
    Metrics,
    /// Writing the kubeconfig.
    Kubeconfig,
    /// Removing a cluster.
    Delete,
    /// Stopping a cluster's nodes.
    Stop,
    /// Starting a cluster's stopped nodes.
    StartNodes,
    /// Adding a node to a cluster.
    AddNode,
    /// Removing a node from a cluster.
    RemoveNode,
    /// Starting a registry.
    Registry,
}

impl Step {
    /// Returns the step as a line of progress, such as "creating nodes".
    pub fn text(self) -> &'static str {
        match self {
            Self::Check => "checking this machine",
            Self::Fetch => "fetching the component bundle",
            Self::Verify => "verifying the component bundle",
            Self::BuildImage => "building the node image",
            Self::FillStore => "filling the image store",
            Self::CleanUp => "removing leftovers of an earlier attempt",
            Self::PullImages => "pulling images",
            Self::LoadImages => "loading images",
            Self::CreateNodes => "creating nodes",
            Self::StartControlPlane => "starting the control plane",
            Self::Bootstrap => "bootstrapping with kubeadm",
            Self::Ready => "waiting for nodes and DNS",
            Self::Storage => "installing the default StorageClass",
            Self::Metrics => "installing metrics-server",
            Self::Kubeconfig => "writing the kubeconfig",
            Self::Delete => "deleting the cluster",
            Self::Stop => "stopping nodes",
            Self::StartNodes => "starting nodes",
            Self::AddNode => "adding the node",
            Self::RemoveNode => "removing the node",
            Self::Registry => "starting the registry",
        }
    }
}

/// A progress event.
///
/// ```no_run
/// use kipod_engine::{Engine, Event};
///
/// # async fn example() -> Result<(), kipod_engine::Error> {
/// let engine = Engine::builder()
///     .events(|event: Event| match event {
///         Event::Started(step) => eprintln!("{} ...", step.text()),
///         Event::Finished(step, duration) => eprintln!("{}: {duration:.1?}", step.text()),
///         Event::Warning(text) => eprintln!("warning: {text}"),
///         _ => {}
///     })
///     .connect()
///     .await?;
/// # let _ = engine;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A step started.
    Started(Step),
    /// A step succeeded, with its duration.
    Finished(Step, Duration),
    /// The progress within a step.
    Progress(Step, String),
    /// Information for the user.
    Note(String),
    /// A problem that the user should act on.
    Warning(String),
    /// A detail for verbose output.
    Detail(String),
}

/// A receiver of events. Every `Fn(Event)` is one.
///
/// ```
/// use kipod_engine::{Event, Events};
///
/// let events = |event: Event| eprintln!("{event:?}");
/// events.send(Event::Note("nothing to do".to_owned()));
/// ```
pub trait Events: Send + Sync {
    /// Receives an event. Must not block for long.
    fn send(&self, event: Event);
}

impl<F: Fn(Event) + Send + Sync> Events for F {
    fn send(&self, event: Event) {
        self(event);
    }
}

/// Runs `work` as a step, in a tracing span. Sends [`Event::Started`], and on success
/// [`Event::Finished`] with the duration.
pub(crate) async fn step<T, E>(
    events: &dyn Events,
    step: Step,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let span = tracing::info_span!("step", name = step.text());
    let start = Instant::now();
    events.send(Event::Started(step));
    let done = work.instrument(span).await?;
    events.send(Event::Finished(step, start.elapsed()));
    Ok(done)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[tokio::test]
    async fn step_reports_success_but_not_failure() {
        let sent = Mutex::new(Vec::new());
        let events = |event: Event| sent.lock().unwrap().push(event);
        let done = step(&events, Step::Check, async { Ok::<_, ()>(7) }).await;
        assert_eq!(done, Ok(7));
        let failed = step(&events, Step::Stop, async { Err::<(), _>("no") }).await;
        assert_eq!(failed, Err("no"));
        let sent = sent.into_inner().unwrap();
        assert!(
            matches!(
                sent[..],
                [
                    Event::Started(Step::Check),
                    Event::Finished(Step::Check, _),
                    Event::Started(Step::Stop)
                ]
            ),
            "{sent:?}"
        );
    }
}
