//! The cluster that a test's attribute requires.

use std::path::Path;

use super::error::SetupError;
use crate::cluster_request::{ClusterRequest, Topology};
use crate::engine_api::{CONFIG_LIMIT, ClusterSpec, Timeouts, bounded, parse_config};
use crate::error::BoxError;
use crate::settings::timeouts;
use crate::site::TestSite;

/// Returns the requirements of an attribute for the cluster `name`.
pub(super) fn new(site: &TestSite, name: String) -> Result<ClusterRequest, SetupError> {
    let TestSite { control_planes, workers, .. } = *site;
    let package = Path::new(site.manifest_dir);
    let spec = site.config.map(|file| {
        read_config(package, file, timeouts())
            .map_err(|source| SetupError::Config { file: file.to_owned(), source })
    });
    let spec = spec.transpose()?.map(Box::new);
    let topology = Topology { control_planes, workers, spec };
    Ok(ClusterRequest { name, version: site.version.map(str::to_owned), topology })
}

/// Reads a configuration file of the package, as `kipod create cluster` does. The name in the file is
/// not used.
fn read_config(package: &Path, file: &str, timeouts: Timeouts) -> Result<ClusterSpec, BoxError> {
    let text = bounded::read_text(&package.join(file), CONFIG_LIMIT)?;
    let mut spec = parse_config(&text, file).check_for(timeouts)?;
    // Relative to the package, like all paths of a test, and absolute in the cluster's record.
    let mounts = spec.nodes.iter_mut().flat_map(|node| &mut node.extra_mounts);
    let paths = mounts.map(|mount| &mut mount.host_path).chain(&mut spec.registry_auth_file);
    for path in paths {
        let in_package = package.join(&path);
        *path = std::path::absolute(&in_package).unwrap_or(in_package);
    }
    Ok(spec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_config_resolves_paths_in_the_package() {
        let package = tempfile::tempdir().unwrap();
        let text = "apiVersion: kipod.io/v1alpha1\nkind: Cluster\nregistryAuthFile: auth.json\nnodes:\n- role: control-plane\n  extraMounts:\n  - hostPath: data\n    containerPath: /data\n";
        std::fs::write(package.path().join("cluster.yaml"), text).unwrap();
        let spec = read_config(package.path(), "cluster.yaml", Timeouts::default()).unwrap();
        assert_eq!(spec.registry_auth_file, Some(package.path().join("auth.json")));
        assert_eq!(spec.nodes[0].extra_mounts[0].host_path, package.path().join("data"));
    }

    #[test]
    fn read_config_scales_only_the_default_timeout() {
        let package = tempfile::tempdir().unwrap();
        let wait = |more: &str| {
            let text = format!("apiVersion: kipod.io/v1alpha1\nkind: Cluster\n{more}");
            std::fs::write(package.path().join("cluster.yaml"), text).unwrap();
            let timeouts = Timeouts::new("2".parse().unwrap());
            read_config(package.path(), "cluster.yaml", timeouts).unwrap().wait.as_secs()
        };
        assert_eq!(wait(""), 600);
        assert_eq!(wait("wait: 5m\n"), 300);
    }
}
