//! The cluster source for kipod's own engine.

use std::path::PathBuf;

use kipod_engine::actions::{self, Context, Request};
use kipod_engine::cluster::{self, ClusterEntry, OpenError, Record};
use kipod_engine::kubernetes::Role;
use kipod_engine::lease::Phase;
use kipod_engine::node_image::{DEFAULT_IMAGE, node_image, of_version};
use kipod_engine::plan::{LOAD_BALANCER, Machine};
use kipod_engine::podman::{Podman, PodmanCli, PodmanError, Service};
use kipod_engine::spec::{ClusterName, ClusterSpec, ImageReference, RawSpec, Written};
use kipod_engine::{CancellationToken, Dirs, Event, Hint, Timeouts, host};

use crate::cluster_request::{ClusterAccess, ClusterRequest, Topology};

use crate::source::{BoxFuture, ClusterSource, NodeOutput, Progress, ProgressEvent, SourceError};

/// Clusters of kipod's own engine. They share one set of names with the clusters of the `kipod`
/// command.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Engine;

fn dirs() -> Result<Dirs, SourceError> {
<<<<<<< HEAD
    Dirs::from_env().map_err(|error| {
        let hint = error.hint();
        SourceError::new(error).with_hint(Some(hint)).unavailable()
    })
=======
    Dirs::from_env()
        .map_err(|error| SourceError { unavailable: true, ..fault(&error, error.hint()) })
>>>>>>> host
}

fn name(text: &str) -> Result<ClusterName, SourceError> {
    ClusterName::new(text).map_err(SourceError::new)
}

fn podman_error(error: PodmanError) -> SourceError {
    let hint = error.hint();
    SourceError::new(error).with_hint(hint)
}

fn open_error(error: OpenError) -> SourceError {
    let hint = error.hint();
    SourceError::new(error).with_hint(hint)
}

async fn service(dirs: &Dirs) -> Result<Service, SourceError> {
    let host = std::env::var("CONTAINER_HOST").ok();
    let service = Service::connect(&dirs.runtime, host.as_deref()).await;
    service.map_err(|error| podman_error(error).unavailable())
}

fn access(cluster: &ClusterEntry) -> Result<ClusterAccess, SourceError> {
    let record = cluster.record();
    Ok(ClusterAccess {
        kubeconfig: cluster.kubeconfig().map_err(SourceError::new)?,
        path: cluster.kubeconfig_path().to_owned(),
        context: None,
        version: Some(record.kubernetes_version.clone()),
        topology: Topology {
            control_planes: Some(count(record, Role::ControlPlane)),
            workers: Some(count(record, Role::Worker)),
            spec: Some(Box::new(record.spec.clone())),
        },
        service_address: record.service_address,
        identity: record.identity(),
    })
}

fn count(record: &Record, role: Role) -> usize {
    record.nodes.iter().filter(|node| node.role == role).count()
}

/// Checks the host. Returns an error if it cannot run clusters.
async fn machine() -> Result<Machine, SourceError> {
    let report = host::check(None).await;
    match report.require_usable() {
        Ok(()) => {
            let timeouts = Timeouts::from_env().map_err(SourceError::new)?;
            Ok(Machine { timeouts, ..Machine::from_facts(&report.facts) })
        }
<<<<<<< HEAD
        Err(error) => {
            let hint = error.hint();
            Err(SourceError::new(error).with_hint(Some(hint)).unavailable())
        }
=======
        Err(error) => Err(SourceError { unavailable: true, ..fault(&error, error.hint()) }),
>>>>>>> host
    }
}

/// Returns the specification of a requested cluster.
fn spec(request: &ClusterRequest, timeouts: Timeouts) -> Result<ClusterSpec, SourceError> {
    let ClusterRequest { name: text, topology, .. } = request;
    let written = |count: Option<usize>| Some(Written::from(count?.to_string().as_str()));
    let raw = RawSpec {
        name: Some(text.as_str().into()),
        control_planes: written(topology.control_planes),
        workers: written(topology.workers),
        ..RawSpec::default()
    };
    Ok(match &topology.spec {
        Some(spec) => ClusterSpec { name: name(text)?, ..(**spec).clone() },
        None => raw.check_for(timeouts).map_err(SourceError::new)?,
    })
}

