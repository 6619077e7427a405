//! The paths of the user's kubeconfig files, by `kubectl`'s rules.

use std::ffi::OsString;
use std::path::{Path, PathBuf, absolute};

use super::error::KubeconfigError;

/// Returns the files of the user's kubeconfig, at least one. Earlier files have precedence.
pub(super) fn files(
    explicit: Option<&Path>,
    lookup: impl Fn(&str) -> Option<OsString>,
) -> Result<Vec<PathBuf>, KubeconfigError> {
    if let Some(path) = explicit {
        return Ok(vec![absolute_path(path)?]);
    }
    let variable = |name: &str| lookup(name).filter(|value| !value.is_empty());
    let Some(list) = variable("KUBECONFIG") else {
        let home = variable("HOME").ok_or(KubeconfigError::NoHome)?;
        return Ok(vec![absolute_path(&Path::new(&home).join(".kube/config"))?]);
    };
    let mut files: Vec<PathBuf> = Vec::new();
    for path in std::env::split_paths(&list).filter(|path| !path.as_os_str().is_empty()) {
        let path = absolute_path(&path)?;
        if !files.contains(&path) {
            files.push(path);
        }
    }
    if files.is_empty() {
        return Err(KubeconfigError::NoFile { value: list.to_string_lossy().into_owned() });
    }
    Ok(files)
}

/// Returns the index of the file for new entries: the first that exists, else the last.
pub(super) fn destination(files: &[PathBuf]) -> usize {
    files.iter().position(|path| path.exists()).unwrap_or(files.len() - 1)
}

/// Resolves the symbolic links of a path. The file does not need to exist.
pub(super) fn target(path: &Path) -> Result<PathBuf, KubeconfigError> {
    let unreadable = |source| KubeconfigError::Unreadable { path: path.to_owned(), source };
    let mut target = path.to_owned();
    // The kernel's limit of links, see path_resolution(7).
    for _ in 0..40 {
        match std::fs::read_link(&target) {
            Ok(next) => {
                let directory = target.parent().unwrap_or(Path::new("/"));
                target = directory.join(next);
            }
            // Not a link, or missing.
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::InvalidInput | std::io::ErrorKind::NotFound
                ) =>
            {
                return Ok(target);
            }
            Err(source) => return Err(unreadable(source)),
        }
    }
    Err(unreadable(std::io::Error::other("too many levels of symbolic links")))
}

fn absolute_path(path: &Path) -> Result<PathBuf, KubeconfigError> {
    absolute(path).map_err(|source| KubeconfigError::Unreadable { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::util::text::error_chain;

    fn with(variables: &[(&str, &str)], explicit: Option<&str>) -> Result<Vec<String>, String> {
        let lookup = |name: &str| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
        };
        files(explicit.map(Path::new), lookup)
            .map(|files| files.iter().map(|path| path.to_str().unwrap().to_owned()).collect())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn flag_precedes_variable_and_home() {
        let home = ("HOME", "/home/ada");
        let list = ("KUBECONFIG", "/a:/b");
        assert_eq!(with(&[home, list], Some("/x")).unwrap(), ["/x"]);
        assert_eq!(with(&[home, list], None).unwrap(), ["/a", "/b"]);
        assert_eq!(with(&[home, ("KUBECONFIG", "")], None).unwrap(), ["/home/ada/.kube/config"]);
        assert_eq!(with(&[home], None).unwrap(), ["/home/ada/.kube/config"]);
    }

    #[test]
    fn empty_and_repeated_paths_are_skipped() {
        assert_eq!(with(&[("KUBECONFIG", ":/a::/b:/a:")], None).unwrap(), ["/a", "/b"]);
        assert_eq!(
            with(&[("KUBECONFIG", "::")], None).unwrap_err(),
            "`KUBECONFIG` is `::`, which contains no path"
        );
        assert_eq!(
            with(&[], None).unwrap_err(),
            "no kubeconfig is specified, and `HOME` is not set"
        );
    }

    #[test]
    fn relative_paths_become_absolute() {
        let current = std::env::current_dir().unwrap();
        assert_eq!(
            with(&[], Some("x/config")).unwrap(),
            [current.join("x/config").to_str().unwrap()]
        );
    }

    #[test]
    fn destination_is_the_first_existing_or_last_file() {
        let directory = tempfile::tempdir().unwrap();
        let files = ["a", "b", "c"].map(|name| directory.path().join(name));
        assert_eq!(destination(&files), 2);
        std::fs::write(&files[1], "").unwrap();
        assert_eq!(destination(&files), 1);
        std::fs::write(&files[0], "").unwrap();
        assert_eq!(destination(&files), 0);
    }

    #[test]
    fn links_to_missing_files_are_resolved() {
        let directory = tempfile::tempdir().unwrap();
        let [a, b, c] = ["a", "b", "c"].map(|name| directory.path().join(name));
        std::os::unix::fs::symlink("b", &a).unwrap();
        std::os::unix::fs::symlink(&c, &b).unwrap();
        assert_eq!(target(&a).unwrap(), c);
        std::os::unix::fs::symlink("a", &c).unwrap();
        let error = error_chain(&target(&a).unwrap_err());
        assert!(error.ends_with("too many levels of symbolic links"), "{error}");
    }
}
