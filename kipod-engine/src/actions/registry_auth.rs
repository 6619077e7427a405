//! The credentials for registries.

use std::path::Path;

use crate::spec::RegistryAuth;

/// Reads the credentials for registries from a file. Returns all errors of the file.
pub(super) fn read(path: &Path) -> Result<RegistryAuth, Vec<String>> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| {
        vec![format!("the registry auth file `{shown}` cannot be read: {error}")]
    })?;
    RegistryAuth::new(text).map_err(|error| {
        let problems = error.problems().iter();
        problems.map(|problem| format!("the registry auth file `{shown}` {problem}")).collect()
    })
}
