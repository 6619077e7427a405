//! Checks of the user's environment, which come first: a node image may be built before the other checks.

use std::path::PathBuf;

use super::CreateError;
use crate::kubeconfig::UserKubeconfig;
use crate::spec::ClusterName;
use crate::util::{blocking, variable};

/// Checks that the cluster's entry can be written to the user's kubeconfig, and that the directory for
/// temporary files exists.
///
/// # Errors
///
/// When one of them cannot be used.
pub async fn check_environment(
    name: &ClusterName,
    kubeconfig: Option<&UserKubeconfig>,
) -> Result<(), CreateError> {
    if let Some(error) = missing_temporary_directory(variable("TMPDIR").map(PathBuf::from)) {
        return Err(CreateError::HostResources { errors: vec![error] });
    }
    let Some(user) = kubeconfig.cloned() else { return Ok(()) };
    let name = name.clone();
    let checked = blocking(move || user.check(&name)).await;
    checked.map_err(|source| CreateError::KubeconfigUnusable { source })
}

/// Returns an error if the directory for temporary files does not exist. Podman needs it to look up images
/// and to prepare containers.
fn missing_temporary_directory(directory: Option<PathBuf>) -> Option<String> {
    let directory = directory.filter(|directory| !directory.is_dir())?;
    let path = directory.display();
    Some(format!(
        "the variable `TMPDIR` is `{path}`, which is not a directory: create it, or unset TMPDIR"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temporary_directory_must_exist() {
        let error = missing_temporary_directory(Some("/none/such".into())).unwrap();
        assert!(error.starts_with("the variable `TMPDIR` is `/none/such`, which"), "{error}");
        assert_eq!(missing_temporary_directory(Some("/".into())), None);
        assert_eq!(missing_temporary_directory(None), None);
    }
}
