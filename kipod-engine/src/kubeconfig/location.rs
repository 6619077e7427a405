//! Which files are the user's kubeconfig: `kubectl`'s rules.

use std::ffi::OsString;
use std::path::{Path, PathBuf, absolute};

use super::KubeconfigError;
use super::error::reason;

/// The files that make up the user's kubeconfig, the first one winning where two say something of
/// one thing; never none.
pub(super) fn files(
    explicit: Option<&Path>,
    lookup: impl Fn(&str) -> Option<OsString>,
) -> Result<Vec<PathBuf>, KubeconfigError> {
    if let Some(path) = explicit {
        return Ok(vec![full(path)?]);
    }
    let variable = |name: &str| lookup(name).filter(|value| !value.is_empty());
    let Some(list) = variable("KUBECONFIG") else {
        let home = variable("HOME").ok_or(KubeconfigError::NoHome)?;
        return Ok(vec![full(&Path::new(&home).join(".kube/config"))?]);
    };
    let mut files: Vec<PathBuf> = Vec::new();
    for path in std::env::split_paths(&list).filter(|path| !path.as_os_str().is_empty()) {
        let path = full(&path)?;
        if !files.contains(&path) {
            files.push(path);
        }
    }
    if files.is_empty() {
        return Err(KubeconfigError::NoFile { value: list.to_string_lossy().into_owned() });
    }
    Ok(files)
}

/// The file for what is in none of them yet: the first that exists, else the last.
pub(super) fn destination(files: &[PathBuf]) -> usize {
    files.iter().position(|path| path.exists()).unwrap_or(files.len() - 1)
}

/// The file itself, behind all symbolic links, whether it exists or not.
pub(super) fn target(path: &Path) -> Result<PathBuf, KubeconfigError> {
    let unreadable = |error: std::io::Error| KubeconfigError::Unreadable {
        path: path.to_owned(),
        message: reason(&error),
    };
    let mut target = path.to_owned();
    // As many links as the kernel follows, see path_resolution(7).
    for _ in 0..40 {
        match std::fs::read_link(&target) {
            Ok(next) => {
                let folder = target.parent().unwrap_or(Path::new("/"));
                target = folder.join(next);
            }
            // Not a link, or not there.
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::InvalidInput | std::io::ErrorKind::NotFound
                ) =>
            {
                return Ok(target);
            }
            Err(error) => return Err(unreadable(error)),
        }
    }
    Err(unreadable(std::io::Error::other("its symbolic links go in circles")))
}

fn full(path: &Path) -> Result<PathBuf, KubeconfigError> {
    absolute(path).map_err(|error| KubeconfigError::Unreadable {
        path: path.to_owned(),
        message: reason(&error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(variables: &[(&str, &str)], explicit: Option<&str>) -> Result<Vec<String>, String> {
        let lookup = |name: &str| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
        };
        files(explicit.map(Path::new), lookup)
            .map(|files| files.iter().map(|path| path.to_str().unwrap().to_owned()).collect())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_flag_wins_over_the_variable_over_home() {
        let home = ("HOME", "/home/ada");
        let list = ("KUBECONFIG", "/a:/b");
        assert_eq!(with(&[home, list], Some("/x")).unwrap(), ["/x"]);
        assert_eq!(with(&[home, list], None).unwrap(), ["/a", "/b"]);
        assert_eq!(with(&[home, ("KUBECONFIG", "")], None).unwrap(), ["/home/ada/.kube/config"]);
        assert_eq!(with(&[home], None).unwrap(), ["/home/ada/.kube/config"]);
    }

    #[test]
    fn the_list_may_have_gaps_and_repeats() {
        assert_eq!(with(&[("KUBECONFIG", ":/a::/b:/a:")], None).unwrap(), ["/a", "/b"]);
        assert_eq!(
            with(&[("KUBECONFIG", "::")], None).unwrap_err(),
            "`KUBECONFIG` is `::`, which names no file"
        );
        assert_eq!(with(&[], None).unwrap_err(), "no kubeconfig was named, and `HOME` is not set");
    }

    #[test]
    fn a_relative_path_is_from_here() {
        let here = std::env::current_dir().unwrap();
        assert_eq!(with(&[], Some("x/config")).unwrap(), [here.join("x/config").to_str().unwrap()]);
    }

    #[test]
    fn the_destination_is_the_first_that_exists_else_the_last() {
        let folder = tempfile::tempdir().unwrap();
        let files = ["a", "b", "c"].map(|name| folder.path().join(name));
        assert_eq!(destination(&files), 2);
        std::fs::write(&files[1], "").unwrap();
        assert_eq!(destination(&files), 1);
        std::fs::write(&files[0], "").unwrap();
        assert_eq!(destination(&files), 0);
    }

    #[test]
    fn links_are_followed_to_the_file_even_if_it_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let [a, b, c] = ["a", "b", "c"].map(|name| folder.path().join(name));
        std::os::unix::fs::symlink("b", &a).unwrap();
        std::os::unix::fs::symlink(&c, &b).unwrap();
        assert_eq!(target(&a).unwrap(), c);
        std::os::unix::fs::symlink("a", &c).unwrap();
        let error = target(&a).unwrap_err().to_string();
        assert!(error.ends_with("its symbolic links go in circles"), "{error}");
    }
}
