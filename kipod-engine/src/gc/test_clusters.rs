//! Prunes test clusters without users, and lock files without holders.

use super::Prune;
use super::clusters::State;
use crate::lease::{ClusterFiles, LeaseError, Lock, all_name_locks};
use crate::spec::ClusterName;

/// The exclusive locks for removing a cluster of tests.
struct ExclusiveLocks {
    gate: Lock,
    lease: Lock,
}

impl ExclusiveLocks {
    /// Takes the locks; returns `None` if the cluster is in use.
    fn take(files: &ClusterFiles) -> Result<Option<Self>, LeaseError> {
        let Some(gate) = Lock::try_exclusive(&files.gate())? else { return Ok(None) };
        let Some(lease) = Lock::try_exclusive(&files.lease())? else { return Ok(None) };
        let active = files.reapers().iter().any(|path| Lock::is_locked_exclusively(path));
        Ok((!active).then_some(Self { gate, lease }))
    }
}

impl Prune<'_> {
    /// Removes all unused clusters that tests created, and the files of tests about deleted clusters.
    pub(super) async fn test_clusters(&mut self) {
        for files in ClusterFiles::all(&self.dirs.state) {
            if files.is_in_use() {
                continue;
            }
            if let Err(error) = self.test_cluster(&files).await {
                self.error(&error);
            }
        }
    }

    async fn test_cluster(&mut self, files: &ClusterFiles) -> Result<(), LeaseError> {
        let present = files.present();
        // From here on no process can start to use the cluster. A dry run takes no locks.
        let locks = match self.dry_run {
            true => None,
            false => match ExclusiveLocks::take(files)? {
                None => return Ok(()),
                locks => locks,
            },
        };
        let (phase, kept) = (files.phase()?, files.all_kept().len());
        // An invalid name belongs to an external cluster.
        let name = files.name().parse::<ClusterName>().ok();
        let state = name.as_ref().map_or(State::Incomplete, |name| self.state(name));
        match (&phase, &state) {
            (Some(phase), State::Complete(record)) if phase.is_of(&record.identity()) => {
                if kept > 0 {
                    let name = &record.name;
                    self.done.kept.push(format!(
                        "cluster `{name}` has {}; `kipod delete cluster {name}` removes it",
                        namespaces(kept)
                    ));
                    return Ok(());
                }
                let ours = |state: &State| matches!(state, State::Complete(record) if phase.is_of(&record.identity()));
                if !self.remove(&record.name, ours).await {
                    // The phase file marks it as a cluster of tests until it is deleted.
                    return Ok(());
                }
            }
            // Namespaces in a cluster that tests did not create, perhaps on another host. The next run
            // of their tests deletes them.
            (None, _) | (Some(_), State::Complete(_)) if kept > 0 => {
                self.done.kept.push(format!(
                    "{} in cluster `{}`, removed by the next test run",
                    namespaces(kept),
                    files.name()
                ));
                return Ok(());
            }
            // Leftovers of the cluster itself are removed with the incomplete clusters.
            _ => {}
        }
        self.removed(present.iter().map(|path| format!("file `{}`", path.display())));
        if let Some(ExclusiveLocks { gate, lease }) = locks {
            files.remove(gate, lease)?;
        }
        Ok(())
    }

    /// Removes lock files that no process holds, which killed processes left behind.
    pub(super) fn name_locks(&mut self) {
        for path in all_name_locks(&self.dirs.state) {
            if Lock::is_locked(&path) {
                continue;
            }
            if !self.dry_run {
                match Lock::try_exclusive(&path) {
                    Ok(Some(lock)) => lock.remove(),
                    Ok(None) => continue,
                    Err(error) => {
                        self.error(&error);
                        continue;
                    }
                }
            }
            self.removed([format!("file `{}`", path.display())]);
        }
    }
}

/// Formats a number of kept namespaces.
fn namespaces(count: usize) -> String {
    match count {
        1 => "1 kept namespace".to_owned(),
        _ => format!("{count} kept namespaces"),
    }
}
