//! Checks before anything is created: node images, host paths and ports, images to preload.

use std::net::SocketAddr;
use std::path::Path;

use super::environment::check_environment;
use super::{Context, CreateError, Request, own_images};
use crate::actions::load::{Preload, check_preload};
use crate::actions::port_conflicts::{port_warnings, service_conflict, try_port};
use crate::actions::{ca_certificates, devices, node_images, registry_auth};
use crate::events::Event;
use crate::host::{self, HostNetwork};
use crate::node::CgroupMode;
use crate::node_image::NodeImage;
use crate::plan::{Machine, node_names};
use crate::spec::{
    ClusterSpec, ExtraMount, ExtraPort, IpFamily, KubeProxyMode, Origin, Protocol, RegistryAuth,
    Subnet,
};
use crate::util::ports::bind_remedy;

/// Results of the checks that later steps need.
pub(super) struct Found {
    /// The image of each node, in their order.
    pub(super) node_images: Vec<NodeImage>,
    /// The credentials for registries.
    pub(super) auth: Option<RegistryAuth>,
    /// The certificate authorities that nodes trust in addition, in PEM.
    pub(super) ca_certificates: Option<String>,
    /// The subnets that the host itself is in.
    pub(super) host_subnets: Vec<Subnet>,
    /// The images to preload.
    pub(super) preload: Preload,
}

/// Checks everything that can be known before anything is created. Makes the host paths of the
/// specification absolute, pulls missing images to preload, and reports warnings.
pub(super) async fn check(cx: Context<'_>, request: &mut Request) -> Result<Found, CreateError> {
    let Context { podman, dirs, events } = cx;
    check_environment(&request.spec.name, request.kubeconfig.as_ref()).await?;
    let HostFiles { auth, ca_certificates } =
        resolve(&mut request.spec, &request.machine, &dirs.state)?;
    let request = &*request;
    let (spec, machine) = (&request.spec, &request.machine);
    let node_images =
        node_images::of_nodes(podman, spec, &dirs.data, machine.storage_driver).await?;
    let without_limits = machine.cgroups == CgroupMode::Unlimited;
    if let Some(index) = spec.nodes.iter().position(|node| node.resources.is_limited())
        && without_limits
    {
        let node = node_names(spec).swap_remove(index);
        return Err(CreateError::LimitsUnavailable { node, remedy: machine.limits_remedy.clone() });
    }
    if spec.metrics && without_limits {
        return Err(CreateError::MetricsUnavailable);
    }
    if spec.metrics && !node_images[0].has_metrics {
        return Err(CreateError::NoMetrics { image: node_images[0].reference.clone() });
    }
    if without_limits {
        events.send(Event::Warning(
            "not all cgroup controllers are delegated to you: resource limits of pods are not enforced, and pods have no metrics (`kipod check` shows which, and the remedy)".to_owned(),
        ));
    }
    let networks = host::networks();
    let warnings = overlaps(spec, &networks).into_iter();
    for warning in warnings.chain(port_warnings(spec, &dirs.state)) {
        events.send(Event::Warning(warning));
    }
    if let Some(warning) = own_images::warning(podman, request, &node_images[0]).await {
        events.send(Event::Warning(warning));
    }
    let preload = request.unless_cancelled(check_preload(cx, request, &node_images[0])).await?;
    let host_subnets = networks.iter().map(|network| network.subnet).collect();
    Ok(Found { node_images, auth, ca_certificates, host_subnets, preload })
}

/// The content of files of the host.
#[derive(Debug)]
struct HostFiles {
    auth: Option<RegistryAuth>,
    ca_certificates: Option<String>,
}

/// Makes the paths of mounts absolute, relative to the current directory. Checks that they exist, that
/// ports are free, that the kernel supports the mode of kube-proxy, and that the credentials for
/// registries and the certificate authorities are valid. Returns their content.
fn resolve(
    spec: &mut ClusterSpec,
    machine: &Machine,
    state: &Path,
) -> Result<HostFiles, CreateError> {
    let names = node_names(spec);
    let mut errors = Vec::new();
    if spec.networking.kube_proxy_mode == KubeProxyMode::Ipvs && !machine.ip_vs {
        errors.push(
            "kube-proxy's mode `ipvs` requires the kernel module `ip_vs`, which is not loaded: run `sudo modprobe ip_vs`, or use the mode `nftables`"
                .to_owned(),
        );
    }
    errors.extend(ipv6_error(spec.networking.ip_family, machine.ipv6));
    for (node, name) in spec.nodes.iter_mut().zip(&names) {
        let mounts = node.extra_mounts.iter_mut().filter_map(mount_error);
        errors.extend(mounts.map(|(origin, error)| format!("{origin}node `{name}`: {error}")));
        let ports = node.extra_port_mappings.iter().filter_map(|port| port_error(port, state));
        errors.extend(ports.map(|(origin, error)| format!("{origin}node `{name}`: {error}")));
    }
    errors.extend(device_errors(spec, &names));
    let auth = spec.registry_auth_file.as_mut().and_then(|path| {
        *path = std::path::absolute(&*path).unwrap_or_else(|_| path.clone());
        let read = registry_auth::read(path);
        read.map_err(|found| errors.extend(found)).ok()
    });
    for path in &mut spec.ca_certificates {
        *path = std::path::absolute(&*path).unwrap_or_else(|_| path.clone());
    }
    let certificates = ca_certificates::read(spec);
    let ca_certificates = certificates.map_err(|found| errors.extend(found)).ok().flatten();
    match errors.is_empty() {
        true => Ok(HostFiles { auth, ca_certificates }),
        false => Err(CreateError::HostResources { errors }),
    }
}

