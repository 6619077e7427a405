//! The trait's methods, on objects in memory.

use super::{Scripted, Upload, matches, name_in_use, no_such_container};
use crate::podman::api::{
    Archive, BoxFuture, ContainerDetails, ContainerInfo, ContainerMount, ContainerOptions,
    ContainerState, ExecOutput, ImageHold, ImageInfo, ImageStore, Labels, NetworkInfo,
    NetworkOptions, Podman, PodmanError, VolumeInfo, VolumeOptions,
};

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

    fn hold_image<'a>(&'a self, hold: &'a ImageHold) -> BoxFuture<'a, ()> {
        self.call(format!("hold_image {} {}", hold.container, hold.name()), move |state| {
            let image = state.images.values().find(|image| image.id == hold.image).cloned();
            let image = image.ok_or_else(|| PodmanError::Operation {
                action: format!("tag image `{}`", hold.image),
                message: "image not known".to_owned(),
            })?;
            let name = hold.name();
            state.images.insert(name.clone(), ImageInfo { names: vec![name], ..image });
            let info = ContainerInfo {
                id: format!("id-of-{}", hold.container),
                name: hold.container.clone(),
                state: ContainerState::Created,
                image: hold.name(),
                labels: hold.labels.clone(),
            };
            let options = ContainerOptions::plain(&hold.container, hold.labels.clone());
            state.containers.entry(hold.container.clone()).or_insert((info, options));
            Ok(())
        })
    }

    fn remove_image_name<'a>(&'a self, name: &'a str) -> BoxFuture<'a, bool> {
        self.call(format!("remove_image_name {name}"), |state| {
            Ok(state.images.remove(name).is_some())
        })
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
