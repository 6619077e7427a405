//! CRI-O's archive of static programs: extraction of `cri-o/bin/*` and `cri-o/cni-plugins/*`.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

use super::error::BundleError;
use super::layout::{BIN, CNI, Program};
use crate::util::text::root_cause;

/// Returns the path of an entry in the bundle's directory; `None` if the bundle does not need it.
///
/// The archive contains one directory, `cri-o`, with the programs in `bin` and the CNI plugins in
/// `cni-plugins`. It also contains manual pages, completions, example configuration, and runc and
/// conmon-rs, which kipod does not use.
fn bundle_path(path: &Path) -> Option<PathBuf> {
    let mut names = path.components().map(|component| component.as_os_str().to_str());
    let (Some(_top), Some(directory), Some(name), None) =
        (names.next(), names.next()?, names.next()?, names.next())
    else {
        return None;
    };
    match directory {
        "bin" if Program::ALL.iter().any(|program| program.name() == name) => {
            Some(Path::new(BIN).join(name))
        }
        "cni-plugins" => Some(Path::new(CNI).join(name)),
        _ => None,
    }
}

/// Extracts the programs of a gzip-compressed archive to `bin` and `cni` below `dir`, which must exist and
/// be empty.
///
/// Entries cannot write anywhere else: rejects an archive with any entry that is absolute or contains
/// `..`, and one with a link in place of a program.
pub(super) fn unpack(archive: &Path, dir: &Path) -> Result<(), BundleError> {
    let name = archive.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let bad = |message: String| BundleError::Archive { archive: name.clone(), message };
    let broken = |error: std::io::Error| bad(root_cause(&error));

    let file = File::open(archive).map_err(BundleError::io("open", archive))?;
    let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(file));
    for entry in tar.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let path = entry.path().map_err(broken)?.into_owned();
        let plain = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
        if !path.components().all(plain) {
            return Err(bad(format!(
                "its entry `{}` leaves the archive's directory",
                path.display()
            )));
        }
        let path: PathBuf = path.components().filter(|part| *part != Component::CurDir).collect();
        let kind = entry.header().entry_type();
        let Some(target) = bundle_path(&path) else { continue };
        if !kind.is_file() {
            return Err(bad(format!("its entry `{}` is not a file", path.display())));
        }
        // The licence and the README are in the plugins' directory.
        if target.starts_with(CNI) && entry.header().mode().map_err(broken)? & 0o111 == 0 {
            continue;
        }
        write(&mut entry, &dir.join(target))?;
    }
    // Reads the rest, since the gzip checksum is verified at the end of the stream.
    std::io::copy(&mut tar.into_inner(), &mut std::io::sink()).map_err(broken)?;
    Ok(())
}

