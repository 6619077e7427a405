//! What tests made, and locks that nobody holds.

use super::Prune;
use super::clusters::Known;
use crate::lease::{ClusterFiles, LeaseError, Lock, all_name_locks};
use crate::spec::ClusterName;

/// The right to remove what tests have of a cluster.
struct Alone {
    gate: Lock,
    lease: Lock,
}

impl Alone {
    /// Takes it, if nobody uses the cluster.
    fn take(files: &ClusterFiles) -> Result<Option<Self>, LeaseError> {
        let Some(gate) = Lock::try_exclusive(&files.gate())? else { return Ok(None) };
        let Some(lease) = Lock::try_exclusive(&files.lease())? else { return Ok(None) };
        let run = files.reapers().iter().any(|path| Lock::is_held_alone(path));
        Ok((!run).then_some(Self { gate, lease }))
    }
}

impl Prune<'_> {
    /// Removes every cluster that tests made and nobody uses, and the files of tests of every cluster
    /// that is gone.
    pub(super) async fn clusters_of_tests(&mut self) {
        for files in ClusterFiles::all(&self.dirs.state) {
            if files.is_in_use() {
                continue;
            }
            if let Err(error) = self.cluster_of_tests(&files).await {
                self.fault(&error);
            }
        }
    }

    async fn cluster_of_tests(&mut self, files: &ClusterFiles) -> Result<(), LeaseError> {
        let present = files.present();
        // From here on nobody begins to use it. A look takes and leaves nothing.
        let alone = match self.dry_run {
            true => None,
            false => match Alone::take(files)? {
                None => return Ok(()),
                alone => alone,
            },
        };
        let (phase, kept) = (files.phase()?, files.all_kept().len());
        // A name that is none of a cluster of ours is of somebody else's.
        let name = files.name().parse::<ClusterName>().ok();
        let known = name.as_ref().map_or(Known::Broken, |name| self.known(name));
        match (&phase, &known) {
            (Some(phase), Known::Whole(record)) if phase.is_of(&record.identity()) => {
                if kept > 0 {
                    let name = &record.name;
                    self.done.stays.push(format!(
                        "cluster `{name}` has what {kept} tests kept; `kipod delete cluster {name}` removes it"
                    ));
                    return Ok(());
                }
                let ours = |known: &Known| matches!(known, Known::Whole(record) if phase.is_of(&record.identity()));
                if !self.remove(&record.name, ours).await {
                    // Known to be the tests' until it is gone.
                    return Ok(());
                }
            }
            // Namespaces in a cluster that tests did not make, perhaps on another machine: their next
            // run deletes them.
            (None, _) | (Some(_), Known::Whole(_)) if kept > 0 => {
                self.done.stays.push(format!(
                    "what {kept} tests kept in cluster `{}`; their next run removes it",
                    files.name()
                ));
                return Ok(());
            }
            // What is left of the cluster itself is found with all that is broken.
            _ => {}
        }
        self.removed(present.iter().map(|path| format!("file `{}`", path.display())));
        if let Some(Alone { gate, lease }) = alone {
            files.remove(gate, lease)?;
        }
        Ok(())
    }

    /// Removes the lock files of names that nobody holds: what killed processes left.
    pub(super) fn name_locks(&mut self) {
        for path in all_name_locks(&self.dirs.state) {
            if Lock::is_held(&path) {
                continue;
            }
            if !self.dry_run {
                match Lock::try_exclusive(&path) {
                    Ok(Some(lock)) => lock.remove(),
                    Ok(None) => continue,
                    Err(error) => {
                        self.fault(&error);
                        continue;
                    }
                }
            }
            self.removed([format!("file `{}`", path.display())]);
        }
    }
}