/// Returns the node image with the requested Kubernetes version: the default image if it has that
/// version, otherwise the latest one that does.
async fn image(
    request: &ClusterRequest,
    service: &Service,
    dirs: &Dirs,
    machine: &Machine,
) -> Result<ImageReference, SourceError> {
    let found = node_image(service, DEFAULT_IMAGE, &dirs.data, machine.storage_driver).await;
    let Some(version) = request.version.as_ref().filter(|_| {
        found.as_ref().map_or(true, |image| !request.accepts(&image.kubernetes_version))
    }) else {
        return match found {
            Ok(_) => Ok(ImageReference::default()),
            Err(error) => {
                let hint = error.hint();
                Err(SourceError::new(error).with_hint(hint).unavailable())
            }
        };
    };
    let references = PodmanCli::new().references().await.map_err(podman_error)?;
    let image = of_version(&references, version).map_err(SourceError::new)?;
    image.and_then(|image| image.parse().ok()).ok_or_else(|| {
        let hint = format!("run `kipod build node-image --k8s-version {version}`");
        SourceError::new(format!("no node image with Kubernetes {version} found"))
            .with_hint(Some(hint))
    })
}

async fn create(
    request: &ClusterRequest,
    since: i64,
    progress: Progress<'_>,
) -> Result<ClusterAccess, SourceError> {
    let dirs = dirs()?;
    let machine = machine().await?;
    let service = service(&dirs).await?;
    let mut spec = spec(request, machine.timeouts)?;
    if request.topology.spec.is_none() {
        spec.image = image(request, &service, &dirs, &machine).await?;
    }
    let events = |event| match event {
        Event::Warning(text) => progress(ProgressEvent::Message(&text)),
        Event::Started(step) => progress(ProgressEvent::Step(step.text())),
        _ => {}
    };
    let context = Context { podman: &service, dirs: &dirs, events: &events };
    let request =
        Request { spec, machine, now: since, kubeconfig: None, cancel: CancellationToken::new() };
    let created = actions::create(context, request).await.map_err(|error| {
        let hint = error.hint();
        SourceError::new(error).with_hint(hint)
    })?;
    access(&created)
}

impl ClusterSource for Engine {
    fn state_dir(&self) -> Result<PathBuf, SourceError> {
        Ok(dirs()?.state)
    }

    fn open<'a>(&'a self, text: &'a str) -> BoxFuture<'a, Option<ClusterAccess>> {
        Box::pin(async move {
            match ClusterEntry::open(&dirs()?, &name(text)?) {
                Ok(cluster) => access(&cluster).map(Some),
                Err(OpenError::Missing { .. } | OpenError::Incomplete { .. }) => Ok(None),
                Err(error) => Err(open_error(error)),
            }
        })
    }

    fn create<'a>(
        &'a self,
        request: &'a ClusterRequest,
        since: i64,
        progress: Progress<'a>,
    ) -> BoxFuture<'a, ClusterAccess> {
        Box::pin(create(request, since, progress))
    }

    fn delete<'a>(&'a self, text: &'a str, phase: &'a Phase) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let dirs = dirs()?;
            let service = service(&dirs).await?;
            let is_same = |record: &Record| phase.is_of(&record.identity());
            let removed = cluster::remove_if(&service, &dirs, &name(text)?, is_same).await;
            removed.map(drop).map_err(|error| {
                let hint = error.hint();
                SourceError::new(error).with_hint(hint)
            })
        })
    }

    fn nodes<'a>(&'a self, text: &'a str) -> BoxFuture<'a, Vec<String>> {
        Box::pin(async move {
            let dirs = dirs()?;
            let service = service(&dirs).await?;
            let nodes = cluster::nodes(&service, &dirs, Some(&name(text)?)).await;
            let nodes = nodes.map_err(|error| {
                let hint = error.hint();
                SourceError::new(error).with_hint(hint)
            })?;
            // A load balancer uses the node image, but runs none of its programs.
            let nodes = nodes.into_iter().filter(|node| node.role != LOAD_BALANCER);
            Ok(nodes.map(|node| node.name).collect())
        })
    }

    fn node_pid<'a>(&'a self, text: &'a str) -> BoxFuture<'a, u32> {
        Box::pin(async move {
            let dirs = dirs()?;
            let service = service(&dirs).await?;
            let cluster = ClusterEntry::open(&dirs, &name(text)?).map_err(open_error)?;
            let node = cluster.record().control_plane();
            let state = service.inspect_container(&node).await.map_err(podman_error)?;
            let pid = state["State"]["Pid"].as_u64().and_then(|pid| u32::try_from(pid).ok());
            pid.filter(|pid| *pid != 0)
                .ok_or_else(|| SourceError::new(format!("node `{node}` is not running")))
        })
    }

    fn exec<'a>(&'a self, node: &'a str, command: &'a [&'a str]) -> BoxFuture<'a, NodeOutput> {
        Box::pin(async move {
            let service = service(&dirs()?).await?;
            let output = service.exec(node, command).await.map_err(podman_error)?;
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
            Ok(NodeOutput { status: output.status, stdout, stderr })
        })
    }
}