/// Returns an error for each device that nodes cannot use.
fn device_errors(spec: &ClusterSpec, names: &[String]) -> Vec<String> {
    let uid = rustix::process::getuid().as_raw();
    let devices = spec.nodes.iter().zip(names).flat_map(|(node, name)| {
        node.devices.iter().filter_map(move |device| {
            let problem = devices::problem(device, uid)?;
            Some(format!("node `{name}`: device `{device}` cannot be used: {problem}"))
        })
    });
    devices.collect()
}

/// Makes the host path of a mount absolute. Returns an error if it does not exist.
fn mount_error(mount: &mut ExtraMount) -> Option<(&Origin, String)> {
    let is_home = mount.host_path.starts_with("~");
    let found = std::path::absolute(&mount.host_path).and_then(|path| {
        mount.host_path = path;
        std::fs::metadata(&mount.host_path)
    });
    let error = found.err()?;
    let path = mount.host_path.display();
    let hint = if is_home { ": `~` is not expanded, write the absolute path" } else { "" };
    Some((&mount.origin, format!("`{path}` cannot be mounted: {error}{hint}")))
}

/// Returns an error if the host port of a mapping cannot be published.
fn port_error<'a>(mapping: &'a ExtraPort, state: &Path) -> Option<(&'a Origin, String)> {
    let ExtraPort { listen_address, host_port, protocol, origin, .. } = mapping;
    let cause = if *protocol == Protocol::Sctp {
        "rootless Podman forwards TCP and UDP only: reach the node at its own address from containers, or use TCP".to_owned()
    } else {
        let error = try_port(mapping).err()?;
        let address = SocketAddr::new(*listen_address, host_port.unwrap_or_default());
        service_conflict(mapping, state).unwrap_or_else(|| match bind_remedy(address, &error) {
            Some(remedy) => format!("{error}: {remedy}"),
            None => error.to_string(),
        })
    };
    let port = host_port.map_or_else(|| "a port".to_owned(), |port| format!("port {port}"));
    let text = format!("{port} ({protocol}) of `{listen_address}` cannot be published: {cause}");
    Some((origin, text))
}

/// Returns an error if the IP family needs IPv6 and the kernel does not have it.
fn ipv6_error(family: IpFamily, has_ipv6: bool) -> Option<String> {
    (family.has_ipv6() && !has_ipv6).then(|| {
        format!(
            "the IP family `{family}` needs IPv6, which the kernel does not have: remove `ipv6.disable=1` from its command line and reboot"
        )
    })
}

