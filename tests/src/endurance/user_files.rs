//! Files of the user that no operation may change.

use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use serde_json::Value;

/// A kubeconfig of the user with an entry of another cluster.
const KUBECONFIG: &str = "apiVersion: v1
kind: Config
preferences: {}
clusters:
- cluster:
    server: https://192.0.2.1:6443
  name: production
contexts:
- context:
    cluster: production
    user: ada
  name: production
users:
- name: ada
  user:
    token: not-a-secret
";

/// A kubeconfig with an entry of the user, a directory that nodes mount, and the user's configuration of
/// Podman.
#[derive(Debug)]
pub struct UserFiles {
    dir: tempfile::TempDir,
    before: BTreeMap<PathBuf, String>,
}

impl UserFiles {
    /// Creates the files and remembers their content.
    ///
    /// # Errors
    ///
    /// If a file cannot be written.
    pub fn create() -> std::io::Result<Self> {
        let dir = tempfile::tempdir()?;
        std::fs::write(dir.path().join("kubeconfig"), KUBECONFIG)?;
        let mounted = dir.path().join("mounted");
        std::fs::create_dir_all(mounted.join("nested"))?;
        std::fs::write(dir.path().join("outside"), "not below the mounted directory")?;
        std::fs::write(mounted.join("nested/file"), "content")?;
        std::fs::write(mounted.join("read-only"), "content")?;
        std::fs::set_permissions(
            mounted.join("read-only"),
            std::fs::Permissions::from_mode(0o400),
        )?;
        symlink("../outside", mounted.join("link"))?;
        let mut files = Self { dir, before: BTreeMap::new() };
        files.before = files.now();
        Ok(files)
    }

    /// Returns the path of the kubeconfig.
    pub fn kubeconfig(&self) -> PathBuf {
        self.dir.path().join("kubeconfig")
    }

    /// Returns the directory that nodes mount.
    pub fn mounted(&self) -> PathBuf {
        self.dir.path().join("mounted")
    }

    /// Returns the changes since the creation, one line each. Call it while no cluster of the program
    /// exists: the kubeconfig has an entry of an existing cluster.
    pub fn changes(&self) -> Vec<String> {
        let mut now = self.now();
        let mut changes = Vec::new();
        for (path, before) in &self.before {
            match now.remove(path) {
                None => changes.push(format!("`{}` is missing", path.display())),
                Some(after) if after != *before => {
                    changes.push(format!("`{}` was `{before}`, is `{after}`", path.display()));
                }
                Some(_) => {}
            }
        }
        changes.extend(now.keys().map(|path| format!("`{}` is new", path.display())));
        changes
    }

    fn now(&self) -> BTreeMap<PathBuf, String> {
        let mut found = BTreeMap::new();
        collect(self.dir.path(), &mut found);
        if let Some(home) = std::env::var_os("HOME").map(PathBuf::from) {
            collect(&home.join(".config/containers"), &mut found);
        }
        // kubectl and kipod write the file in a normal form, with defaults.
        let kubeconfig = self.kubeconfig();
        if let Some(text) = found.get_mut(&kubeconfig) {
            *text = entries(&std::fs::read_to_string(&kubeconfig).unwrap_or_default());
        }
        found
    }
}

/// Returns the entries of a kubeconfig.
fn entries(text: &str) -> String {
    let config: Value = serde_saphyr::from_str(text).unwrap_or_default();
    let list = |name| config.get(name).map(Value::to_string).unwrap_or_default();
    ["clusters", "contexts", "users"].map(list).join(" ")
}

/// Adds a description of everything below a path: its type, mode and content.
fn collect(path: &Path, found: &mut BTreeMap<PathBuf, String>) {
    let Ok(metadata) = path.symlink_metadata() else { return };
    let mode = metadata.permissions().mode();
    let content = if metadata.is_symlink() {
        std::fs::read_link(path).unwrap_or_default().display().to_string()
    } else if metadata.is_dir() {
        for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
            collect(&entry.path(), found);
        }
        String::new()
    } else {
        String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
    };
    found.insert(path.to_owned(), format!("{mode:o} {content}"));
}

#[cfg(test)]
mod tests {
    use super::{KUBECONFIG, UserFiles};

    #[test]
    fn changes_name_the_path() {
        let files = UserFiles::create().unwrap();
        assert_eq!(files.changes(), [""; 0]);
        std::fs::write(files.mounted().join("nested/file"), "changed").unwrap();
        std::fs::write(files.mounted().join("new"), "").unwrap();
        std::fs::remove_file(files.mounted().join("link")).unwrap();
        let changes = files.changes();
        assert_eq!(changes.len(), 3, "{changes:?}");
        assert!(changes[0].contains("mounted/link` is missing"), "{changes:?}");
        assert!(changes[1].contains("nested/file` was `100644 content`"), "{changes:?}");
        assert!(changes[2].contains("mounted/new` is new"), "{changes:?}");
    }

    #[test]
    fn format_of_the_kubeconfig_is_no_change() {
        let files = UserFiles::create().unwrap();
        let text = KUBECONFIG.replace("preferences: {}", "current-context: \"\"");
        std::fs::write(files.kubeconfig(), text).unwrap();
        assert_eq!(files.changes(), [""; 0]);
        std::fs::write(files.kubeconfig(), KUBECONFIG.replace("ada", "eve")).unwrap();
        assert_eq!(files.changes().len(), 1);
    }
}
