//! The cluster source for kipod's own engine.

use std::path::PathBuf;

use kipod_engine::cluster::{OpenError, Record};
use kipod_engine::lease::Phase;
use kipod_engine::plan::LOAD_BALANCER;
use kipod_engine::spec::{RawSpec, RawValue};
use kipod_engine::{Cluster, ClusterName, ClusterSpec, Error, Event, Hint, Role};

use crate::cluster_request::{ClusterRequest, ExistingCluster, Topology};
use crate::source::{BoxFuture, ClusterSource, NodeOutput, Progress, ProgressEvent, SourceError};

/// Clusters of kipod's own engine. They share one set of names with the clusters of the `kipod`
/// command.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Engine;

fn source_error(error: Error) -> SourceError {
    let hint = error.hint();
    // Where the host lacks something, tests cannot run at all.
    let is_unavailable = matches!(error, Error::Dirs(_) | Error::Host(_) | Error::NodeImage(_));
    let error = SourceError::new(error).with_hint(hint);
    if is_unavailable { error.unavailable() } else { error }
}

/// Opens an engine that contacts Podman on first use.
fn open() -> Result<kipod_engine::Engine, SourceError> {
    kipod_engine::Engine::builder().open().map_err(source_error)
}

async fn connect() -> Result<kipod_engine::Engine, SourceError> {
    let engine = open()?;
    engine.podman().await.map_err(|error| source_error(error).unavailable())?;
    Ok(engine)
}

fn name(text: &str) -> Result<ClusterName, SourceError> {
    ClusterName::new(text).map_err(SourceError::new)
}

fn access(cluster: &Cluster) -> Result<ExistingCluster, SourceError> {
    let record = cluster.record();
    Ok(ExistingCluster {
        kubeconfig: cluster.kubeconfig().map_err(source_error)?,
        path: cluster.kubeconfig_path().to_owned(),
        context: None,
        version: Some(record.kubernetes_version.to_string()),
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

/// Returns the specification of a requested cluster.
fn spec(
    request: &ClusterRequest,
    timeouts: kipod_engine::Timeouts,
) -> Result<ClusterSpec, SourceError> {
    let ClusterRequest { name: text, topology, .. } = request;
    let written = |count: Option<usize>| Some(RawValue::from(count?.to_string().as_str()));
    let raw = RawSpec {
        name: Some(text.as_str().into()),
        control_planes: written(topology.control_planes),
        workers: written(topology.workers),
        ..RawSpec::default()
    };
    Ok(match &topology.spec {
        Some(spec) => {
            let mut spec = (**spec).clone();
            spec.name = name(text)?;
            spec
        }
        None => raw.check_for(timeouts).map_err(SourceError::new)?,
    })
}

async fn create(
    request: &ClusterRequest,
    since: i64,
    progress: Progress<'_>,
) -> Result<ExistingCluster, SourceError> {
    let engine = connect().await?;
    let spec = spec(request, engine.timeouts())?;
    let mut creation = engine.create(spec).created_at(since);
    if request.topology.spec.is_none() {
        let version = request.version.as_deref().map(str::parse).transpose();
        creation = creation.default_image_or_kubernetes(version.map_err(SourceError::new)?);
    }
    let report = |event| match event {
        Event::Warning(text) => progress(ProgressEvent::Message(&text)),
        Event::Started(step) => progress(ProgressEvent::Step(step.text())),
        _ => {}
    };
    access(&creation.run_with(&report).await.map_err(source_error)?)
}

impl ClusterSource for Engine {
    fn state_dir(&self) -> Result<PathBuf, SourceError> {
        Ok(open()?.dirs().state.clone())
    }

    fn open<'a>(&'a self, text: &'a str) -> BoxFuture<'a, Option<ExistingCluster>> {
        Box::pin(async move {
            match open()?.cluster(&name(text)?) {
                Ok(cluster) => access(&cluster).map(Some),
                Err(Error::Open(OpenError::Missing { .. } | OpenError::Incomplete { .. })) => {
                    Ok(None)
                }
                Err(error) => Err(source_error(error)),
            }
        })
    }

    fn create<'a>(
        &'a self,
        request: &'a ClusterRequest,
        since: i64,
        progress: Progress<'a>,
    ) -> BoxFuture<'a, ExistingCluster> {
        Box::pin(create(request, since, progress))
    }

    fn delete<'a>(&'a self, text: &'a str, phase: &'a Phase) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let is_same = |record: &Record| phase.is_of(&record.identity());
            let removed = connect().await?.delete_if(&name(text)?, is_same).await;
            removed.map(drop).map_err(source_error)
        })
    }

    fn nodes<'a>(&'a self, text: &'a str) -> BoxFuture<'a, Vec<String>> {
        Box::pin(async move {
            let nodes = connect().await?.nodes(Some(&name(text)?)).await.map_err(source_error)?;
            // A load balancer uses the node image, but runs none of its programs.
            let nodes = nodes.into_iter().filter(|node| node.role != LOAD_BALANCER);
            Ok(nodes.map(|node| node.name).collect())
        })
    }

    fn node_pid<'a>(&'a self, text: &'a str) -> BoxFuture<'a, u32> {
        Box::pin(async move {
            let engine = connect().await?;
            let cluster = engine.cluster(&name(text)?).map_err(source_error)?;
            let node = cluster.record().control_plane();
            let pid = cluster.node_pid(&node).await.map_err(source_error)?;
            pid.ok_or_else(|| SourceError::new(format!("node `{node}` is not running")))
        })
    }

    fn exec<'a>(&'a self, node: &'a str, command: &'a [&'a str]) -> BoxFuture<'a, NodeOutput> {
        Box::pin(async move {
            let engine = connect().await?;
            let output = engine.exec(node, command).await.map_err(source_error)?;
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
            Ok(NodeOutput { status: output.status, stdout, stderr })
        })
    }
}
