//! What the engine tells while it works. It prints nothing itself.

use std::time::Duration;

/// A step of a longer piece of work, in words that complete "kipod is ...".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Step {
    /// Checking that a cluster can run here.
    Check,
    /// Fetching a component bundle.
    Fetch,
    /// Reading and verifying a component bundle.
    Verify,
    /// Building the node image.
    BuildImage,
    /// Filling the image store.
    FillStore,
    /// Removing what an earlier attempt left.
    CleanUp,
    /// Pulling images that a new cluster or a registry is to have.
    PullImages,
    /// Loading images into a cluster.
    LoadImages,
    /// Creating network, volumes and containers.
    CreateNodes,
    /// Waiting until the API server answers.
    StartControlPlane,
    /// Waiting until kubeadm is through with the node.
    Bootstrap,
    /// Waiting until node and cluster DNS are ready.
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
    /// Starting a cluster's nodes again.
    StartNodes,
    /// Adding a node to a cluster.
    AddNode,
    /// Taking a node out of a cluster.
    RemoveNode,
    /// Starting a registry.
    Registry,
}

impl Step {
    /// The step as a line of progress.
    pub fn text(self) -> &'static str {
        match self {
            Self::Check => "checking this machine",
            Self::Fetch => "fetching the component bundle",
            Self::Verify => "verifying the component bundle",
            Self::BuildImage => "building the node image",
            Self::FillStore => "filling the image store",
            Self::CleanUp => "removing what an earlier attempt left",
            Self::PullImages => "pulling images",
            Self::LoadImages => "loading images",
            Self::CreateNodes => "creating nodes",
            Self::StartControlPlane => "starting the control plane",
            Self::Bootstrap => "bootstrapping with kubeadm",
            Self::Ready => "waiting for node and DNS",
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

/// Something worth telling.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A step began.
    Started(Step),
    /// A step ended well, after that time.
    Finished(Step, Duration),
    /// How far a step is.
    Progress(Step, String),
    /// Worth knowing.
    Note(String),
    /// Worth acting on.
    Warning(String),
    /// A detail for those who ask for more.
    Detail(String),
}

/// Who is told. Any function of an [`Event`] will do.
///
/// ```
/// use kipod_engine::{Event, Events};
///
/// let events = |event: Event| eprintln!("{event:?}");
/// events.send(Event::Note("all is well".to_owned()));
/// ```
pub trait Events: Send + Sync {
    /// Tells it. Must not block for long.
    fn send(&self, event: Event);
}

impl<F: Fn(Event) + Send + Sync> Events for F {
    fn send(&self, event: Event) {
        self(event);
    }
}

/// Runs `work` as a step: says that it began, and how long it took when it went well.
pub(crate) async fn step<T, E>(
    events: &dyn Events,
    step: Step,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let start = std::time::Instant::now();
    events.send(Event::Started(step));
    let done = work.await?;
    events.send(Event::Finished(step, start.elapsed()));
    Ok(done)
}
