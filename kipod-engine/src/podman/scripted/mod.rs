//! [`Scripted`], an implementation of [`Podman`](crate::podman::Podman) for unit tests: it keeps objects in
//! memory, records every call, and fails on request.

mod podman;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

use crate::podman::api::{
    BoxFuture, ContainerInfo, ContainerOptions, ContainerState, ExecOutput, ImageInfo, Labels,
    NetworkInfo, Platform, PodmanError,
};

/// A scripted [`Podman`](crate::podman::Podman). Returns Podman's errors for names in use and for objects
/// that do not exist.
///
/// ```
/// use kipod_engine::podman::{Podman, PodmanError, Scripted, VolumeOptions};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let podman = Scripted::new();
/// podman.fail("remove_volume", || PodmanError::NotInstalled);
/// let options = VolumeOptions { name: "v".into(), labels: Default::default() };
/// podman.create_volume(&options).await.unwrap();
/// podman.remove_volume("v").await.unwrap_err();
/// assert!(podman.remove_volume("v").await.unwrap());
/// assert_eq!(podman.calls(), ["create_volume v", "remove_volume v", "remove_volume v"]);
/// assert!(podman.is_empty());
/// # });
/// ```
#[derive(Default)]
pub struct Scripted {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    calls: Vec<String>,
    failures: Vec<(String, Box<dyn Fn() -> PodmanError + Send>)>,
    outputs: Vec<(String, ExecOutput)>,
    images: BTreeMap<String, ImageInfo>,
    registry: BTreeMap<String, ImageInfo>,
    archives: Vec<ImageInfo>,
    networks: BTreeMap<String, NetworkInfo>,
    volumes: BTreeMap<String, Labels>,
    containers: BTreeMap<String, (ContainerInfo, ContainerOptions)>,
    uploads: Vec<Upload>,
    restarts: BTreeMap<String, u64>,
    /// Containers and volumes, by kind and name, that exist only as files.
    partial: BTreeSet<(&'static str, String)>,
}

/// An archive that was uploaded to a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// The container's name.
    pub container: String,
    /// The directory it was extracted to.
    pub directory: String,
    /// The tar archive.
    pub archive: Vec<u8>,
}

impl Scripted {
    /// Creates a Podman without any objects.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the next call whose line starts with `call` fail, once. Several such failures apply in
    /// the order of their registration.
    pub fn fail(&self, call: &str, error: impl Fn() -> PodmanError + Send + 'static) {
        self.state().failures.push((call.to_owned(), Box::new(error)));
    }

    /// Sets the result of every command whose line (`CONTAINER WORD WORD ...`) starts with `line`; the
    /// latest one wins. Other commands have no output and exit with status 0.
    pub fn set_exec_output(&self, line: &str, status: i64, stdout: &str) {
        let stdout = stdout.as_bytes().to_vec();
        let output = ExecOutput { status, stdout, stderr: Vec::new() };
        self.state().outputs.push((line.to_owned(), output));
    }

    /// Makes every command whose line starts with `line` exit with status 1 and print `stderr`.
    pub fn fail_exec(&self, line: &str, stderr: &str) {
        let stderr = stderr.as_bytes().to_vec();
        let output = ExecOutput { status: 1, stdout: Vec::new(), stderr };
        self.state().outputs.push((line.to_owned(), output));
    }

    /// Adds an image for this machine's architecture to the store.
    pub fn add_image(&self, reference: &str, labels: Labels) {
        self.add_image_for(reference, crate::util::platform::architecture(), labels);
    }

    /// Adds an image for Linux and `architecture` to the store.
    pub fn add_image_for(&self, reference: &str, architecture: &str, labels: Labels) {
        let image = ImageInfo { labels, ..image_of(reference, architecture) };
        self.state().images.insert(reference.to_owned(), image);
    }

    /// Adds an image for linux/amd64 to the registry, so that it can be pulled.
    pub fn publish_image(&self, reference: &str) {
        self.state().registry.insert(reference.to_owned(), image_of(reference, "amd64"));
    }

