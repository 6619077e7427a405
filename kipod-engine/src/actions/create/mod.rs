//! The steps of creation, in order.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::Path;
use std::time::{Duration, Instant};

mod error;
pub(super) mod host_networks;
pub(super) mod install_addons;
pub(super) mod node_images;
pub(super) mod preflight;
mod service_address;

use crate::actions::cancel::Cancel;
use crate::actions::load::{Preload, check_preload};
use crate::actions::registries::{document_new, tell_new};
use crate::actions::wait::{RestartedNodes, Waiter};
use crate::actions::wait_target::WaitTarget;
use crate::cluster::store;
use crate::cluster::{self, Cluster, Record, cluster_dir, kubeconfig_path};
use crate::events::{Event, Events, Step, step};
use crate::kubeconfig::client;
use crate::kubeconfig::{Kubeconfig, UserKubeconfig};
use crate::kubernetes::Role;
use crate::lease::{AllocationLock, NameLock};
use crate::node::addons;
use crate::node::{CgroupMode, NodeFile};
use crate::node_image::NodeImage;
use crate::pki::Credentials;
use crate::plan::{
    Choices, Machine, NodePlan, Plan, choose_node_subnet, identities, node_names, plan,
};
use crate::podman::{Podman, PodmanError};
use crate::registry;
use crate::spec::{ClusterSpec, FoundRegistries, LocalRegistry, RegistryAuth, Subnet, Subnet6};
use crate::util::blocking;
use crate::util::dirs::Dirs;

pub use error::CreateError;

/// How long the control plane may take, whatever the user waits for after it.
pub(super) const CONTROL_PLANE_LIMIT: Duration = Duration::from_secs(300);
/// How often another port is tried when somebody else was quicker. Subnets are tried until there are
/// none left.
const PORT_ATTEMPTS: usize = 5;

/// What creation works with.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The user's Podman.
    pub podman: &'a dyn Podman,
    /// kipod's folders.
    pub dirs: &'a Dirs,
    /// Who is told.
    pub events: &'a dyn Events,
}

/// What shall be created.
#[derive(Debug, Clone)]
pub struct Request {
    /// The cluster.
    pub spec: ClusterSpec,
    /// The machine it will run on.
    pub machine: Machine,
    /// The time, in seconds since the Unix epoch.
    pub now: i64,
    /// The user's kubeconfig that gets an entry; `None` leaves it alone.
    pub kubeconfig: Option<UserKubeconfig>,
    /// How to ask for an early end.
    pub cancel: Cancel,
}

