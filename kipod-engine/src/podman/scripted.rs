//! [`Scripted`], an implementation of [`Podman`] for unit tests: it keeps objects in memory, records
//! every call, and fails on request.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

use super::api::{
    Archive, BoxFuture, ContainerDetails, ContainerInfo, ContainerMount, ContainerOptions,
    ContainerState, ExecOutput, ImageInfo, ImageStore, Labels, NetworkInfo, NetworkOptions,
    Platform, Podman, PodmanError, VolumeInfo, VolumeOptions,
};

/// A scripted [`Podman`]. Returns Podman's errors for names in use and for objects that do not exist.
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

impl Podman for Scripted {
    fn image<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, Option<ImageInfo>> {
        self.call(format!("image {reference}"), move |state| {
            let by_id = || state.images.values().find(|image| image.id == reference);
            Ok(state.images.get(reference).or_else(by_id).cloned())
        })
    }

    fn images<'a>(&'a self, label: &'a str) -> BoxFuture<'a, Vec<ImageInfo>> {
        self.call(format!("images {label}"), |state| {
            let all = state.images.values();
            Ok(all.filter(|image| matches(&image.labels, label)).cloned().collect())
        })
    }

    fn remove_path<'a>(&'a self, path: &'a std::path::Path) -> BoxFuture<'a, ()> {
        self.call(
            format!("remove_path {}", path.display()),
            move |_| match std::fs::remove_dir_all(path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    let action = format!("remove `{}`", path.display());
                    Err(PodmanError::Operation { action, message: error.to_string() })
                }
                _ => Ok(()),
            },
        )
    }

    fn pull_image<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, ()> {
        self.call(format!("pull_image {reference}"), move |state| {
            let image = state.registry.get(reference).cloned();
            let image = image.ok_or_else(|| PodmanError::Operation {
                action: format!("pull `{reference}`"),
                message: "manifest unknown".to_owned(),
            })?;
            state.images.insert(reference.to_owned(), image);
            Ok(())
        })
    }

    fn copy_image<'a>(
        &'a self,
        name: &'a str,
        from: Option<&'a ImageStore>,
        to: &'a ImageStore,
    ) -> BoxFuture<'a, ()> {
        let last = |store: &ImageStore| {
            store.root.file_name().unwrap_or_default().to_string_lossy().into_owned()
        };
        let from = from.map_or_else(|| "the user".to_owned(), last);
        self.call(format!("copy_image {name} from {from} to {}", last(to)), |_| Ok(()))
    }

    fn load_archive<'a>(
        &'a self,
        archive: &'a Archive,
        store: &'a ImageStore,
    ) -> BoxFuture<'a, Vec<ImageInfo>> {
        // As Podman does, even if it fails afterwards.
        for directory in [store.root.join(store.driver), store.runroot.clone()] {
            std::fs::create_dir_all(directory).expect("a test can write to its directories");
        }
        self.call(format!("load_archive {archive}"), |state| Ok(state.archives.clone()))
    }

    fn create_network<'a>(&'a self, options: &'a NetworkOptions) -> BoxFuture<'a, ()> {
        let NetworkOptions { name, subnet, labels, .. } = options;
        self.call(format!("create_network {name} {subnet}"), move |state| {
            if state.networks.contains_key(name) {
                return Err(name_in_use("network", name));
            }
            if state.networks.values().any(|network| network.subnets.contains(subnet)) {
                return Err(PodmanError::SubnetInUse { subnet: subnet.clone() });
            }
            let subnets = vec![subnet.clone()];
            let info = NetworkInfo { name: name.clone(), subnets, labels: labels.clone() };
            state.networks.insert(name.clone(), info);
            Ok(())
        })
    }

    fn networks<'a>(&'a self, label: &'a str) -> BoxFuture<'a, Vec<NetworkInfo>> {
        self.call(format!("networks {label}"), |state| {
            let all = state.networks.values();
            Ok(all.filter(|network| matches(&network.labels, label)).cloned().collect())
        })
    }

    fn remove_network<'a>(&'a self, name: &'a str) -> BoxFuture<'a, bool> {
        self.call(format!("remove_network {name}"), |state| {
            Ok(state.networks.remove(name).is_some())
        })
    }

    fn create_volume<'a>(&'a self, options: &'a VolumeOptions) -> BoxFuture<'a, ()> {
        let VolumeOptions { name, labels } = options;
        self.call(format!("create_volume {name}"), move |state| {
            if state.volumes.contains_key(name) {
                return Err(name_in_use("volume", name));
            }
            state.volumes.insert(name.clone(), labels.clone());
            Ok(())
        })
    }

    fn volumes<'a>(&'a self, label: &'a str) -> BoxFuture<'a, Vec<VolumeInfo>> {
        self.call(format!("volumes {label}"), |state| {
            let all = state.volumes.iter();
            let ours = all.filter(|(_, labels)| matches(labels, label));
            let info = |(name, labels): (&String, &Labels)| VolumeInfo {
                name: name.clone(),
                labels: labels.clone(),
            };
            Ok(ours.map(info).collect())
        })
    }

    fn remove_volume<'a>(&'a self, name: &'a str) -> BoxFuture<'a, bool> {
        self.call(format!("remove_volume {name}"), |state| {
            let known = state.volumes.remove(name).is_some();
            if known {
                state.partial.remove(&("volume", name.to_owned()));
            }
            Ok(known)
        })
    }

    fn create_container<'a>(&'a self, options: &'a ContainerOptions) -> BoxFuture<'a, String> {
        let name = &options.name;
        self.call(format!("create_container {name}"), move |state| {
            let files = state.partial.contains(&("container", name.clone()));
            if files || state.containers.contains_key(name) {
                return Err(name_in_use("container", name));
            }
            let id = format!("id-of-{name}");
            let info = ContainerInfo {
                id: id.clone(),
                name: name.clone(),
                state: ContainerState::Created,
                image: options.image.clone(),
                labels: options.labels.clone(),
            };
            state.containers.insert(name.clone(), (info, options.clone()));
            Ok(id)
        })
    }

    fn upload<'a>(
        &'a self,
        container: &'a str,
        directory: &'a str,
        archive: Vec<u8>,
    ) -> BoxFuture<'a, ()> {
        self.call(format!("upload {container} {directory}"), move |state| {
            if !state.containers.contains_key(container) {
                return Err(no_such_container(container));
            }
            let (container, directory) = (container.to_owned(), directory.to_owned());
            state.uploads.push(Upload { container, directory, archive });
            Ok(())
        })
    }

    fn start_container<'a>(&'a self, container: &'a str) -> BoxFuture<'a, ()> {
        self.call(format!("start_container {container}"), |state| {
            state.set(container, ContainerState::Running)
        })
    }

    fn stop_container<'a>(&'a self, container: &'a str) -> BoxFuture<'a, ()> {
        self.call(format!("stop_container {container}"), |state| {
            state.set(container, ContainerState::Exited)
        })
    }

    fn pause_container<'a>(&'a self, container: &'a str) -> BoxFuture<'a, ()> {
        self.call(format!("pause_container {container}"), |state| {
            state.set(container, ContainerState::Paused)
        })
    }

    fn unpause_container<'a>(&'a self, container: &'a str) -> BoxFuture<'a, ()> {
        self.call(format!("unpause_container {container}"), |state| {
            state.set(container, ContainerState::Running)
        })
    }

    fn containers<'a>(&'a self, label: &'a str) -> BoxFuture<'a, Vec<ContainerInfo>> {
        self.call(format!("containers {label}"), |state| {
            let all = state.containers.values().map(|(info, _)| info);
            Ok(all.filter(|info| matches(&info.labels, label)).cloned().collect())
        })
    }

    fn remove_container<'a>(&'a self, container: &'a str) -> BoxFuture<'a, bool> {
        self.call(format!("remove_container {container}"), |state| {
            Ok(state.containers.remove(container).is_some())
        })
    }

    fn remove_container_files<'a>(&'a self, name: &'a str) -> BoxFuture<'a, bool> {
        self.call(format!("remove_container_files {name}"), |state| {
            Ok(state.partial.remove(&("container", name.to_owned())))
        })
    }

    fn inspect_container<'a>(&'a self, container: &'a str) -> BoxFuture<'a, ContainerDetails> {
        self.call(format!("inspect_container {container}"), |state| {
            let found = state.containers.get(container);
            let (info, options) = found.ok_or_else(|| no_such_container(container))?;
            let mounts = options.binds.iter().map(|bind| ContainerMount {
                source: bind.source.clone(),
                destination: bind.target.clone().into(),
            });
            Ok(ContainerDetails {
                state: info.state.clone(),
                pid: info.state.is_running().then_some(1),
                restart_count: state.restarts.get(container).copied().unwrap_or(0),
                image: options.image.clone(),
                mounts: mounts.collect(),
            })
        })
    }

    fn describe_container<'a>(&'a self, container: &'a str) -> BoxFuture<'a, String> {
        self.call(format!("describe_container {container}"), |state| {
            let found = state.containers.get(container);
            let (info, _) = found.ok_or_else(|| no_such_container(container))?;
            Ok(format!("{:#}", serde_json::json!({ "Id": info.id, "Name": info.name })))
        })
    }

    fn exec<'a>(&'a self, container: &'a str, command: &'a [&'a str]) -> BoxFuture<'a, ExecOutput> {
        let line = format!("{container} {}", command.join(" "));
        self.call(format!("exec {line}"), move |state| {
            let nothing = ExecOutput { status: 0, stdout: Vec::new(), stderr: Vec::new() };
            let output = state.outputs.iter().rev().find(|(start, _)| line.starts_with(start));
            match state.containers.contains_key(container) {
                true => Ok(output.map_or(nothing, |(_, output)| output.clone())),
                false => Err(no_such_container(container)),
            }
        })
    }

    fn info(&self) -> BoxFuture<'_, String> {
        self.call("info".to_owned(), |_| Ok("host:\n  arch: amd64\n".to_owned()))
    }

    fn logs<'a>(&'a self, container: &'a str, lines: usize) -> BoxFuture<'a, String> {
        self.call(format!("logs {container} {lines}"), |state| {
            match state.containers.contains_key(container) {
                true => Ok(String::new()),
                false => Err(no_such_container(container)),
            }
        })
    }
}
