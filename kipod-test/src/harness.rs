//! What this process knows of clusters: each is acquired once, and held until the process ends.

use std::collections::HashMap;
use std::process::Child;
use std::sync::{Arc, Mutex, PoisonError};

use kipod_engine::lease::ClusterFiles;
use tokio::sync::OnceCell;

use crate::error::SetupError;
use crate::owner::Run;
use crate::share::{Hold, Job, Reaper, acquire};
use crate::site::TestSite;
use crate::source::{ClusterSource, News, Wanted};

/// A cluster that this process uses.
pub(crate) struct Held {
    pub(crate) source: &'static dyn ClusterSource,
    pub(crate) name: String,
    pub(crate) hold: Hold,
    pub(crate) files: ClusterFiles,
    pub(crate) run: Run,
    /// A test of this binary, by which the binary is run once more.
    pub(crate) site: TestSite,
}

type Cell = Arc<OnceCell<Arc<Held>>>;

/// The clusters this process holds, by name. They are never let go of before the process ends.
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
            hold(source, site, &wanted, Run::current()).await.map(|(held, _)| Arc::new(held))
        })
        .await?;
    // The first of this process who asked for the name has been heard, and nobody else.
    if let Some((found, other)) = wanted.difference(&held.hold.access) {
        let (name, wanted) = (wanted.name, other);
        let why = "other tests are using it";
        return Err(SetupError::Mismatch { name, found, wanted, why });
    }
    Ok(held.clone())
}

/// A cluster for one test alone, with the reaper that waits for this process.
pub(crate) async fn exclusive(
    source: &'static dyn ClusterSource,
    site: TestSite,
    wanted: Wanted,
) -> Result<(Arc<Held>, Option<Child>), SetupError> {
    let (held, reaper) = hold(source, site, &wanted, Run::of_this_process()).await?;
    Ok((Arc::new(held), reaper))
}

async fn hold(
    source: &'static dyn ClusterSource,
    site: TestSite,
    wanted: &Wanted,
    run: Run,
) -> Result<(Held, Option<Child>), SetupError> {
    let name = &wanted.name;
    let failed = |source| SetupError::Source { name: name.clone(), source };
    let state = source.state().map_err(failed)?;
    let files = ClusterFiles::new(&state, name);
    let job = Job { run: run.clone(), state, cluster: name.clone() };
    let mut reaper = Reaper::new(job, site);
    let listen = |news: News<'_>| {
        if let News::Line(line) = news {
            say(line);
        }
    };
    let hold = acquire(source, &files, &mut reaper, wanted, &listen).await?;
    Ok((Held { source, name: name.clone(), hold, files, run, site }, reaper.process))
}

/// Tells what takes long, past the capture of tests' output: who waits half a minute wants to know
/// why before it is over.
pub(crate) fn say(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr().lock(), "kipod: {text}");
}