/// Creates a cluster and waits for it.
///
/// # Errors
///
/// When any step fails. What was created is removed again before this returns, unless
/// [`ClusterSpec::retain`] is set; what cannot be removed is told as a warning.
pub async fn create(context: Context<'_>, mut request: Request) -> Result<Cluster, CreateError> {
    let Context { podman, dirs, events } = context;
    let lock = NameLock::take(&dirs.state, &request.spec.name)?;
    clear_the_name(context, &request).await?;
    // Only now: what a killed kipod left under the name may have held a port.
    let auth = preflight::resolve(&mut request.spec, &dirs.state)?;
    let spec = &request.spec;
    let images =
        node_images::of_nodes(podman, spec, &dirs.data, request.machine.storage_driver).await?;
    if spec.metrics && request.machine.cgroups == CgroupMode::Unlimited {
        return Err(CreateError::NothingToMeasure);
    }
    if spec.metrics && !images[0].has_metrics {
        return Err(CreateError::NoMetrics { image: images[0].reference.clone() });
    }
    if request.machine.cgroups == CgroupMode::Unlimited {
        events.send(Event::Warning(
            "not all cgroup controllers are delegated to you: resource limits of pods are not enforced, and pods have no metrics (`kipod check` says which, and how to change that)".to_owned(),
        ));
    }
    let networks = host_networks::read();
    let remarks = host_networks::remarks(spec, &networks).into_iter();
    for line in remarks.chain(preflight::remarks(spec, &dirs.state)) {
        events.send(Event::Warning(line));
    }
    let preload = tokio::select! {
        biased;
        () = request.cancel.asked() => Err(CreateError::Cancelled { name: spec.name.clone() }),
        found = check_preload(context, &request, &images[0]) => found.map_err(CreateError::from),
    }?;
    let around: Vec<Subnet> = host_networks::subnets(&networks).collect();
    let made = make(context, &request, &images, &preload, auth, &around).await;
    let keep = |error: &CreateError| match error {
        // The cluster is whole, and one command gives it to the user all the same.
        CreateError::Kubeconfig { .. } => true,
        CreateError::Cancelled { .. } => false,
        _ => spec.retain,
    };
    if let Err(error) = &made {
        if keep(error) {
            let name = &spec.name;
            if !matches!(error, CreateError::Kubeconfig { .. }) {
                cluster::retain(&dirs.state, name);
            }
            events.send(Event::Note(format!(
                "cluster `{name}` is kept: `kipod export logs --name {name}`, `kipod exec --name {name} COMMAND`, KUBECONFIG={}; `kipod delete cluster {name}` removes it",
                kubeconfig_path(&dirs.state, name).display(),
            )));
        } else if let Err(fault) = clean_up(context, &spec.name).await {
            // The first cause is what the user must see; a fault on the way back is told beside it.
            events.send(Event::Warning(format!("clean-up: {fault}")));
        }
    }
    drop(lock);
    made
}

/// Removes what a failed creation made. What failed it may fail this too, such as a service of Podman's
/// that has just ended: so it is tried once more.
async fn clean_up(
    context: Context<'_>,
    name: &crate::spec::ClusterName,
) -> Result<bool, cluster::RemoveError> {
    let Context { podman, dirs, .. } = context;
    match cluster::remove_locked(podman, dirs, name).await {
        Err(_) => {
            cluster::settle().await;
            cluster::remove_locked(podman, dirs, name).await
        }
        removed => removed,
    }
}

/// Refuses a name in use, and removes what a killed kipod left under it.
async fn clear_the_name(context: Context<'_>, request: &Request) -> Result<(), CreateError> {
    let Context { podman, dirs, events } = context;
    let name = &request.spec.name;
    let record = Record::read(&dirs.state, name)?;
    if record.as_ref().is_some_and(|record| record.complete) {
        return Err(CreateError::Exists { name: name.clone() });
    }
    let failed = |source| CreateError::CleanUp { name: name.clone(), source: Box::new(source) };
    let left = cluster::find(podman, name).await.map_err(failed)?;
    if record.is_none() {
        if let Some(what) = left.first() {
            return Err(CreateError::Unrecorded { name: name.clone(), what });
        }
        // Half a store would be taken for the new cluster's.
        let files = std::fs::read_dir(cluster_dir(&dirs.state, name));
        if files.into_iter().flatten().next().is_none() {
            return Ok(());
        }
    }
    let remove = async {
        cluster::settle().await;
        cluster::remove_locked(podman, dirs, name).await.map_err(failed)
    };
    step(events, Step::CleanUp, remove).await.map(|_| ())
}

