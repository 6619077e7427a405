//! Getting hold of a cluster: the one that is there, or a new one, made by exactly one process.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use kipod_engine::lease::{ClusterFiles, LeaseError, Lock, Phase};
use kube::{Client, Config};

use crate::access;
use crate::error::{SetupError, chain};
use crate::owner::Run;
use crate::settings::stretched;
use crate::share::reaper::Reaper;
use crate::source::{Access, ClusterSource, News, Say, Wanted};

/// How long a cluster that is there may take to answer: a node that was restarted needs eight
/// seconds until its API server is back, on two cores.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
/// How long one attempt to reach it may take.
const ANSWER_ATTEMPT: Duration = Duration::from_secs(5);
/// How long an answer or a lock may take before it is worth telling, and worth others' waiting.
const QUICK: Duration = Duration::from_millis(500);

/// A cluster, and the right to use it for as long as this lives.
pub(crate) struct Hold {
    /// How to reach it.
    pub(crate) access: Access,
    /// How clients reach it; each test makes one of its own from this.
    pub(crate) config: Config,
    /// The client of the runtime that acquired it, and of nobody else.
    pub(crate) client: Client,
    _lease: Lock,
}

/// A cluster that answers.
struct Reached {
    access: Access,
    config: Config,
    client: Client,
}

/// What a look found.
enum Found {
    /// A cluster that can be used.
    Good(Box<Reached>),
    /// None, or one whose creation or deletion was cut off.
    None,
    /// One that will not do, and why. One that is well, but another than is wanted, by its identity.
    Unfit {
        ours: bool,
        other: Option<String>,
        fault: Box<dyn FnOnce(&'static str) -> SetupError + Send>,
    },
}

/// Gets hold of the cluster, creating it if need be, and starts the run's reaper unless it has one.
/// `say` is told what takes long.
pub(crate) async fn acquire(
    source: &dyn ClusterSource,
    files: &ClusterFiles,
    reaper: &mut Reaper,
    wanted: &Wanted,
    say: Say<'_>,
) -> Result<Hold, SetupError> {
    let mut told = false;
    // First of all the one who cleans up, so that nothing is ever without, and the last run leaves the
    // cluster to this one.
    reaper.ensure().await?;
    let gate = lock_gate(files, say, &mut told, shared).await?;
    // It has ended already if the run's owner has. While somebody has the gate, none ends.
    reaper.ensure().await?;
    let lease = shared(&files.lease())?;
    if let Found::Good(reached) = look(source, files, wanted, &|_| {}, QUICK).await? {
        return reached.hold(files, reaper.run(), lease);
    }
    // Not upgraded but taken anew: two who upgrade wait for each other for ever.
    drop(lease);
    drop(gate);
    let gate = lock_gate(files, say, &mut told, exclusive).await?;
    reaper.ensure().await?;
    let found = look(source, files, wanted, say, stretched(ANSWER_LIMIT)).await?;
    let reached = match found {
        Found::Good(reached) => *reached,
        Found::None => create(source, files, &gate, wanted, say).await?,
        Found::Unfit { ours: false, fault, .. } => {
            return Err(fault("it was not made by a test, so no test replaces it"));
        }
        Found::Unfit { fault, other, .. } => {
            match is_used(files, reaper.run(), other.as_deref()).await? {
                true => return Err(fault("other tests are using it")),
                false => {
                    let fault = fault("nobody uses it");
                    let lost = match files.all_kept().len() {
                        0 => String::new(),
                        n => format!("; what {n} tests kept in it goes"),
                    };
                    let line = format!("making cluster `{}` anew: {fault}{lost}", wanted.name);
                    say(News::Line(&line));
                    create(source, files, &gate, wanted, say).await?
                }
            }
        }
    };
    let lease = shared(&files.lease())?;
    // Whoever waits longer than this says something waits for something else.
    gate.note("");
    drop(gate);
    reached.hold(files, reaper.run(), lease)
}

impl Reached {
    async fn new(access: Access, name: &str) -> Result<Self, SetupError> {
        let unusable = |source| SetupError::Kubeconfig { name: name.to_owned(), source };
        let config = access::config(&access).await.map_err(unusable)?;
        let client = access::own_client(&config).map_err(|error| unusable(error.into()))?;
        Ok(Self { access, config, client })
    }

