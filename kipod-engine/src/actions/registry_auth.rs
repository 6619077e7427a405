//! The credentials for registries.

use std::path::Path;

use crate::spec::RegistryAuth;
use crate::util::bounded;

/// The limit of the Secrets of a cluster, in which the same credentials are stored for pods.
const LIMIT: u64 = 1 << 20;

/// Reads the credentials for registries from a file. Returns all errors of the file.
pub(super) fn read(path: &Path) -> Result<RegistryAuth, Vec<String>> {
    let shown = path.display();
    let text = bounded::read_text(path, LIMIT).map_err(|error| {
        vec![format!("the registry auth file `{shown}` cannot be read: {error}")]
    })?;
    RegistryAuth::new(text).map_err(|error| {
        let problems = error.problems().iter();
        problems.map(|problem| format!("the registry auth file `{shown}` {problem}")).collect()
    })
}
