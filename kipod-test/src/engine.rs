//! Clusters of kipod's own engine, for the user who runs the tests.

use std::path::PathBuf;

use kipod_engine::actions::{self, Context, Request};
use kipod_engine::cluster::{self, Cluster, OpenError, Record};
use kipod_engine::kubernetes::Role;
use kipod_engine::lease::Phase;
use kipod_engine::node_image::{DEFAULT_IMAGE, node_image, of_version};
use kipod_engine::plan::{LOAD_BALANCER, Machine};
use kipod_engine::podman::{Podman, PodmanCli, Service};
use kipod_engine::spec::{ClusterName, ClusterSpec, ImageReference, RawSpec, Written};
use kipod_engine::{CancellationToken, Dirs, Event, TimeFactor, host};

use crate::source::{
    Access, ClusterSource, News, NodeOutput, Reply, Say, Shape, SourceError, Wanted,
};

/// Clusters of kipod's own engine. What the command makes and what tests make are of one kind, and
/// have one set of names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Engine;

/// An error of the engine with its hint.
fn fault(error: impl std::fmt::Display, hint: Option<String>) -> SourceError {
    SourceError { message: error.to_string(), hint, unavailable: false }
}

fn dirs() -> Result<Dirs, SourceError> {
    Dirs::from_env().map_err(|error| SourceError {
        unavailable: true,
        ..fault(&error, Some(error.hint().to_owned()))
    })
}

fn name(text: &str) -> Result<ClusterName, SourceError> {
    ClusterName::new(text).map_err(|error| fault(error, None))
}

async fn service(dirs: &Dirs) -> Result<Service, SourceError> {
    let host = std::env::var("CONTAINER_HOST").ok();
    Service::connect(&dirs.runtime, host.as_deref()).await.map_err(|error| SourceError {
        unavailable: true,
        ..fault(&error, error.hint().map(str::to_owned))
    })
}

fn access(cluster: &Cluster) -> Result<Access, SourceError> {
    let record = cluster.record();
    Ok(Access {
        kubeconfig: cluster.kubeconfig().map_err(|error| fault(error, None))?,
        path: cluster.kubeconfig_path().to_owned(),
        context: None,
        version: Some(record.kubernetes_version.clone()),
        shape: Shape {
            control_planes: Some(count(record, Role::ControlPlane)),
            workers: Some(count(record, Role::Worker)),
            spec: Some(Box::new(record.spec.clone())),
        },
        service_address: record.service_address,
        identity: record.identity(),
    })
}

fn count(record: &Record, role: Role) -> usize {
    record.nodes.iter().filter(|identity| identity.role == role).count()
}

/// The machine, as far as it can have clusters.
async fn machine() -> Result<Machine, SourceError> {
    let report = host::check(None).await;
    match report.require_usable() {
        Ok(()) => {
            let time_factor = TimeFactor::from_env().map_err(|error| fault(error, None))?;
            Ok(Machine { time_factor, ..Machine::from_facts(&report.facts) })
        }
        Err(error) => Err(SourceError { unavailable: true, ..fault(&error, Some(error.hint())) }),
    }
}

/// What is to be made.
fn spec(wanted: &Wanted, factor: TimeFactor) -> Result<ClusterSpec, SourceError> {
    let Wanted { name: text, shape, .. } = wanted;
    let written = |count: Option<usize>| Some(Written::from(count?.to_string().as_str()));
    let raw = RawSpec {
        name: Some(text.as_str().into()),
        control_planes: written(shape.control_planes),
        workers: written(shape.workers),
        ..RawSpec::default()
    };
    Ok(match &shape.spec {
        Some(spec) => ClusterSpec { name: name(text)?, ..(**spec).clone() },
        None => raw.check_for(factor).map_err(|error| fault(error, None))?,
    })
}

