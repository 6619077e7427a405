//! A [`Podman`] for unit tests: it keeps what it is told in memory, writes down every call, and
//! fails where the test says so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

use super::{
    Archive, BoxFuture, ContainerInfo, ContainerOptions, ExecOutput, ImageInfo, ImageStore, Labels,
    NetworkInfo, NetworkOptions, Platform, Podman, PodmanError, VolumeInfo, VolumeOptions,
};

/// A scripted [`Podman`]. Names in use and things that do not exist are answered as Podman does.
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
    /// Containers and volumes, by kind and name, of which there are only files.
    half_made: BTreeSet<(&'static str, String)>,
}

/// An archive that was put into a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// The container's name.
    pub container: String,
    /// The folder it was unpacked in.
    pub folder: String,
    /// The tar archive.
    pub archive: Vec<u8>,
}

impl Scripted {
    /// A Podman that has nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets the next call whose line begins with `call` fail, once. Several such failures are
    /// used up in the order they were given.
    pub fn fail(&self, call: &str, error: impl Fn() -> PodmanError + Send + 'static) {
        self.state().failures.push((call.to_owned(), Box::new(error)));
    }

    /// Answers every command whose line (`CONTAINER WORD WORD ...`) begins with `line`; the latest
    /// answer given wins. Other commands print nothing and end with status 0.
    pub fn answer_exec(&self, line: &str, status: i64, stdout: &str) {
        let stdout = stdout.as_bytes().to_vec();
        let output = ExecOutput { status, stdout, stderr: Vec::new() };
        self.state().outputs.push((line.to_owned(), output));
    }

    /// Lets every command whose line begins with `line` end with status 1 and that on standard error.
    pub fn refuse_exec(&self, line: &str, stderr: &str) {
        let stderr = stderr.as_bytes().to_vec();
        let output = ExecOutput { status: 1, stdout: Vec::new(), stderr };
        self.state().outputs.push((line.to_owned(), output));
    }

    /// Puts an image for this machine into the store.
    pub fn add_image(&self, reference: &str, labels: Labels) {
        self.add_image_of(reference, crate::util::platform::architecture(), labels);
    }

    /// Puts an image of Linux on that architecture into the store.
    pub fn add_image_of(&self, reference: &str, architecture: &str, labels: Labels) {
        let image = ImageInfo { labels, ..image_of(reference, architecture) };
        self.state().images.insert(reference.to_owned(), image);
    }

    /// Puts an image of linux/amd64 into the registry, from which it can be pulled.
    pub fn publish_image(&self, reference: &str) {
        self.state().registry.insert(reference.to_owned(), image_of(reference, "amd64"));
    }

    /// Puts an image of Linux on that architecture into every archive.
    pub fn archive_image(&self, reference: &str, architecture: &str) {
        self.state().archives.push(image_of(reference, architecture));
    }

    /// Gives an image's name to another image: the old one stays without.
    pub fn take_name(&self, reference: &str) {
        if let Some(image) = self.state().images.get_mut(reference) {
            image.names.clear();
        }
    }

    /// Leaves what a Podman that was killed has half-made of a container and its volume: it is in no list,
    /// and the container's name is in use.
    pub fn half_make(&self, name: &str) {
        let both = ["container", "volume"].map(|kind| (kind, name.to_owned()));
        self.state().half_made.extend(both);
    }

    /// Lets a container seem to have ended and to have been started again, once more.
    pub fn restart(&self, container: &str) {
        *self.state().restarts.entry(container.to_owned()).or_default() += 1;
    }

    /// Every call so far, a line each: the method's name and what it is about.
    pub fn calls(&self) -> Vec<String> {
        self.state().calls.clone()
    }

    /// Every archive uploaded so far.
    pub fn uploads(&self) -> Vec<Upload> {
        self.state().uploads.clone()
    }

    /// What a container was created with.
    pub fn created(&self, container: &str) -> Option<ContainerOptions> {
        self.state().containers.get(container).map(|(_, options)| options.clone())
    }

    /// Whether no container, volume or network exists, nor files of one.
    pub fn is_empty(&self) -> bool {
        let state = self.state();
        let known = [state.containers.len(), state.volumes.len(), state.networks.len()];
        known == [0; 3] && state.half_made.is_empty()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics while it holds the lock")
    }