fn write(content: &mut impl Read, path: &Path) -> Result<(), BundleError> {
    let mut options = File::options();
    let file = options.write(true).create_new(true).mode(0o755).open(path);
    let mut file = file.map_err(BundleError::io("create", path))?;
    std::io::copy(content, &mut file).map_err(BundleError::io("write", path))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use tar::{EntryType, Header};

    use super::*;
    use crate::util::text::error_chain;

    /// Creates an archive with raw entry names, which the builder of the tar crate rejects.
    fn archive(dir: &Path, entries: &[(&str, EntryType, u32)]) -> PathBuf {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, kind, mode) in entries {
            let mut header = Header::new_gnu();
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_entry_type(*kind);
            header.set_mode(*mode);
            let content: &[u8] = if kind.is_file() { b"content" } else { b"" };
            if kind.is_symlink() {
                header.set_link_name("/etc/passwd").unwrap();
            }
            header.set_size(content.len() as u64);
            header.set_cksum();
            builder.append(&header, content).unwrap();
        }
        let path = dir.join("cri-o.tar.gz");
        let file = File::create(&path).unwrap();
        let mut gzip = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
        gzip.write_all(&builder.into_inner().unwrap()).unwrap();
        gzip.finish().unwrap();
        path
    }

    /// Unpacks into `root/a/tree`, and returns all files below `root` afterwards.
    fn unpacked(entries: &[(&str, EntryType, u32)]) -> (Result<(), BundleError>, Vec<String>) {
        let (root, archives) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let tree = root.path().join("a/tree");
        for directory in [BIN, CNI] {
            std::fs::create_dir_all(tree.join(directory)).unwrap();
        }
        let result = unpack(&archive(archives.path(), entries), &tree);
        let (mut files, mut directories) = (Vec::new(), vec![root.path().to_owned()]);
        while let Some(directory) = directories.pop() {
            for entry in std::fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { &mut directories } else { &mut files }.push(path);
            }
        }
        let shown = |path: PathBuf| path.strip_prefix(root.path()).unwrap().display().to_string();
        let mut files: Vec<_> = files.into_iter().map(shown).collect();
        files.sort();
        (result, files)
    }

    const FILE: EntryType = EntryType::Regular;

    #[test]
    fn unpack_extracts_programs_and_plugins_only() {
        let (result, files) = unpacked(&[
            ("cri-o/", EntryType::Directory, 0o755),
            ("cri-o/bin/", EntryType::Directory, 0o755),
            ("./cri-o/bin/crio", FILE, 0o755),
            ("cri-o/bin/runc", FILE, 0o755),
            ("cri-o/cni-plugins/ptp", FILE, 0o755),
            ("cri-o/cni-plugins/LICENSE", FILE, 0o644),
            ("cri-o/man/crio.8", FILE, 0o644),
            ("cri-o/link", EntryType::Symlink, 0o777),
        ]);
        result.unwrap();
        assert_eq!(files, ["a/tree/bin/crio", "a/tree/cni/ptp"]);
    }

    #[test]
    fn unpack_refuses_entries_outside_the_directory() {
        for name in [
            "../../cri-o/bin/crio",
            "cri-o/bin/../../../crio",
            "cri-o/cni-plugins/..",
            "/cri-o/bin/crio",
            "/tmp/kipod-escaped",
        ] {
            let (result, files) = unpacked(&[(name, FILE, 0o755)]);
            let message = result.unwrap_err().to_string();
            assert_eq!(
                message,
                format!(
                    "failed to unpack archive `cri-o.tar.gz`: its entry `{name}` leaves the archive's directory"
                )
            );
            assert_eq!(files, [""; 0], "{name}");
        }
    }

    #[test]
    fn unpack_refuses_links_in_place_of_programs() {
        for kind in [EntryType::Symlink, EntryType::Link, EntryType::Directory] {
            let (result, files) = unpacked(&[("cri-o/bin/crio", kind, 0o755)]);
            assert_eq!(
                result.unwrap_err().to_string(),
                "failed to unpack archive `cri-o.tar.gz`: its entry `cri-o/bin/crio` is not a file"
            );
            assert_eq!(files, [""; 0]);
        }
    }

    #[test]
    fn unpack_refuses_duplicate_programs() {
        let entry = ("cri-o/bin/crio", FILE, 0o755);
        let (result, _) = unpacked(&[entry, entry]);
        assert!(error_chain(&result.unwrap_err()).contains("File exists"));
    }

    #[test]
    fn unpack_refuses_damaged_archives() {
        let dir = tempfile::tempdir().unwrap();
        let path = archive(dir.path(), &[("cri-o/bin/crio", FILE, 0o755)]);
        let bytes = std::fs::read(&path).unwrap();
        for bad in [&bytes[..bytes.len() - 6], b"<html>", &bytes[..20]] {
            std::fs::write(&path, bad).unwrap();
            let tree = tempfile::tempdir().unwrap();
            std::fs::create_dir(tree.path().join(BIN)).unwrap();
            let error = unpack(&path, tree.path()).unwrap_err();
            assert!(matches!(error, BundleError::Archive { .. }), "{error}");
        }
    }
}
