//! The directory of a test's diagnostics: `kipod/TEST` in cargo's target directory.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::name;
use crate::site::TestSite;

/// Returns the directory of a test: in `artifacts` if set, otherwise in the target directory.
pub(super) fn of_test(site: &TestSite, artifacts: Option<&Path>) -> PathBuf {
    let base = match artifacts {
        Some(dir) => dir.to_owned(),
        None => target_dir()
            .unwrap_or_else(|| Path::new(site.manifest_dir).join("target"))
            .join("kipod"),
    };
    // The complete path, because tests of two packages may have the same name.
    base.join(name::directory(site.path))
}

/// Creates the directory, and removes its old contents.
pub(super) fn create_empty(dir: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    std::fs::create_dir_all(dir)
}

/// Returns cargo's target directory, which contains a `CACHEDIR.TAG`.
fn target_dir() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let is_tagged = |dir: &&Path| dir.join("CACHEDIR.TAG").is_file();
    program.ancestors().skip(1).find(is_tagged).map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_test_uses_the_target_directory_by_default() {
        let site = TestSite::new("it::deep::works", "/package", "", 1);
        let dir = of_test(&site, Some(Path::new("/artifacts")));
        assert_eq!(dir, Path::new("/artifacts/it.deep.works"));
        assert!(of_test(&site, None).ends_with("kipod/it.deep.works"));
        assert!(!of_test(&site, None).starts_with("/package"), "cargo tags its target directory");
    }
}
