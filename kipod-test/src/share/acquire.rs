//! Getting hold of a cluster: the one that is there, or a new one, made by exactly one process.

use std::path::Path;
use std::time::{Duration, Instant};

use super::files::{Files, Lock};
use super::state::Phase;
use crate::access;
use crate::error::SetupError;
use crate::source::{Access, ClusterSource, Say, Wanted};

/// How long a cluster that is there may take to answer: a node that was restarted needs eight
/// seconds until its API server is back, on two cores.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
/// How long one attempt to reach it may take.
const ANSWER_ATTEMPT: Duration = Duration::from_secs(5);
/// How long an answer may take before it is worth telling, and worth others' waiting.
const QUICK: Duration = Duration::from_millis(500);

/// A cluster, and the right to use it for as long as this lives.
#[derive(Debug)]
pub(crate) struct Hold {
    /// How to reach it.
    pub(crate) access: Access,
    _lease: Lock,
}

/// What a look found.
enum Found {
    /// A cluster that can be used.
    Good(Access),
    /// None, or one whose creation or deletion was cut off.
    None,
    /// One that will not do, and why.
    Unfit { ours: bool, fault: Box<dyn FnOnce(&'static str) -> SetupError + Send> },
}

/// Gets hold of the cluster, creating it if need be. `say` is told what takes long.
pub(crate) async fn acquire(
    source: &dyn ClusterSource,
    files: &Files,
    wanted: &Wanted,
    say: Say<'_>,
) -> Result<Hold, SetupError> {
    let gate = lock_gate(files, wanted, say, Lock::shared).await?;
    let lease = Lock::shared(&files.lease(), || {})?;
    if let Found::Good(access) = look(source, files, wanted, &|_| {}, QUICK).await? {
        return Ok(Hold { access, _lease: lease });
    }
    // Not upgraded but taken anew: two who upgrade wait for each other for ever.
    drop(lease);
    drop(gate);
    let gate = lock_gate(files, wanted, say, Lock::exclusive).await?;
    let access = match look(source, files, wanted, say, ANSWER_LIMIT).await? {
        Found::Good(access) => access,
        Found::None => create(source, files, wanted, say).await?,
        Found::Unfit { ours: false, fault } => {
            return Err(fault("it was not made by a test, so no test replaces it"));
        }
        Found::Unfit { fault, .. } => match nobody_uses(files).await? {
            false => return Err(fault("other tests are using it")),
            true => {
                say(&format!("making cluster `{}` anew: {}", wanted.name, fault("nobody uses it")));
                create(source, files, wanted, say).await?
            }
        },
    };
    let lease = Lock::shared(&files.lease(), || {})?;
    drop(gate);
    Ok(Hold { access, _lease: lease })
}

/// Whether nobody has the lease. A reaper that waits for that itself has it for an instant.
async fn nobody_uses(files: &Files) -> Result<bool, SetupError> {
    for _ in 0..5 {
        if Lock::try_exclusive(&files.lease())?.is_some() {
            return Ok(true);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(false)
}

/// Called by a lock that cannot be had at once.
type Waiting = Box<dyn FnOnce() + Send>;

async fn lock_gate(
    files: &Files,
    wanted: &Wanted,
    say: Say<'_>,
    lock: fn(&Path, Waiting) -> Result<Lock, SetupError>,
) -> Result<Lock, SetupError> {
    let path = files.gate();
    let (told, waits) = tokio::sync::oneshot::channel::<()>();
    let waiting: Waiting = Box::new(move || {
        let _ = told.send(());
    });
    let locking = tokio::task::spawn_blocking(move || lock(&path, waiting));
    if waits.await.is_ok() {
        say(&format!(
            "waiting for another process, which creates or deletes cluster `{}`",
            wanted.name
        ));
    }
    locking.await.unwrap_or(Err(SetupError::Helper))
}

/// Looks what there is, without changing anything. The caller has the gate.
async fn look(
    source: &dyn ClusterSource,
    files: &Files,
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
    let name = name.clone();
    if let Some(found) = access.version.clone().filter(|found| !wanted.accepts(found)) {
        let wanted = wanted.version.clone().unwrap_or_default();
        let fault = move |why| SetupError::Mismatch { name, found, wanted, why };
        return Ok(Found::Unfit { ours, fault: Box::new(fault) });
    }
    match answers(&access, wanted, say, limit).await? {
        Ok(()) => Ok(Found::Good(access)),
        Err(last) => {
            let fault = move |why| SetupError::Unhealthy { name, waited: limit, last, why };
            Ok(Found::Unfit { ours, fault: Box::new(fault) })
        }
    }
}

/// Whether the cluster answers, with the last fault where it does not.
async fn answers(
    access: &Access,
    wanted: &Wanted,
    say: Say<'_>,
    limit: Duration,
) -> Result<Result<(), String>, SetupError> {
    let client = access::client(access, None)
        .await
        .map_err(|source| SetupError::Kubeconfig { name: wanted.name.clone(), source })?;
    let began = Instant::now();
    let mut told = false;
    loop {
        let asked = tokio::time::timeout(ANSWER_ATTEMPT, access::ready(&client)).await;
        let fault = match asked {
            Ok(Ok(())) => return Ok(Ok(())),
            Ok(Err(error)) => crate::error::chain(&error),
            Err(_) => format!("no answer in {} s", ANSWER_ATTEMPT.as_secs()),
        };
        if began.elapsed() > limit {
            return Ok(Err(fault));
        }
        if !told && began.elapsed() > QUICK {
            say(&format!("waiting for cluster `{}` to answer: {fault}", wanted.name));
            told = true;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Creates the cluster. The caller has the gate alone, and nobody has the lease.
async fn create(
    source: &dyn ClusterSource,
    files: &Files,
    wanted: &Wanted,
    say: Say<'_>,
) -> Result<Access, SetupError> {
    let name = &wanted.name;
    let failed = |source| SetupError::Source { name: name.clone(), source };
    let began = Instant::now();
    if files.phase()?.is_some() {
        source.delete(name).await.map_err(failed)?;
        files.forget_content();
    }
    say(&format!("creating cluster `{name}`"));
    files.set_phase(Some(&Phase::Creating))?;
    let access = match source.create(wanted, say).await {
        Ok(access) => access,
        Err(error) => {
            // A whole cluster is somebody else's, who was quicker. Anything less is ours to remove,
            // and stays on record until that has been done.
            let gone = match source.open(name).await {
                Ok(Some(_)) => true,
                _ => source.delete(name).await.is_ok(),
            };
            if gone {
                files.set_phase(None)?;
            }
            return Err(failed(error));
        }
    };
    files.set_phase(Some(&Phase::Ready(access.identity.clone())))?;
    say(&format!("cluster `{name}` is there after {:.1} s", began.elapsed().as_secs_f64()));
    Ok(access)
}