/// The node image that has the Kubernetes version which is wanted: the default one, or the newest of
/// that version.
async fn image(
    wanted: &Wanted,
    service: &Service,
    dirs: &Dirs,
    machine: &Machine,
) -> Result<ImageReference, SourceError> {
    let found = node_image(service, DEFAULT_IMAGE, &dirs.data, machine.storage_driver).await;
    let Some(version) = wanted.version.as_ref().filter(|_| {
        found.as_ref().map_or(true, |image| !wanted.accepts(&image.kubernetes_version))
    }) else {
        return match found {
            Ok(_) => Ok(ImageReference::default()),
            Err(error) => Err(SourceError { unavailable: true, ..fault(&error, error.hint()) }),
        };
    };
    let references = PodmanCli::new().references().await;
    let references = references.map_err(|error| fault(&error, error.hint().map(str::to_owned)))?;
    let image = of_version(&references, version).map_err(|error| fault(error, None))?;
    image.and_then(|image| image.parse().ok()).ok_or_else(|| SourceError {
        message: format!("there is no node image of Kubernetes {version}, which the test wants"),
        hint: Some(format!("run `kipod build node-image --k8s-version {version}`")),
        unavailable: false,
    })
}

async fn create(wanted: &Wanted, since: i64, say: Say<'_>) -> Result<Access, SourceError> {
    let dirs = dirs()?;
    let machine = machine().await?;
    let service = service(&dirs).await?;
    let mut spec = spec(wanted, machine.time_factor)?;
    if wanted.shape.spec.is_none() {
        spec.image = image(wanted, &service, &dirs, &machine).await?;
    }
    let request =
        Request { spec, machine, now: since, kubeconfig: None, cancel: CancellationToken::new() };
    let events = |event| match event {
        Event::Warning(text) => say(News::Line(&text)),
        Event::Started(step) => say(News::Step(step.text())),
        _ => {}
    };
    let context = Context { podman: &service, dirs: &dirs, events: &events };
    let created = actions::create(context, request).await;
    access(&created.map_err(|error| fault(&error, error.hint()))?)
}

impl ClusterSource for Engine {
    fn state(&self) -> Result<PathBuf, SourceError> {
        Ok(dirs()?.state)
    }

    fn open<'a>(&'a self, text: &'a str) -> Reply<'a, Option<Access>> {
        Box::pin(async move {
            match Cluster::open(&dirs()?, &name(text)?) {
                Ok(cluster) => access(&cluster).map(Some),
                Err(OpenError::Missing { .. } | OpenError::Incomplete { .. }) => Ok(None),
                Err(error) => Err(fault(&error, error.hint())),
            }
        })
    }

    fn create<'a>(&'a self, wanted: &'a Wanted, since: i64, say: Say<'a>) -> Reply<'a, Access> {
        Box::pin(create(wanted, since, say))
    }

    fn delete<'a>(&'a self, text: &'a str, phase: &'a Phase) -> Reply<'a, ()> {
        Box::pin(async move {
            let dirs = dirs()?;
            let service = service(&dirs).await?;
            let meant = |record: &Record| phase.is_of(&record.identity());
            let removed = cluster::remove_if(&service, &dirs, &name(text)?, meant).await;
            removed.map(drop).map_err(|error| fault(&error, error.hint()))
        })
    }

    fn nodes<'a>(&'a self, text: &'a str) -> Reply<'a, Vec<String>> {
        Box::pin(async move {
            let dirs = dirs()?;
            let service = service(&dirs).await?;
            let nodes = cluster::nodes(&service, &dirs, Some(&name(text)?)).await;
            let nodes = nodes.map_err(|error| fault(&error, error.hint().map(str::to_owned)))?;
            // A load balancer has a node's image, and none of its programs runs.
            let nodes = nodes.into_iter().filter(|node| node.role != LOAD_BALANCER);
            Ok(nodes.map(|node| node.name).collect())
        })
    }

    fn process<'a>(&'a self, text: &'a str) -> Reply<'a, u32> {
        Box::pin(async move {
            let dirs = dirs()?;
            let service = service(&dirs).await?;
            let cluster = Cluster::open(&dirs, &name(text)?);
            let node =
                cluster.map_err(|error| fault(&error, error.hint()))?.record().control_plane();
            let state = service.inspect_container(&node).await;
            let state = state.map_err(|error| fault(&error, error.hint().map(str::to_owned)))?;
            state
                .pid
                .ok_or_else(|| SourceError::new(format!("node `{node}` does not run")))
        })
    }

    fn exec<'a>(&'a self, node: &'a str, command: &'a [&'a str]) -> Reply<'a, NodeOutput> {
        Box::pin(async move {
            let service = service(&dirs()?).await?;
            let output = service.exec(node, command).await;
            let output = output.map_err(|error| fault(&error, error.hint().map(str::to_owned)))?;
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
            Ok(NodeOutput { status: output.status, stdout, stderr })
        })
    }
}
