//! Where diagnostics go: `kipod/TEST` in cargo's target folder.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::name;
use crate::site::TestSite;

/// The folder of a test: below `artifacts` if that is given, else below the target folder.
pub(super) fn of(site: &TestSite, artifacts: Option<&Path>) -> PathBuf {
    let base = match artifacts {
        Some(folder) => folder.to_owned(),
        None => {
            target().unwrap_or_else(|| Path::new(site.manifest_dir).join("target")).join("kipod")
        }
    };
    // Two packages may have tests of the same path; the crate's name is part of it here.
    base.join(name::folder(site.path))
}

/// An empty folder, whatever was in it.
pub(super) fn clear(folder: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    std::fs::create_dir_all(folder)
}

/// Cargo's target folder, which it marks as a folder of things that can be made again.
fn target() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let marked = |folder: &&Path| folder.join("CACHEDIR.TAG").is_file();
    program.ancestors().skip(1).find(marked).map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_for_each_test_in_the_target_folder() {
        let site = TestSite::new("it::deep::works", "/package", "", 1);
        let folder = of(&site, Some(Path::new("/artifacts")));
        assert_eq!(folder, Path::new("/artifacts/it.deep.works"));
        assert!(of(&site, None).ends_with("kipod/it.deep.works"));
        assert!(!of(&site, None).starts_with("/package"), "cargo marks its target folder");
    }
}
