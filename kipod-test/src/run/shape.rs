//! The cluster that a test's attribute asks for.

use std::path::Path;

use kipod_engine::config;

use crate::error::SetupError;
use crate::site::TestSite;
use crate::source::{Shape, Wanted};

/// The cluster called `name`, as the attribute describes it.
pub(super) fn wanted(site: &TestSite, name: String) -> Result<Wanted, SetupError> {
    let TestSite { control_planes, workers, .. } = *site;
    let spec = site.config.map(|file| read(site, file)).transpose()?;
    let shape = Shape { control_planes, workers, spec: spec.map(Box::new) };
    Ok(Wanted { name, version: site.version.map(str::to_owned), shape })
}

/// A configuration file of the package. What it says of the name, and of what is shown of the user's
/// images, is as `kipod create cluster` has it; but the test's cluster keeps its own name.
fn read(site: &TestSite, file: &str) -> Result<kipod_engine::spec::ClusterSpec, SetupError> {
    let path = Path::new(site.manifest_dir).join(file);
    let fault = |fault: String| SetupError::Config { file: file.to_owned(), fault };
    let text = std::fs::read_to_string(&path)
        .map_err(|error| fault(format!("cannot be read: {error}")))?;
    let mut spec = config::read(&text, file).check().map_err(|faults| fault(faults.to_string()))?;
    // As all paths of a test, and as the cluster's record has them.
    for mount in spec.nodes.iter_mut().flat_map(|node| &mut node.extra_mounts) {
        let path = Path::new(site.manifest_dir).join(&mount.host_path);
        mount.host_path = std::path::absolute(&path).unwrap_or(path);
    }
    Ok(spec)
}
