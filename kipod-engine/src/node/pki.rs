//! CA certificates and keys, and the service account key pair.

use super::{NodeFile, NodeSettings};
use crate::kubernetes::Role;
use crate::pki::Authorities;

/// Returns the authority files of a node. Only control planes have private keys.
pub(super) fn files(node: &NodeSettings<'_>) -> Vec<NodeFile> {
    let authorities = &node.cluster.credentials.authorities;
    let mut files = vec![NodeFile::new("kubernetes/pki/ca.crt", &authorities.ca.certificate)];
    if node.role == Role::ControlPlane {
        files.extend(control_plane_files(authorities));
    }
    files
}

fn control_plane_files(authorities: &Authorities) -> Vec<NodeFile> {
    let mut files = vec![
        NodeFile::secret("kubernetes/pki/ca.key", &authorities.ca.key),
        NodeFile::new("kubernetes/pki/sa.pub", &authorities.service_accounts.public),
        NodeFile::secret("kubernetes/pki/sa.key", &authorities.service_accounts.private),
    ];
    let others =
        [("etcd/ca", &authorities.etcd_ca), ("front-proxy-ca", &authorities.front_proxy_ca)];
    for (name, authority) in others {
        let path = format!("kubernetes/pki/{name}");
        files.push(NodeFile::new(&format!("{path}.crt"), &authority.certificate));
        files.push(NodeFile::secret(&format!("{path}.key"), &authority.key));
    }
    files
}