async fn make(
    context: Context<'_>,
    request: &Request,
    images: &[NodeImage],
    preload: &Preload,
    auth: Option<RegistryAuth>,
    around: &[Subnet],
) -> Result<Cluster, CreateError> {
    let Context { podman, dirs, events } = context;
    let spec = &request.spec;
    let joining = node_names(spec).split_off(spec.count(Role::ControlPlane));
    let credentials = Credentials::mint(spec.name.as_str(), &joining, request.now)?;
    let started = Instant::now();
    let failed = |source| failed(spec.name.as_str(), source);
    let found = FoundRegistries { auth, local: registry::local(podman).await.map_err(failed)? };
    let start = start_nodes(context, request, images, &credentials, &found, around);
    let (plan, mut record) = step(events, Step::CreateNodes, start).await?;
    tell_new(context, &record, &found.local).await;
    // The nodes boot meanwhile.
    tokio::select! {
        biased;
        () = request.cancel.asked() => check_cancel(request)?,
        filled = preload.fill(context, request) => filled?,
    }
    let kubeconfig = Kubeconfig::new(plan.access.clone()).to_yaml();
    let factor = request.machine.time_factor;
    let client = client::connect_with_timeout(&kubeconfig, factor.of(client::CONNECT_TIMEOUT))
        .await
        .map_err(|source| CreateError::Client {
            name: spec.name.clone(),
            source: Box::new(source),
        })?;
    let cluster = WaitTarget::planned(&plan, spec);
    let cancel = &request.cancel;
    let waiter = Waiter { cluster: &cluster, podman, client, cancel, factor };
    let limit = factor.of(CONTROL_PLANE_LIMIT);
    step(events, Step::StartControlPlane, waiter.api_server(limit)).await?;
    step(events, Step::Bootstrap, waiter.kubeadm(limit)).await?;
    waiter.assign_pod_subnets().await;
    if spec.networking.disable_default_cni {
        events.send(Event::Note(
            "nodes will be ready once you have installed a network of pods".to_owned(),
        ));
    } else if !spec.wait.is_zero() {
        step(events, Step::Ready, waiter.workloads(spec.wait, &RestartedNodes::none())).await?;
    }
    if images[0].has_storage {
        // Not waited for: whoever claims a volume waits for it, and nobody else has to.
        let install = async {
            let installed = install_addons::apply(&waiter.client, &addons::storage()).await;
            installed.map_err(|source| CreateError::Storage { name: spec.name.clone(), source })
        };
        step(events, Step::Storage, install).await?;
    }
    if spec.metrics {
        let install = async {
            let installed = install_addons::apply(&waiter.client, &addons::metrics()).await;
            installed.map_err(|source| CreateError::Metrics { name: spec.name.clone(), source })
        };
        step(events, Step::Metrics, install).await?;
    }
    let names: Vec<String> = plan.nodes.iter().map(|node| node.name.clone()).collect();
    preload.verify(context, &names).await?;
    let said = document_new(context, &waiter.client, &spec.name, Vec::new()).await;
    // Past this point the cluster is there, and an interruption comes too late.
    check_cancel(request)?;
    let write = write_kubeconfig(dirs, request, &plan, &mut record);
    let written = step(events, Step::Kubeconfig, write).await;
    document_new(context, &waiter.client, &spec.name, said).await;
    written?;
    events.send(Event::Detail(format!("created in {:.1} s", started.elapsed().as_secs_f64())));
    Ok(Cluster::new(record, dirs))
}

