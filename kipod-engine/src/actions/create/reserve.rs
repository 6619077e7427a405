//! Reservation of a node subnet, a port of the API server and an address of Services, and the plan and
//! record that follow from them.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::inotify::{self, Supply};
use super::preflight::Found;
use super::service_address::ServiceAddressChooser;
use super::{Context, CreateError, Request, podman_error};
use crate::cluster::{self, Record, cluster_dir};
use crate::events::Event;
use crate::host;
use crate::lease::AllocationLock;
use crate::pki::Credentials;
use crate::plan::{Choices, Plan, choose_node_subnet, identities, plan, subnets_of};
use crate::podman::{Podman, PodmanError};
use crate::spec::{ClusterSpec, FoundRegistries, LocalRegistry, Subnet, Subnet6};
use crate::util::dirs::Dirs;
use crate::util::{blocking, ports};

/// Number of attempts with another port after a conflict. Subnets are tried until none is left.
const PORT_ATTEMPTS: usize = 5;

/// The poll interval for creations that inotify instances are reserved for.
const INOTIFY_INTERVAL: Duration = Duration::from_millis(500);

/// A planned cluster with its record on disk.
pub(super) struct Reservation {
    pub(super) plan: Plan,
    pub(super) record: Record,
    pub(super) registries: FoundRegistries,
    node_subnet: Subnet,
}

/// Chooses free resources; after a conflict with another process it chooses others.
pub(super) struct Reserver<'a> {
    cx: Context<'a>,
    request: &'a Request,
    found: &'a Found,
    credentials: Credentials,
    registries: FoundRegistries,
    services: ServiceAddressChooser<'a>,
    refused_subnets: Vec<Subnet>,
    ports_tried: usize,
}

impl<'a> Reserver<'a> {
    pub(super) fn new(
        cx: Context<'a>,
        request: &'a Request,
        found: &'a Found,
        credentials: Credentials,
        local: Vec<LocalRegistry>,
    ) -> Self {
        Self {
            cx,
            request,
            found,
            credentials,
            registries: FoundRegistries {
                auth: found.auth.clone(),
                local,
                ca_certificates: found.ca_certificates.clone(),
            },
            services: ServiceAddressChooser::new(request, cx.events),
            refused_subnets: Vec::new(),
            ports_tried: 0,
        }
    }