/// Returns a warning for each network that pods of the cluster cannot reach.
fn overlaps(spec: &ClusterSpec, all: &[HostNetwork]) -> Vec<String> {
    let networking = &spec.networking;
    if !networking.ip_family.has_ipv4() {
        return Vec::new();
    }
    let own = [
        ("pod subnet", networking.pod_subnet.v4),
        ("service subnet", networking.service_subnet.v4),
    ];
    let pairs = own.iter().flat_map(|own| all.iter().map(move |one| (own, one)));
    let overlaps = pairs.filter(|((_, own), one)| own.overlaps(&one.subnet));
    overlaps.map(|((name, own), HostNetwork { subnet, interface })| {
        format!(
            "the {name} `{own}` overlaps the host network `{subnet}` (`{interface}`): pods cannot reach addresses in it"
        )
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::spec::{Networking, Position};
    use crate::testing::machine;

    #[test]
    fn ipv6_is_required_by_ip_family_only() {
        let error = ipv6_error(IpFamily::Dual, false).unwrap();
        assert!(error.starts_with("the IP family `dual` needs IPv6"), "{error}");
        assert!(ipv6_error(IpFamily::Ipv6, false).is_some());
        assert_eq!(ipv6_error(IpFamily::Ipv4, false), None);
        assert_eq!(ipv6_error(IpFamily::Dual, true), None);
    }

    #[test]
    fn resolve_reports_all_unavailable_resources() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let taken = listener.local_addr().unwrap().port();
        let mount = |path: &str| ExtraMount::new(path, "/x");
        let port = |host_port, protocol| ExtraPort {
            host_port,
            listen_address: [127, 0, 0, 1].into(),
            protocol,
            ..ExtraPort::new(80)
        };
        let mut spec = ClusterSpec::default();
        spec.nodes[0].extra_mounts = vec![mount("/none/such"), mount("src")];
        spec.nodes[0].extra_port_mappings =
            vec![port(Some(taken), Protocol::Tcp), port(None, Protocol::Tcp)];
        spec.registry_auth_file = Some("none/such.json".into());
        spec.ca_certificates = vec!["none/such.pem".into()];
        let error = resolve(&mut spec, &machine(), Path::new("/none")).unwrap_err().to_string();
        assert_eq!(error.lines().count(), 5, "{error}");
        assert!(error.contains("/none/such.pem` cannot be read: No such file"), "{error}");
        assert!(error.contains("/none/such.json` cannot be read: No such file"), "{error}");
        assert!(error.contains("node `kipod-control-plane-0`: `/none/such` cannot be mounted: "));
        assert!(
            error.contains(&format!("port {taken} (TCP) of `127.0.0.1` cannot be published: "))
        );
        assert!(spec.nodes[0].extra_mounts[1].host_path.is_absolute());
        drop(listener);
        assert!(spec.ca_certificates[0].is_absolute());
        spec.nodes[0].extra_mounts.remove(0);
        spec.ca_certificates.clear();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), r#"{"auths": {}}"#).unwrap();
        spec.registry_auth_file = Some(file.path().to_owned());
        assert!(resolve(&mut spec, &machine(), Path::new("/none")).unwrap().auth.is_some());
        spec.registry_auth_file = None;
        assert!(resolve(&mut spec, &machine(), Path::new("/none")).unwrap().auth.is_none());
    }

    #[test]
    fn errors_name_position_path_and_remedy() {
        let origin = |line| Origin(Some(Position { file: "c.yaml".to_owned(), line, column: 7 }));
        let mut spec = ClusterSpec::default();
        let mut home = ExtraMount::new("~/data", "/x");
        home.origin = origin(8);
        let sctp = ExtraPort { protocol: Protocol::Sctp, origin: origin(9), ..ExtraPort::new(80) };
        let elsewhere = ExtraPort {
            host_port: Some(8080),
            listen_address: [192, 0, 2, 1].into(),
            ..ExtraPort::new(80)
        };
        spec.nodes[0].extra_mounts = vec![home];
        spec.nodes[0].extra_port_mappings = vec![sctp, elsewhere];
        let error = resolve(&mut spec, &machine(), Path::new("/none")).unwrap_err().to_string();
        let lines: Vec<&str> = error.lines().skip(1).map(str::trim_start).collect();
        let directory = std::env::current_dir().unwrap();
        let mount = format!(
            "c.yaml:8:7: node `kipod-control-plane-0`: `{}/~/data` cannot be mounted: No such file or directory (os error 2): `~` is not expanded, write the absolute path",
            directory.display()
        );
        assert_eq!(lines[0], mount);
        assert!(
            lines[1].starts_with("c.yaml:9:7: node `kipod-control-plane-0`: a port (SCTP) of `0.0.0.0` cannot be published: rootless Podman forwards TCP and UDP only"),
            "{error}"
        );
        assert!(lines[2].contains("`192.0.2.1` is not an address of this host"), "{error}");
    }

    #[test]
    fn ipvs_requires_its_kernel_module() {
        let mut spec = ClusterSpec::default();
        spec.networking.kube_proxy_mode = KubeProxyMode::Ipvs;
        let state = Path::new("/none");
        assert!(resolve(&mut spec, &machine(), state).is_ok());
        let without = Machine { ip_vs: false, ..machine() };
        let error = resolve(&mut spec, &without, state).unwrap_err().to_string();
        assert!(error.contains("requires the kernel module `ip_vs`"), "{error}");
        spec.networking.kube_proxy_mode = KubeProxyMode::Iptables;
        assert!(resolve(&mut spec, &without, state).is_ok());
    }

    #[test]
    fn overlapping_host_networks_are_warnings() {
        let network = |subnet: &str, interface: &str| HostNetwork {
            subnet: subnet.parse().unwrap(),
            interface: interface.to_owned(),
        };
        let found = [network("192.168.1.0/24", "eth0"), network("10.244.3.0/24", "wg0")];
        let lines = overlaps(&ClusterSpec::default(), &found);
        let [line] = lines.as_slice() else { panic!("{lines:?}") };
        assert_eq!(
            line,
            "the pod subnet `10.244.0.0/16` overlaps the host network `10.244.3.0/24` (`wg0`): pods cannot reach addresses in it"
        );
        let networking = Networking::of(IpFamily::Ipv6);
        let spec = ClusterSpec { networking, ..ClusterSpec::default() };
        assert_eq!(overlaps(&spec, &found), [""; 0]);
    }
}
