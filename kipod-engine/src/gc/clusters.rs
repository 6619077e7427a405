//! Clusters whose creation or deletion was cut off, nodes whose addition or removal was, and what is
//! left of clusters without a record.

use std::collections::BTreeSet;

use super::{Prune, PruneError};
use crate::actions::{ChangeError, Context, finish_change};
use crate::cluster::{
    Record, RemoveError, cluster_dir, containers, find, is_retained, names_in_podman,
    remove_locked, settle,
};
use crate::kubernetes::Role;
use crate::lease::NameLock;
use crate::plan::NodeIdentity;
use crate::spec::ClusterName;

/// What the record says of a name.
pub(super) enum Known {
    /// It is a cluster, whole.
    Whole(Box<Record>),
    /// Something of it is left, or may be.
    Broken,
    /// Nobody but its user can say what it is.
    Stays(String),
}

impl Prune<'_> {
    /// Removes every cluster that is broken and that nobody works on.
    pub(super) async fn broken_clusters(&mut self) -> Result<(), PruneError> {
        let recorded = Record::all(&self.dirs.state)?.into_iter().map(|(name, _)| name);
        let labelled = names_in_podman(self.podman).await?;
        let names: BTreeSet<String> =
            recorded.chain(labelled).map(|name| name.to_string()).collect();
        for name in names {
            let Ok(name) = name.parse::<ClusterName>() else { continue };
            if NameLock::is_taken(&self.dirs.state, &name) {
                continue;
            }
            match self.known(&name) {
                Known::Whole(record) => self.cut_off_change(&record).await?,
                Known::Stays(why) => self.done.stays.push(why),
                Known::Broken => {
                    self.remove(&name, |known| matches!(known, Known::Broken)).await;
                }
            }
        }
        Ok(())
    }

    /// Takes away a node whose addition or removal was cut off. Kubernetes has to be told, so it stays
    /// where no control plane runs.
    async fn cut_off_change(&mut self, record: &Record) -> Result<(), PruneError> {
        let Some(identity) = &record.changing else { return Ok(()) };
        let line = format!(
            "node `{}` of cluster `{}`, cut off while it changed",
            identity.name, record.name
        );
        let running = containers(self.podman, Some(&record.name)).await?;
        let runs = |one: &NodeIdentity| {
            let found = running.iter().find(|container| container.name == one.name);
            found.is_some_and(|container| container.state.is_running())
        };
        if !record.nodes.iter().any(|one| one.role == Role::ControlPlane && runs(one)) {
            self.done.stays.push(format!("{line}: no control plane runs"));
        } else if self.dry_run {
            self.removed([line]);
        } else {
            let context = Context { podman: self.podman, dirs: self.dirs, events: &|_| {} };
            match finish_change(context, &record.name).await {
                Ok(Some(_)) => self.removed([line]),
                // Who has the cluster by now, or had it in between, knows what to do with it.
                Ok(None) | Err(ChangeError::Lock(_)) => {}
                Err(error) => self.fault(&error),
            }
        }
        Ok(())
    }

    pub(super) fn known(&self, name: &ClusterName) -> Known {
        match Record::read(&self.dirs.state, name) {
            Ok(Some(record)) if record.complete => Known::Whole(Box::new(record)),
            Ok(_) if is_retained(&self.dirs.state, name) => Known::Stays(format!(
                "cluster `{name}` was kept half-made with `--retain`; `kipod delete cluster {name}` removes it"
            )),
            Ok(_) => Known::Broken,
            // Another kipod may be able to.
            Err(error) => Known::Stays(format!(
                "cluster `{name}`: {error}; `kipod delete cluster {name}` removes it"
            )),
        }
    }

    /// Removes a cluster, if `still` holds of it once nobody else can work on it. Answers whether it
    /// is not there any more, or is another one.
    pub(super) async fn remove(
        &mut self,
        name: &ClusterName,
        still: impl Fn(&Known) -> bool,
    ) -> bool {
        let found = match self.dry_run {
            true => self.list(name).await,
            false => {
                // Who has it by now knows what to do with it.
                let Ok(lock) = NameLock::take(&self.dirs.state, name) else { return false };
                let known = self.known(name);
                if !still(&known) {
                    return true;
                }
                if matches!(known, Known::Broken) {
                    settle().await;
                }
                let found = self.list(name).await;
                let removed = match &found {
                    Ok(_) => remove_locked(self.podman, self.dirs, name).await.map(drop),
                    Err(_) => Ok(()),
                };
                drop(lock);
                removed.and(found)
            }
        };
        match found {
            Ok(found) => {
                self.removed(found);
                true
            }
            Err(error) => {
                self.fault(&error);
                false
            }
        }
    }

    /// All that there is of a cluster, a line each.
    async fn list(&self, name: &ClusterName) -> Result<Vec<String>, RemoveError> {
        let found = find(self.podman, name).await?;
        let dir = cluster_dir(&self.dirs.state, name);
        let folder = dir.exists().then(|| format!("folder `{}`", dir.display()));
        let kubeconfig = Record::read(&self.dirs.state, name).ok().flatten();
        let entries = kubeconfig.into_iter().flat_map(|record| record.kubeconfig);
        let entries = entries.map(|path| format!("entry `kipod-{name}` of `{}`", path.display()));
        let all = found.all().chain(entries).chain(folder);
        Ok(all.map(|what| format!("{what} of cluster `{name}`")).collect())
    }
}