    /// Chooses what is free, plans, and writes the record. A lock keeps concurrent creations from
    /// choosing the same port or address of Services. The node subnet is chosen before the lock: two
    /// creations may choose the same, Podman reports the conflict, and [`exclude`](Self::exclude)
    /// handles it.
    pub(super) async fn reserve(&mut self) -> Result<Reservation, CreateError> {
        let Context { podman, dirs, .. } = self.cx;
        let spec = &self.request.spec;
        let node_subnet =
            free_subnet(podman, spec, &self.refused_subnets, &self.found.host_subnets).await?;
        let lock = self.lock_with_inotify_instances().await?;
        let api_port = free_port(dirs, spec, &self.registries.local)?;
        let service_address = self.services.choose(dirs, api_port)?;
        let host_addresses = host::addresses();
        let choices = Choices { node_subnet, api_port, service_address, host_addresses };
        let (machine, images) = (&self.request.machine, &self.found.node_images);
        let dir = cluster_dir(&dirs.state, &spec.name);
        let plan =
            plan(spec, machine, images, &choices, &self.credentials, &self.registries, &dir)?;
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
            created: self.request.now,
            kubeconfig: Vec::new(),
            complete: false,
        };
        // Before anything is created: after a SIGKILL the record lists the resources to remove.
        record.write(&dirs.state)?;
        drop(lock);
        let registries = self.registries.clone();
        Ok(Reservation { plan, record, registries, node_subnet })
    }

    /// Takes the lock once enough inotify instances are left. Waits while other creations may leave enough.
    async fn lock_with_inotify_instances(&self) -> Result<AllocationLock, CreateError> {
        let Context { dirs, events, .. } = self.cx;
        let mut waiting = false;
        loop {
            let state = dirs.state.clone();
            let lock = blocking(move || AllocationLock::take(&state)).await;
            let lock = lock.map_err(cluster::RecordError::from)?;
            match inotify::supply(self.request, &dirs.state)? {
                Supply::Enough => return Ok(lock),
                Supply::Exhausted(left) => {
                    return Err(inotify::exhausted(&self.request.spec, left));
                }
                Supply::Later => drop(lock),
            }
            if !std::mem::replace(&mut waiting, true) {
                let note = "waiting for other creations: few inotify instances are left";
                events.send(Event::Note(note.to_owned()));
            }
            tokio::time::sleep(INOTIFY_INTERVAL).await;
            self.request.check_cancelled()?;
        }
    }

    /// Decides whether another choice may succeed after `error`, and excludes what was in conflict.
    ///
    /// # Errors
    ///
    /// With `error`, where no other choice helps.
    pub(super) fn exclude(
        &mut self,
        reservation: &Reservation,
        error: CreateError,
    ) -> Result<CreateError, CreateError> {
        match &error {
            // Podman also refuses subnets of the host, which its list of networks does not show.
            CreateError::Podman { source: PodmanError::SubnetInUse { .. }, .. } => {
                self.refused_subnets.push(reservation.node_subnet);
            }
            CreateError::Podman { source: PodmanError::PortInUse { message, .. }, .. } => {
                let address = reservation.record.service_address.map(|all| all.to_string());
                let is_of_services = address.is_some_and(|all| message.contains(&all));
                if !is_of_services && self.request.spec.networking.api_server_port.is_some() {
                    return Err(error);
                }
                self.ports_tried += 1;
                match self.ports_tried < PORT_ATTEMPTS {
                    true => {}
                    false if is_of_services => self.services.give_up(message),
                    false => return Err(error),
                }
            }
            _ => return Err(error),
        }
        Ok(error)
    }
}

/// Chooses a subnet that overlaps no network of Podman, none of the cluster's own subnets, none of the
/// refused ones, and if possible no network of the host.
async fn free_subnet(
    podman: &dyn Podman,
    spec: &ClusterSpec,
    refused: &[Subnet],
    host_subnets: &[Subnet],
) -> Result<Subnet, CreateError> {
    let networks =
        podman.networks("").await.map_err(|source| podman_error(spec.name.as_str(), source))?;
    let mut used: Vec<Subnet> = subnets_of(&networks);
    used.extend([spec.networking.pod_subnet.v4, spec.networking.service_subnet.v4]);
    used.extend_from_slice(refused);
    let mut used6: Vec<Subnet6> = Vec::new();
    if spec.networking.ip_family.has_ipv6() {
        used6 = subnets_of(&networks);
        used6.extend([spec.networking.pod_subnet.v6, spec.networking.service_subnet.v6]);
    }
    choose_node_subnet(&used, &used6, host_subnets).ok_or(CreateError::NoSubnet)
}

/// Returns the requested port if it is free, or a free port that no cluster and no registry has,
/// stopped ones included.
fn free_port(
    dirs: &Dirs,
    spec: &ClusterSpec,
    registries: &[LocalRegistry],
) -> Result<u16, CreateError> {
    let address: IpAddr = spec.networking.api_server_address;
    let requested = spec.networking.api_server_port;
    let recorded = Record::all(&dirs.state)?
        .into_iter()
        .filter_map(|(name, record)| (name != spec.name).then_some(record?.api_port));
    let taken: Vec<u16> = recorded.chain(registries.iter().map(|registry| registry.port)).collect();
    let wanted = SocketAddr::new(address, requested.unwrap_or(0));
    let port = ports::free_port(wanted, |port| !taken.contains(&port));
    port.map_err(|source| CreateError::Port { address: wanted, source })
}
