//! The cluster that a test's attribute asks for.

use std::path::Path;

use kipod_engine::spec::ClusterSpec;
use kipod_engine::{TimeFactor, config};

use crate::error::SetupError;
use crate::settings::time_factor;
use crate::site::TestSite;
use crate::source::{Shape, Wanted};

/// The cluster called `name`, as the attribute describes it.
pub(super) fn wanted(site: &TestSite, name: String) -> Result<Wanted, SetupError> {
    let TestSite { control_planes, workers, .. } = *site;
    let spec = site.config.map(|file| read(Path::new(site.manifest_dir), file, time_factor()));
    let spec = spec.transpose()?;
    let shape = Shape { control_planes, workers, spec: spec.map(Box::new) };
    Ok(Wanted { name, version: site.version.map(str::to_owned), shape })
}

/// A configuration file of the package. What it says of the name, and of what is shown of the user's
/// images, is as `kipod create cluster` has it; but the test's cluster keeps its own name.
fn read(package: &Path, file: &str, factor: TimeFactor) -> Result<ClusterSpec, SetupError> {
    let path = package.join(file);
    let fault = |fault: String| SetupError::Config { file: file.to_owned(), fault };
    let text = std::fs::read_to_string(&path)
        .map_err(|error| fault(format!("cannot be read: {error}")))?;
    let config = config::read(&text, file);
    let mut spec = config.check_for(factor).map_err(|faults| fault(faults.to_string()))?;
    // As all paths of a test, and as the cluster's record has them.
    let mounts = spec.nodes.iter_mut().flat_map(|node| &mut node.extra_mounts);
    let paths = mounts.map(|mount| &mut mount.host_path).chain(&mut spec.registry_auth_file);
    for path in paths {
        let from_package = package.join(&path);
        *path = std::path::absolute(&from_package).unwrap_or(from_package);
    }
    Ok(spec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_a_configuration_begin_at_the_package() {
        let package = tempfile::tempdir().unwrap();
        let text = "apiVersion: kipod.io/v1alpha1\nkind: Cluster\nregistryAuthFile: auth.json\nnodes:\n- role: control-plane\n  extraMounts:\n  - hostPath: data\n    containerPath: /data\n";
        std::fs::write(package.path().join("cluster.yaml"), text).unwrap();
        let spec = read(package.path(), "cluster.yaml", TimeFactor::default()).unwrap();
        assert_eq!(spec.registry_auth_file, Some(package.path().join("auth.json")));
        assert_eq!(spec.nodes[0].extra_mounts[0].host_path, package.path().join("data"));
    }

    #[test]
    fn a_slow_machine_waits_longer_unless_the_configuration_says_how_long() {
        let package = tempfile::tempdir().unwrap();
        let waits = |more: &str| {
            let text = format!("apiVersion: kipod.io/v1alpha1\nkind: Cluster\n{more}");
            std::fs::write(package.path().join("cluster.yaml"), text).unwrap();
            read(package.path(), "cluster.yaml", "2".parse().unwrap()).unwrap().wait.as_secs()
        };
        assert_eq!(waits(""), 600);
        assert_eq!(waits("wait: 5m\n"), 300);
    }
}