    /// Writes the call down, and answers by `act` unless a failure waits for it.
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
    PodmanError::Refused {
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
    fn set(&mut self, container: &str, state: &str) -> Result<(), PodmanError> {
        let found = self.containers.get_mut(container);
        let (info, _) = found.ok_or_else(|| no_such_container(container))?;
        info.state = state.to_owned();
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
                    Err(PodmanError::Refused { action, message: error.to_string() })
                }
                _ => Ok(()),
            },
        )
    }

    fn pull_image<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, ()> {
        self.call(format!("pull_image {reference}"), move |state| {
            let image = state.registry.get(reference).cloned();
            let image = image.ok_or_else(|| PodmanError::Refused {
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
        // As Podman does, also where it fails then.
        for folder in [store.root.join(store.driver), store.runroot.clone()] {
            std::fs::create_dir_all(folder).expect("a test can write into its folders");
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
                state.half_made.remove(&("volume", name.to_owned()));
            }
            Ok(known)
        })
    }

    fn create_container<'a>(&'a self, options: &'a ContainerOptions) -> BoxFuture<'a, String> {
        let name = &options.name;
        self.call(format!("create_container {name}"), move |state| {
            let files = state.half_made.contains(&("container", name.clone()));
            if files || state.containers.contains_key(name) {
                return Err(name_in_use("container", name));
            }
            let id = format!("id-of-{name}");
            let info = ContainerInfo {
                id: id.clone(),
                name: name.clone(),
                state: "created".to_owned(),
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
        folder: &'a str,
        archive: Vec<u8>,
    ) -> BoxFuture<'a, ()> {
        self.call(format!("upload {container} {folder}"), move |state| {
            if !state.containers.contains_key(container) {
                return Err(no_such_container(container));
            }
            let (container, folder) = (container.to_owned(), folder.to_owned());
            state.uploads.push(Upload { container, folder, archive });
            Ok(())
        })
    }

    fn start_container<'a>(&'a self, container: &'a str) -> BoxFuture<'a, ()> {
        self.call(format!("start_container {container}"), |state| state.set(container, "running"))
    }

    fn stop_container<'a>(&'a self, container: &'a str) -> BoxFuture<'a, ()> {
        self.call(format!("stop_container {container}"), |state| state.set(container, "exited"))
    }

    fn pause_container<'a>(&'a self, container: &'a str) -> BoxFuture<'a, ()> {
        self.call(format!("pause_container {container}"), |state| state.set(container, "paused"))
    }

    fn unpause_container<'a>(&'a self, container: &'a str) -> BoxFuture<'a, ()> {
        self.call(format!("unpause_container {container}"), |state| state.set(container, "running"))
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
            Ok(state.half_made.remove(&("container", name.to_owned())))
        })
    }

    fn inspect_container<'a>(&'a self, container: &'a str) -> BoxFuture<'a, serde_json::Value> {
        self.call(format!("inspect_container {container}"), |state| {
            let found = state.containers.get(container);
            let (info, options) = found.ok_or_else(|| no_such_container(container))?;
            Ok(serde_json::json!({
                "Id": info.id,
                "Name": info.name,
                "Image": options.image,
                "RestartCount": state.restarts.get(container).copied().unwrap_or(0),
                "State": { "Status": info.state, "Running": info.state == "running" },
                "Config": { "Labels": options.labels },
                "Mounts": options.binds.iter().map(|bind| serde_json::json!({
                    "Type": "bind", "Source": bind.source, "Destination": bind.target,
                })).collect::<Vec<_>>(),
            }))
        })
    }

    fn exec<'a>(&'a self, container: &'a str, command: &'a [&'a str]) -> BoxFuture<'a, ExecOutput> {
        let line = format!("{container} {}", command.join(" "));
        self.call(format!("exec {line}"), move |state| {
            let nothing = ExecOutput { status: 0, stdout: Vec::new(), stderr: Vec::new() };
            let answer = state.outputs.iter().rev().find(|(start, _)| line.starts_with(start));
            match state.containers.contains_key(container) {
                true => Ok(answer.map_or(nothing, |(_, output)| output.clone())),
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
