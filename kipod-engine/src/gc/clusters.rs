//! Clusters and nodes with an interrupted creation or deletion, and leftovers of clusters without a
//! record.

use std::collections::BTreeSet;

use super::{Prune, PruneError};
use crate::actions::{ChangeError, Context, finish_change};
use crate::cluster::{
    Record, RemoveError, cluster_dir, containers, find, held_image_names, is_retained,
    names_in_podman, remove_locked, settle,
};
use crate::kubernetes::Role;
use crate::lease::NameLock;
use crate::plan::NodeIdentity;
use crate::spec::ClusterName;
use crate::util::text::error_chain;

/// The state of a cluster according to its record.
pub(super) enum State {
    /// The cluster is complete.
    Complete(Box<Record>),
    /// There may be leftovers of the cluster.
    Incomplete,
    /// Only the user can decide about the cluster. Contains the reason.
    Kept(String),
}

impl Prune<'_> {
    /// Removes all incomplete clusters that no process works on.
    pub(super) async fn incomplete_clusters(&mut self) -> Result<(), PruneError> {
        let recorded = Record::all(&self.dirs.state)?.into_iter().map(|(name, _)| name);
        let labelled = names_in_podman(self.podman).await?;
        let names: BTreeSet<String> =
            recorded.chain(labelled).map(|name| name.to_string()).collect();
        for name in names {
            let Ok(name) = name.parse::<ClusterName>() else { continue };
            if NameLock::is_taken(&self.dirs.state, &name) {
                continue;
            }
            match self.state(&name) {
                State::Complete(record) => self.interrupted_change(&record).await?,
                State::Kept(reason) => self.done.kept.push(reason),
                State::Incomplete => {
                    self.remove(&name, |state| matches!(state, State::Incomplete)).await;
                }
            }
        }
        Ok(())
    }

    /// Removes a node whose addition or removal was interrupted. The node is removed from Kubernetes as
    /// well, so it is kept if no control plane is running.
    async fn interrupted_change(&mut self, record: &Record) -> Result<(), PruneError> {
        let Some(identity) = &record.changing else { return Ok(()) };
        let line = format!(
            "node `{}` of cluster `{}` with an interrupted change",
            identity.name, record.name
        );
        let running = containers(self.podman, Some(&record.name)).await?;
        let runs = |one: &NodeIdentity| {
            let found = running.iter().find(|container| container.name == one.name);
            found.is_some_and(|container| container.state.is_running())
        };
        if !record.nodes.iter().any(|one| one.role == Role::ControlPlane && runs(one)) {
            self.done.kept.push(format!("{line}: no control plane is running"));
        } else if self.dry_run {
            self.removed([line]);
        } else {
            let context = Context { podman: self.podman, dirs: self.dirs, events: &|_| {} };
            match finish_change(context, &record.name).await {
                Ok(Some(_)) => self.removed([line]),
                // Another process holds the cluster, or held it in between, and is responsible for it.
                Ok(None) | Err(ChangeError::Lock(_)) => {}
                Err(error) => self.error(&error),
            }
        }
        Ok(())
    }

    pub(super) fn state(&self, name: &ClusterName) -> State {
        match Record::read(&self.dirs.state, name) {
            Ok(Some(record)) if record.complete => State::Complete(Box::new(record)),
            Ok(_) if is_retained(&self.dirs.state, name) => State::Kept(format!(
                "incomplete cluster `{name}` was kept with `--retain`; `kipod delete cluster {name}` removes it"
            )),
            Ok(_) => State::Incomplete,
            // Another version of kipod may be able to read it.
            Err(error) => State::Kept(format!(
                "cluster `{name}`: {}; `kipod delete cluster {name}` removes it",
                error_chain(&error)
            )),
        }
    }

    /// Removes a cluster if `applies` is true for its state under the lock. Returns whether the cluster
    /// does not exist any more, or is another cluster.
    pub(super) async fn remove(
        &mut self,
        name: &ClusterName,
        applies: impl Fn(&State) -> bool,
    ) -> bool {
        let found = match self.dry_run {
            true => self.list(name).await,
            false => {
                // The holder of the lock is responsible for the cluster.
                let Ok(lock) = NameLock::take(&self.dirs.state, name) else { return false };
                let state = self.state(name);
                if !applies(&state) {
                    return true;
                }
                if matches!(state, State::Incomplete) {
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
                self.error(&error);
                false
            }
        }
    }

    /// Lists all resources of a cluster, one per line.
    async fn list(&self, name: &ClusterName) -> Result<Vec<String>, RemoveError> {
        let found = find(self.podman, name).await?;
        let dir = cluster_dir(&self.dirs.state, name);
        let directory = dir.exists().then(|| format!("directory `{}`", dir.display()));
        let kubeconfig = Record::read(&self.dirs.state, name).ok().flatten();
        let entries = kubeconfig.into_iter().flat_map(|record| record.kubeconfig);
        let entries = entries.map(|path| format!("entry `kipod-{name}` of `{}`", path.display()));
        let held = held_image_names(self.podman, name).await;
        let held = held.map_err(|source| RemoveError::List { name: name.clone(), source })?;
        let held = held.into_iter().map(|image| format!("image name `{image}`"));
        let all = found.all().chain(held).chain(entries).chain(directory);
        Ok(all.map(|what| format!("{what} of cluster `{name}`")).collect())
    }
}
