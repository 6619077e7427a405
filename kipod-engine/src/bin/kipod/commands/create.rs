//! `kipod create cluster`.

use std::time::Instant;

use kipod_engine::actions::{self, CreateError, Request};
use kipod_engine::config::Config;
use kipod_engine::kubeconfig::UserKubeconfig;
use kipod_engine::node_image::{DEFAULT_NAME, NodeImageError, node_image, of_version, tag};
use kipod_engine::plan::Machine;
use kipod_engine::podman::PodmanCli;
use kipod_engine::spec::{ImageReference, RawSpec, Written};
use kipod_engine::{Dirs, Event, Events, Hint, Step, host};

use crate::args::CreateClusterArgs;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::session::{Session, stop_on_signals, time_factor};

pub(crate) async fn run(
    args: &CreateClusterArgs,
    progress: &'static Progress,
) -> Result<u8, Failure> {
    let version = args.k8s_version.as_deref();
    let image = match version {
        Some(version) => Some(image_of_version(version).await?),
        None => args.image.clone(),
    };
    let mut config = match &args.config {
        Some(path) => super::config::read(path)?,
        None => Config::default(),
    };
    put_typed(args, image.as_deref(), &mut config.raw);
    let time_factor = time_factor()?;
    let mut spec = config.check_for(time_factor)?;
    super::config::remark(&config.remarks, progress);
    super::config::remark(&spec.remarks(), progress);
    let kubeconfig = UserKubeconfig::from_env(args.kubeconfig.as_deref())?;
    let start = Instant::now();
    let cancel = stop_on_signals(progress)?;

    let prepare = async {
        let report = check(progress).await?;
        let mut machine = Machine::from_facts(&report.facts);
        machine.time_factor = time_factor;
        let session = Session::open(progress).await?;
        let (data, driver) = (&session.dirs.data, machine.storage_driver);
        let found = node_image(&session.service, spec.image.as_str(), data, driver).await;
        if let Err(
            error @ (NodeImageError::Missing { .. }
            | NodeImageError::NoStore { .. }
            | NodeImageError::OtherRevision { .. }),
        ) = found
        {
            // What somebody gave another name nobody else can build.
            if version.is_none() && spec.image != ImageReference::default() {
                return Err(error.into());
            }
            progress.send(Event::Note(format!("{error}: building it first")));
            let built =
                super::build::missing_image(version, &args.bundle, driver, &session, &cancel);
            let image = built.await?.reference.parse::<ImageReference>().ok();
            return Ok((report, machine, session, image));
        }
        Ok((report, machine, session, None))
    };
    // Ctrl-C ends the programs that are asked here as well, and it is not they who failed.
    let (report, machine, session, built) = tokio::select! {
        biased;
        () = cancel.asked() => {
            let error = CreateError::Cancelled { name: spec.name.clone() };
            Err(Failure::from(error))
        }
        prepared = prepare => prepared,
    }?;
    spec.image = built.unwrap_or(spec.image);
    let now = report.facts.clock as i64;
    let request = Request { spec, machine, now, kubeconfig: Some(kubeconfig), cancel };
    let cluster = actions::create(session.context(), request).await?;
    let name = cluster.name();
    progress.send(Event::Note(format!(
        "cluster `{name}` is ready after {:.1} s. Try:\n  kubectl --context {} get pods --all-namespaces",
        start.elapsed().as_secs_f64(),
        name.context(),
    )));
    Ok(0)
}

/// The node image of a Kubernetes version: the newest there is, or the name that one would have.
async fn image_of_version(version: &str) -> Result<String, Failure> {
    let all = PodmanCli::new().references().await?;
    let found =
        of_version(&all, version).map_err(|error| Failure::new(error.to_string()).code(2))?;
    let number = version.strip_prefix('v').unwrap_or(version);
    Ok(found.map_or_else(|| format!("{DEFAULT_NAME}:v{}", tag(number)), str::to_owned))
}

/// Puts what was typed in the place of what the file says.
fn put_typed(args: &CreateClusterArgs, image: Option<&str>, raw: &mut RawSpec) {
    if image.is_some() {
        // As kind has it: the flag is for every node.
        raw.nodes.iter_mut().for_each(|node| node.image = None);
    }
    let put = |slot: &mut Option<Written>, typed: Option<&str>| {
        if let Some(typed) = typed {
            *slot = Some(typed.into());
        }
    };
    put(&mut raw.name, args.cluster.name());
    put(&mut raw.image, image);
    put(&mut raw.api_server_address, args.api_server_address.as_deref());
    put(&mut raw.api_server_port, args.api_server_port.as_deref());
    put(&mut raw.pod_subnet, args.pod_subnet.as_deref());
    put(&mut raw.service_subnet, args.service_subnet.as_deref());
    put(&mut raw.wait, args.wait.as_deref());
    put(&mut raw.control_planes, args.control_planes.as_deref());
    put(&mut raw.workers, args.workers.as_deref());
    if !args.preload.is_empty() {
        raw.preload = args.preload.iter().map(|image| image.as_str().into()).collect();
    }
    put(&mut raw.registry_auth_file, args.registry_auth_file.as_deref());
    raw.retain |= args.retain;
    raw.metrics |= args.metrics;
    if args.no_host_images {
        raw.host_images = Some(false);
    }
}

/// The checks of `kipod check`. Failures end it here, warnings are for `kipod check` to explain.
pub(super) async fn check(progress: &Progress) -> Result<host::Report, Failure> {
    let start = Instant::now();
    progress.send(Event::Started(Step::Check));
    let dirs = Dirs::from_env()?;
    let report = host::check_cached(&dirs.runtime).await;
    report.require_usable().map_err(|unusable| {
        let hint = unusable.hint();
        Failure::new(unusable.to_string()).hint(hint)
    })?;
    progress.send(Event::Finished(Step::Check, start.elapsed()));
    for finding in report.with_status(host::Status::Warn) {
        progress.send(Event::Detail(format!("{}: {}", finding.check, finding.found)));
    }
    Ok(report)
}