    /// Notes in the file of the run's reaper that the run uses this cluster, and no other of its name.
    fn hold(self, files: &ClusterFiles, run: &Run, lease: Lock) -> Result<Hold, SetupError> {
        let path = files.reaper(&run.id);
        let Self { access, config, client } = self;
        let noted = std::fs::read_to_string(&path).is_ok_and(|text| text == access.identity);
        if !noted {
            std::fs::write(&path, &access.identity)
                .map_err(|source| LeaseError { path, source })?;
        }
        Ok(Hold { access, config, client, _lease: lease })
    }
}

/// Whether somebody uses the cluster: a process, or another run between two of its processes; of a
/// cluster that `run` itself has used and found good, `identity`, the run too.
async fn is_used(
    files: &ClusterFiles,
    run: &Run,
    identity: Option<&str>,
) -> Result<bool, SetupError> {
    let own = files.reaper(&run.id);
    let uses = |path: &PathBuf| match *path == own {
        true => identity.is_some() && std::fs::read_to_string(path).ok().as_deref() == identity,
        false => Lock::is_locked_exclusively(path),
    };
    if files.reapers().iter().any(uses) {
        return Ok(true);
    }
    // A reaper that waits for the lease has it for an instant.
    for _ in 0..5 {
        if Lock::try_exclusive(&files.lease())?.is_some() {
            return Ok(false);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(true)
}

fn shared(path: &Path) -> Result<Lock, LeaseError> {
    Lock::shared(path, || {})
}

fn exclusive(path: &Path) -> Result<Lock, LeaseError> {
    Lock::exclusive(path, || {})
}

/// Waits for the gate, and says once, of all the times that one cluster makes it wait, for whom.
async fn lock_gate(
    files: &ClusterFiles,
    say: Say<'_>,
    told: &mut bool,
    lock: fn(&Path) -> Result<Lock, LeaseError>,
) -> Result<Lock, SetupError> {
    let path: PathBuf = files.gate();
    let mut locking = tokio::task::spawn_blocking(move || lock(&path));
    let locked = match tokio::time::timeout(QUICK, &mut locking).await {
        Ok(locked) => locked,
        Err(_) => {
            if !std::mem::replace(told, true) {
                let note = std::fs::read_to_string(files.gate()).unwrap_or_default();
                let who = if note.is_empty() { "another process looks at it" } else { &note };
                say(News::Line(&format!("waiting for cluster `{}`: {who}", files.name())));
            }
            locking.await
        }
    };
    Ok(locked.map_err(|_| SetupError::Helper)??)
}

/// Looks what there is, without changing anything. The caller has the gate.
async fn look(
    source: &dyn ClusterSource,
    files: &ClusterFiles,
    wanted: &Wanted,
    say: Say<'_>,
    limit: Duration,
) -> Result<Found, SetupError> {
    let name = &wanted.name;
    let failed = |source| SetupError::Source { name: name.clone(), source };
    let Some(access) = source.open(name).await.map_err(failed)? else {
        return Ok(Found::None);
    };
    let ours = match files.phase()? {
        Some(phase @ Phase::Deleting(_)) if phase.is_of(&access.identity) => {
            return Ok(Found::None);
        }
        phase => phase.is_some_and(|phase| phase.is_of(&access.identity)),
    };
    let mismatch = |access: &Access, (found, wanted): (String, String)| {
        let name = name.clone();
        let fault = move |why| SetupError::Mismatch { name, found, wanted, why };
        Found::Unfit { ours, other: Some(access.identity.clone()), fault: Box::new(fault) }
    };
    if let Some(difference) = wanted.difference(&access) {
        return Ok(mismatch(&access, difference));
    }
    let mut reached = Reached::new(access, name).await?;
    if let Err(last) = answers(&reached.client, name, say, limit).await {
        let name = name.clone();
        let fault = move |why| SetupError::Unhealthy { name, waited: limit, last, why };
        return Ok(Found::Unfit { ours, other: None, fault: Box::new(fault) });
    }
    // Of other people's clusters only they themselves know their version. It is asked for once in a
    // process, for whichever of its tests wants one.
    if reached.access.version.is_none() {
        let asked = reached.client.apiserver_version().await;
        let unusable = |source| SetupError::Kubeconfig { name: name.clone(), source };
        match asked {
            Ok(found) => reached.access.version = Some(found.git_version),
            // Who may not ask has tests that do not care, mostly.
            Err(error) if wanted.version.is_some() => return Err(unusable(error.into())),
            Err(_) => {}
        }
        if let Some(difference) = wanted.difference(&reached.access) {
            return Ok(mismatch(&reached.access, difference));
        }
    }
    Ok(Found::Good(Box::new(reached)))
}

/// Waits until the cluster answers; the last fault where it does not.
async fn answers(client: &Client, name: &str, say: Say<'_>, limit: Duration) -> Result<(), String> {
    let began = Instant::now();
    let mut told = false;
    loop {
        let asked = tokio::time::timeout(ANSWER_ATTEMPT, access::ready(client)).await;
        let fault = match asked {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => chain(&error),
            Err(_) => format!("no answer in {} s", ANSWER_ATTEMPT.as_secs()),
        };
        if began.elapsed() > limit {
            return Err(fault);
        }
        if !told && began.elapsed() > QUICK {
            say(News::Line(&format!("waiting for cluster `{name}` to answer: {fault}")));
            told = true;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Creates the cluster. The caller has the gate alone, and nobody has the lease.
async fn create(
    source: &dyn ClusterSource,
    files: &ClusterFiles,
    gate: &Lock,
    wanted: &Wanted,
    say: Say<'_>,
) -> Result<Reached, SetupError> {
    let name = &wanted.name;
    let failed = |source| SetupError::Source { name: name.clone(), source };
    let began = Instant::now();
    let doing = |what: &str| {
        gate.note(&format!("process {} is creating it ({what})", std::process::id()));
    };
    if let Some(phase) = files.phase()? {
        doing("deleting the old one");
        source.delete(name, &phase).await.map_err(failed)?;
        files.forget_content();
    }
    say(News::Line(&format!("creating cluster `{name}`")));
    doing("looking at this machine");
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let since = i64::try_from(since).unwrap_or_default();
    let creating = Phase::Creating(since);
    files.set_phase(Some(&creating))?;
    let listen = |news: News<'_>| match news {
        News::Step(step) => doing(step),
        line => say(line),
    };
    let access = match source.create(wanted, since, &listen).await {
        Ok(access) => access,
        Err(error) => {
            // A whole cluster is somebody else's, who was quicker. Anything less is ours to remove,
            // and stays on record until that has been done.
            let gone = match source.open(name).await {
                Ok(Some(_)) => true,
                _ => source.delete(name, &creating).await.is_ok(),
            };
            if gone {
                files.set_phase(None)?;
            }
            return Err(failed(error));
        }
    };
    files.set_phase(Some(&Phase::Ready(access.identity.clone())))?;
    let seconds = began.elapsed().as_secs_f64();
    say(News::Line(&format!("cluster `{name}` is there after {seconds:.1} s")));
    Reached::new(access, name).await
}