/// Chooses what is free, plans, and starts the nodes; again with another choice when somebody else
/// took it in between.
async fn start_nodes(
    context: Context<'_>,
    request: &Request,
    images: &[NodeImage],
    credentials: &Credentials,
    found: &FoundRegistries,
    around: &[Subnet],
) -> Result<(Plan, Record), CreateError> {
    let Context { podman, dirs, events } = context;
    let spec = &request.spec;
    let dir = cluster_dir(&dirs.state, &spec.name);
    let mut ports_tried = 0;
    let mut refused = Vec::new();
    let mut services = service_address::LoadBalancerPool::new(request, events);
    loop {
        check_cancel(request)?;
        let node_subnet = free_subnet(podman, spec, &refused, around).await?;
        // Who creates a cluster at the same time reads of this choice in the record.
        let state = dirs.state.clone();
        let alone = blocking(move || AllocationLock::take(&state))
            .await
            .map_err(cluster::RecordError::from)?;
        let api_port = free_port(dirs, spec, &found.local)?;
        let service_address = services.choose(dirs, api_port)?;
        let choices = Choices { node_subnet, api_port, service_address };
        let plan = plan(spec, &request.machine, images, &choices, credentials, found, &dir)?;
        let record = Record {
            name: spec.name.clone(),
            kubernetes_version: plan.kubernetes_version.clone(),
            image: spec.image.to_string(),
            spec: spec.clone(),
            nodes: identities(spec, &choices.node_subnet),
            changing: None,
            api_port,
            service_address: choices.service_address.as_ref().map(|service| service.address),
            cgroups: plan.cgroups,
            created: request.now,
            kubeconfig: Vec::new(),
            complete: false,
        };
        // First the record: from here on whoever comes after a kill knows what to remove.
        record.write(&dirs.state)?;
        drop(alone);
        // A cluster that is retained half-made can be looked at with it.
        let kubeconfig = Kubeconfig::new(plan.access.clone()).to_yaml();
        cluster::write_private(&kubeconfig_path(&dirs.state, &spec.name), kubeconfig.as_bytes())?;
        create_store(&dir, request)?;
        let error = match start(podman, request, &plan).await {
            Ok(()) => return Ok((plan, record)),
            Err(error) => error,
        };
        match &error {
            // Podman also refuses what the host itself uses, which its list of networks does not
            // show: so another one is tried, and never the same again.
            CreateError::Podman { source: PodmanError::SubnetInUse { .. }, .. } => {
                refused.push(choices.node_subnet);
            }
            CreateError::Podman { source: PodmanError::PortInUse { message, .. }, .. } => {
                let of_services = record.service_address.map(|all| all.to_string());
                let of_services = of_services.is_some_and(|all| message.contains(&all));
                if !of_services && spec.networking.api_server_port.is_some() {
                    return Err(error);
                }
                ports_tried += 1;
                match ports_tried < PORT_ATTEMPTS {
                    true => {}
                    false if of_services => services.give_up(message),
                    false => return Err(error),
                }
            }
            _ => return Err(error),
        }
        events.send(Event::Detail(format!("trying again: {error}")));
        cluster::remove_locked(podman, dirs, &spec.name).await.map_err(|source| {
            CreateError::CleanUp { name: spec.name.clone(), source: Box::new(source) }
        })?;
    }
}

/// Nodes mount the store of the cluster's own images from their first second on.
fn create_store(dir: &Path, request: &Request) -> Result<(), cluster::RecordError> {
    let made = store::create(dir, request.machine.storage_driver);
    made.map_err(|source| cluster::RecordError::Io { path: dir.to_owned(), source })
}

/// Starts all containers at once: none needs another one to begin.
async fn start(podman: &dyn Podman, request: &Request, plan: &Plan) -> Result<(), CreateError> {
    let first = plan.nodes.first().map_or("", |node| node.name.as_str());
    podman.create_network(&plan.network).await.map_err(|source| failed(first, source))?;
    check_cancel(request)?;
    let started = plan.containers().map(|node| async {
        empty_status_dir(node)?;
        start_node(podman, node).await.map_err(|source| failed(&node.name, source))
    });
    // All of them to their end: what is still being made could not be found and removed.
    futures_util::future::join_all(started).await.into_iter().collect()
}

/// What an earlier node of that name said, if its removal was cut off, is not this one's.
pub(super) fn empty_status_dir(node: &NodePlan) -> Result<(), cluster::RecordError> {
    let path = node.status_dir.clone();
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).map_err(|source| cluster::RecordError::Io { path, source })
}

/// Makes a container with all that is in it, and starts it.
pub(super) async fn start_node(podman: &dyn Podman, node: &NodePlan) -> Result<(), PodmanError> {
    podman.create_volume(&node.volume).await?;
    podman.create_container(&node.container).await?;
    podman.upload(&node.name, "/var", archive(&node.files)).await?;
    podman.start_container(&node.name).await
}

fn failed(node: &str, source: PodmanError) -> CreateError {
    CreateError::Podman { node: node.to_owned(), source }
}