    /// Adds an image for Linux and `architecture` to every archive.
    pub fn add_archived_image(&self, reference: &str, architecture: &str) {
        self.state().archives.push(image_of(reference, architecture));
    }

    /// Removes the name of an image, as if it was assigned to another image.
    pub fn untag_image(&self, reference: &str) {
        if let Some(image) = self.state().images.get_mut(reference) {
            image.names.clear();
        }
    }

    /// Assigns the name of an image to an image with another id.
    pub fn replace_image(&self, reference: &str, id: &str) {
        if let Some(image) = self.state().images.get_mut(reference) {
            image.id = id.to_owned();
        }
    }

    /// Returns the labels of the containers that hold images.
    pub fn holds(&self) -> Vec<Labels> {
        let state = self.state();
        let all = state.containers.values().map(|(info, _)| &info.labels);
        let role = crate::util::labels::ROLE;
        let held = crate::util::labels::IMAGE_HOLD;
        all.filter(|labels| labels.get(role).is_some_and(|one| one == held)).cloned().collect()
    }

    /// Adds the files of a container and its volume that a killed Podman leaves: no list contains them,
    /// and the container's name is in use.
    pub fn leave_partial(&self, name: &str) {
        let both = ["container", "volume"].map(|kind| (kind, name.to_owned()));
        self.state().partial.extend(both);
    }

    /// Increments the restart count of a container.
    pub fn restart(&self, container: &str) {
        *self.state().restarts.entry(container.to_owned()).or_default() += 1;
    }

    /// Returns all calls so far, each as a line: the method's name and its main arguments.
    pub fn calls(&self) -> Vec<String> {
        self.state().calls.clone()
    }

    /// Returns all uploads so far.
    pub fn uploads(&self) -> Vec<Upload> {
        self.state().uploads.clone()
    }

    /// Returns the options a container was created with.
    pub fn created(&self, container: &str) -> Option<ContainerOptions> {
        self.state().containers.get(container).map(|(_, options)| options.clone())
    }

    /// Returns whether there are no containers, volumes, networks, and no files of any.
    pub fn is_empty(&self) -> bool {
        let state = self.state();
        let known = [state.containers.len(), state.volumes.len(), state.networks.len()];
        known == [0; 3] && state.partial.is_empty()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics while it holds the lock")
    }

    /// Records the call, and returns the result of `act` unless a failure is registered for it.
    fn call<'a, T: Send + 'a>(
        &'a self,
        line: String,
        act: impl FnOnce(&mut State) -> Result<T, PodmanError> + Send + 'a,
    ) -> BoxFuture<'a, T> {
        Box::pin(async move {
            let mut state = self.state();
            let failure = state.failures.iter().position(|(call, _)| line.starts_with(call));
            state.calls.push(line);
            match failure {
                Some(index) => Err(state.failures.remove(index).1()),
                None => act(&mut state),
            }
        })
    }
}

fn image_of(reference: &str, architecture: &str) -> ImageInfo {
    ImageInfo {
        id: format!("id-of-{reference}"),
        names: vec![reference.to_owned()],
        labels: Labels::new(),
        platform: Some(Platform { os: "linux".to_owned(), architecture: architecture.to_owned() }),
    }
}

fn name_in_use(kind: &'static str, name: &str) -> PodmanError {
    PodmanError::NameInUse { kind, name: name.to_owned() }
}

fn no_such_container(name: &str) -> PodmanError {
    PodmanError::Operation {
        action: format!("find container `{name}`"),
        message: "no such container".to_owned(),
    }
}

fn matches(labels: &Labels, wanted: &str) -> bool {
    match wanted.split_once('=') {
        _ if wanted.is_empty() => true,
        Some((key, value)) => labels.get(key).is_some_and(|found| found == value),
        None => labels.contains_key(wanted),
    }
}

impl State {
    fn set(&mut self, container: &str, state: ContainerState) -> Result<(), PodmanError> {
        let found = self.containers.get_mut(container);
        let (info, _) = found.ok_or_else(|| no_such_container(container))?;
        info.state = state;
        Ok(())
    }
}
