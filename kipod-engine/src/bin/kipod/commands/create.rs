//! `kipod create cluster`.

use std::time::Instant;

use kipod_engine::config::Config;
use kipod_engine::kubeconfig::UserKubeconfig;
use kipod_engine::spec::{RawSpec, RawValue};
use kipod_engine::{Error, Event, Events};

use crate::args::CreateClusterArgs;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::session::open_with_bundle;

pub(crate) async fn run(
    args: &CreateClusterArgs,
    progress: &'static Progress,
) -> Result<u8, Failure> {
    let mut config = match &args.config {
        Some(path) => super::config::read(path)?,
        None => Config::default(),
    };
    apply_flags(args, &mut config.raw);
    let engine = open_with_bundle(progress, &args.bundle)?;
    let mut spec = config.check_for(engine.timeouts())?;
    if let Some(version) = &args.k8s_version {
        spec.kubernetes = Some(version.parse().map_err(Error::Version)?);
    }
    super::config::warn(&config.warnings, progress);
    super::config::warn(&spec.warnings(), progress);
    let kubeconfig = UserKubeconfig::from_env(args.kubeconfig.as_deref())?;
    let start = Instant::now();
    let cluster = engine.create(spec).kubeconfig(kubeconfig).await?;
    let name = cluster.name();
    progress.send(Event::Note(format!(
        "cluster `{name}` is ready after {:.1} s. Try:\n  kubectl --context {} get pods --all-namespaces",
        start.elapsed().as_secs_f64(),
        name.context(),
    )));
    Ok(0)
}

/// Puts the values of flags in place of those of the configuration file.
fn apply_flags(args: &CreateClusterArgs, raw: &mut RawSpec) {
    if args.image.is_some() || args.k8s_version.is_some() {
        // As in kind, the flag applies to all nodes.
        raw.nodes.iter_mut().for_each(|node| node.image = None);
    }
    let set = |field: &mut Option<RawValue>, value: Option<&str>| {
        if let Some(value) = value {
            *field = Some(value.into());
        }
    };
    set(&mut raw.name, args.cluster.name());
    set(&mut raw.image, args.image.as_deref());
    set(&mut raw.api_server_address, args.api_server_address.as_deref());
    set(&mut raw.api_server_port, args.api_server_port.as_deref());
    set(&mut raw.pod_subnet, args.pod_subnet.as_deref());
    set(&mut raw.service_subnet, args.service_subnet.as_deref());
    set(&mut raw.wait, args.wait.as_deref());
    set(&mut raw.control_planes, args.control_planes.as_deref());
    set(&mut raw.workers, args.workers.as_deref());
    if !args.preload.is_empty() {
        raw.preload = args.preload.iter().map(|image| image.as_str().into()).collect();
    }
    set(&mut raw.registry_auth_file, args.registry_auth_file.as_deref());
    if args.no_host_proxy {
        raw.host_proxy = Some(false);
    }
    if !args.ca_certificates.is_empty() {
        raw.ca_certificates =
            args.ca_certificates.iter().map(|file| file.as_str().into()).collect();
    }
    raw.host_ca_certificates |= args.host_ca_certificates;
    raw.retain |= args.retain;
    raw.metrics |= args.metrics;
    if args.no_host_images {
        raw.host_images = Some(false);
    }
}