fn check_cancel(request: &Request) -> Result<(), CreateError> {
    if request.cancel.is_asked() {
        return Err(CreateError::Cancelled { name: request.spec.name.clone() });
    }
    Ok(())
}

/// A subnet that no network of Podman, none of the cluster's own subnets and none of those that
/// were refused overlaps, and no network that this machine is in, if there is one.
async fn free_subnet(
    podman: &dyn Podman,
    spec: &ClusterSpec,
    refused: &[Subnet],
    around: &[Subnet],
) -> Result<Subnet, CreateError> {
    let networks =
        podman.networks("").await.map_err(|source| failed(spec.name.as_str(), source))?;
    let all = || networks.iter().flat_map(|network| &network.subnets);
    let mut used: Vec<Subnet> = all().filter_map(|subnet| subnet.parse().ok()).collect();
    used.extend([spec.networking.pod_subnet, spec.networking.service_subnet]);
    used.extend_from_slice(refused);
    let mut used6 = Vec::new();
    if spec.networking.ip_family.has_ipv6() {
        used6.extend(all().filter_map(|subnet| subnet.parse::<Subnet6>().ok()));
        used6.extend([spec.networking.pod_subnet6, spec.networking.service_subnet6]);
    }
    choose_node_subnet(&used, &used6, around).ok_or(CreateError::NoSubnet)
}

/// The port asked for if it is free, or any free one that no other cluster and no registry, running or
/// not, has.
fn free_port(
    dirs: &Dirs,
    spec: &ClusterSpec,
    registries: &[LocalRegistry],
) -> Result<u16, CreateError> {
    let address: IpAddr = spec.networking.api_server_address;
    let asked = spec.networking.api_server_port;
    let recorded = Record::all(&dirs.state)?
        .into_iter()
        .filter_map(|(name, record)| (name != spec.name).then_some(record?.api_port));
    let spoken_for: Vec<u16> =
        recorded.chain(registries.iter().map(|registry| registry.port)).collect();
    let wanted = SocketAddr::new(address, asked.unwrap_or(0));
    let port_error = |source| CreateError::Port { address: wanted, source };
    // Listeners are kept until the choice is made, so that the kernel offers another port each time.
    let mut listeners = Vec::new();
    loop {
        let listener = TcpListener::bind(wanted).map_err(port_error)?;
        let port = listener.local_addr().map_err(port_error)?.port();
        if asked.is_some() || !spoken_for.contains(&port) {
            return Ok(port);
        }
        listeners.push(listener);
    }
}

/// The files of a node as a tar archive, relative to `/var`.
pub(super) fn archive(files: &[NodeFile]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for file in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(file.text.len() as u64);
        header.set_mode(file.mode);
        header.set_entry_type(tar::EntryType::Regular);
        let path = file.path.trim_start_matches("/var/");
        // Writing into memory does not fail, and the paths are our own and short.
        let _ = builder.append_data(&mut header, path, file.text.as_bytes());
    }
    builder.into_inner().unwrap_or_default()
}

/// Adds the cluster to the user's kubeconfig, then marks the cluster complete.
async fn write_kubeconfig(
    dirs: &Dirs,
    request: &Request,
    plan: &Plan,
    record: &mut Record,
) -> Result<(), CreateError> {
    let state = &dirs.state;
    let kubeconfig = Kubeconfig::new(plan.access.clone());
    let mut merged = Ok(());
    if let Some(user) = &request.kubeconfig {
        // The record names the files before one is changed, so that a kill in between leaves
        // nothing in it that delete does not know of.
        record.kubeconfig = user.files().to_vec();
        record.write(state)?;
        let user = user.clone();
        merged = blocking(move || user.merge(&kubeconfig)).await.map(drop);
    }
    record.complete = true;
    record.write(state)?;
    merged.map_err(|source| CreateError::Kubeconfig { name: plan.name.clone(), source })
}
