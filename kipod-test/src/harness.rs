//! What this process knows of clusters: each is acquired once, and held until the process ends.

use std::collections::HashMap;
use std::process::Child;
use std::sync::{Arc, Mutex, PoisonError};

use kube::{Client, Config};
use tokio::sync::OnceCell;

use crate::access;
use crate::error::SetupError;
use crate::owner::Run;
use crate::share::{Files, Hold, Job, acquire};
use crate::site::TestSite;
use crate::source::{ClusterSource, Wanted};

/// A cluster that this process uses.
pub(crate) struct Held {
    pub(crate) source: &'static dyn ClusterSource,
    pub(crate) name: String,
    pub(crate) hold: Hold,
    pub(crate) files: Files,
    pub(crate) run: Run,
    /// A test of this binary, by which the binary is run once more.
    pub(crate) site: TestSite,
    /// How clients reach it; each test makes one of its own from this.
    pub(crate) config: Config,
    /// The client of the harness's own thread, and of nobody else.
    pub(crate) client: Client,
}

type Cell = Arc<OnceCell<Arc<Held>>>;

/// The clusters this process holds, by name. They are never let go of before the process ends: a
/// lease that came and went with each test would let the cluster go between two of them.
static HELD: Mutex<Option<HashMap<String, Cell>>> = Mutex::new(None);

/// A cluster shared by everyone who asks for its name.
pub(crate) async fn shared(
    source: &'static dyn ClusterSource,
    site: TestSite,
    wanted: Wanted,
) -> Result<Arc<Held>, SetupError> {
    let cell = {
        let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
        held.get_or_insert_default().entry(wanted.name.clone()).or_default().clone()
    };
    let held = cell
        .get_or_try_init(async || {
            let run = Run::current();
            hold(source, site, &wanted, run, true).await.map(|(held, _)| Arc::new(held))
        })
        .await?;
    Ok(held.clone())
}

/// A cluster for one test alone, with the reaper that waits for this process.
pub(crate) async fn exclusive(
    source: &'static dyn ClusterSource,
    site: TestSite,
    wanted: Wanted,
) -> Result<(Arc<Held>, Option<Child>), SetupError> {
    let (held, reaper) = hold(source, site, &wanted, Run::of_this_process(), false).await?;
    Ok((Arc::new(held), reaper))
}

async fn hold(
    source: &'static dyn ClusterSource,
    site: TestSite,
    wanted: &Wanted,
    run: Run,
    shared: bool,
) -> Result<(Held, Option<Child>), SetupError> {
    let name = &wanted.name;
    let failed = |source| SetupError::Source { name: name.clone(), source };
    let state = source.state().map_err(failed)?;
    let files = Files::new(&state, name);
    // First of all the one who cleans up, so that nothing is ever without.
    let job = Job { run: run.clone(), state, cluster: name.clone(), hold: shared };
    let reaper = tokio::task::spawn_blocking(move || job.start(&site))
        .await
        .unwrap_or(Err(SetupError::Helper))?;
    let hold = acquire(source, &files, wanted, &say).await?;
    let unusable = |source| SetupError::Kubeconfig { name: name.clone(), source };
    let config = access::config(&hold.access, None).await.map_err(unusable)?;
    let client = access::connect(config.clone()).map_err(|error| unusable(error.into()))?;
    Ok((Held { source, name: name.clone(), hold, files, run, site, config, client }, reaper))
}

/// Tells what takes long, past the capture of tests' output: who waits half a minute wants to know
/// why before it is over.
fn say(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr().lock(), "kipod: {text}");
}

/// The run this process belongs to.
pub(crate) fn run_id() -> &'static str {
    static ID: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    ID.get_or_init(|| Run::current().id)
}
