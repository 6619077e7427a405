//! A component bundle on disk and its check.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, Metadata};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::arch::Arch;
use super::checksum::Sum;
use super::checksum_cache::ChecksumCache;
use super::content_error::ContentError;
use super::elf::{self, ElfError};
use super::error::BundleError;
use super::layout::{BASE, BIN, CNI, IMAGES, ImageProgram, Program, SUMS, required};
use super::sums_file::parse_sums;
use super::tar_file::{self, TarError};
use crate::util::blocking;
use crate::util::bounded::{self, TEXT_LIMIT};

/// A complete and valid component bundle. The [module's documentation](super) describes its layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    dir: PathBuf,
    image_programs: Vec<ImageProgram>,
    cni: Vec<PathBuf>,
    image_archives: Vec<PathBuf>,
    base: bool,
}

impl Bundle {
    /// Checks the bundle in the directory `dir`, for the architecture of this host.
    ///
    /// `cache` is kipod's cache directory ([`Dirs::cache`](crate::Dirs)). It contains the checksums of
    /// unchanged files, because hashing a bundle of 1 GB takes seconds.
    ///
    /// # Errors
    ///
    /// [`BundleError::NotFound`] when the directory does not exist; [`BundleError::Content`] with all
    /// errors of its content.
    pub async fn open(dir: impl Into<PathBuf>, cache: &Path) -> Result<Self, BundleError> {
        let (dir, cache) = (dir.into(), cache.to_owned());
        let arch = Arch::host()?;
        blocking(move || Self::check(&dir, Some(&cache), arch)).await
    }

    /// Checks a bundle like [`Bundle::open`], on the calling thread and for any architecture.
    pub(super) fn check(dir: &Path, cache: Option<&Path>, arch: Arch) -> Result<Self, BundleError> {
        if !dir.is_dir() {
            return Err(BundleError::NotFound { dir: dir.to_owned() });
        }
        let dir = std::path::absolute(dir).map_err(BundleError::io("find", dir))?;
        let mut check = Check { dir: &dir, arch, errors: Vec::new(), seen: BTreeMap::new() };
        let bundle = Self {
            image_programs: check.programs(),
            cni: check.cni(),
            image_archives: check.archives(),
            base: check.base(),
            dir: dir.clone(),
        };
        check.sums(cache);
        match check.errors {
            errors if errors.is_empty() => Ok(bundle),
            errors => Err(BundleError::Content { dir, errors }),
        }
    }

    /// The bundle's directory, absolute.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns the path of a required program.
    pub fn program(&self, program: Program) -> PathBuf {
        self.dir.join(program.path())
    }

    /// Returns the path of an image's program, if the bundle contains it.
    pub fn image_program(&self, program: ImageProgram) -> Option<PathBuf> {
        self.image_programs.contains(&program).then(|| self.dir.join(program.path()))
    }

    /// Returns the contained programs of images, in the order of [`ImageProgram::ALL`].
    pub fn image_programs(&self) -> &[ImageProgram] {
        &self.image_programs
    }

    /// Returns the CNI plugins, sorted by name.
    pub fn cni(&self) -> impl Iterator<Item = PathBuf> {
        self.cni.iter().map(|path| self.dir.join(path))
    }

    /// Returns the image archives, sorted by name.
    pub fn image_archives(&self) -> impl Iterator<Item = PathBuf> {
        self.image_archives.iter().map(|path| self.dir.join(path))
    }

    /// Returns the root file system for the node image, if the bundle contains one.
    pub fn base(&self) -> Option<PathBuf> {
        self.base.then(|| self.dir.join(BASE))
    }

    /// Returns the bundle with the new path of its directory.
    pub(super) fn moved_to(self, dir: PathBuf) -> Self {
        Self { dir, ..self }
    }
}

/// The state of a check. All paths are relative to `dir`.
struct Check<'a> {
    dir: &'a Path,
    arch: Arch,
    errors: Vec<ContentError>,
    /// The checked files with their metadata, `None` for missing ones.
    seen: BTreeMap<PathBuf, Option<Metadata>>,
}

impl Check<'_> {
    /// Checks all programs and returns the contained optional ones.
    fn programs(&mut self) -> Vec<ImageProgram> {
        for program in Program::ALL {
            self.program(&program.path());
        }
        let all = ImageProgram::ALL.iter().copied();
        all.filter(|program| {
            let path = program.path();
            let exists = self.dir.join(&path).symlink_metadata().is_ok();
            if exists {
                self.program(&path);
            }
            exists
        })
        .collect()
    }

    /// Checks the required CNI plugins and all other executables in their directory. Other files, such as
    /// the licence in upstream's archive, are not plugins.
    fn cni(&mut self) -> Vec<PathBuf> {
        let mut plugins: BTreeSet<PathBuf> =
            required().filter(|path| path.starts_with(CNI)).collect();
        let executable = |path: &PathBuf| {
            let meta = self.dir.join(path).metadata();
            meta.is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
        };
        let others: Vec<_> = list(&self.dir.join(CNI))
            .into_iter()
            .map(|name| Path::new(CNI).join(name))
            .filter(executable)
            .collect();
        plugins.extend(others);
        for plugin in &plugins {
            self.program(plugin);
        }
        plugins.into_iter().collect()
    }

    fn archives(&mut self) -> Vec<PathBuf> {
        let names = list(&self.dir.join(IMAGES)).into_iter();
        let archives: Vec<_> = names
            .map(|name| Path::new(IMAGES).join(name))
            .filter(|path| path.extension().is_some_and(|extension| extension == "tar"))
            .collect();
        for archive in &archives {
            self.archive(archive);
        }
        archives
    }

    fn base(&mut self) -> bool {
        let exists = self.dir.join(BASE).symlink_metadata().is_ok();
        if exists {
            self.archive(Path::new(BASE));
        }
        exists
    }

    /// Opens a file. Records an error and returns `None` on failure.
    fn file(&mut self, relative: &Path) -> Option<(File, Metadata)> {
        let full = self.dir.join(relative);
        let path = relative.to_owned();
        let error = match full.metadata() {
            Ok(meta) if !meta.is_file() => ContentError::NotAFile { path },
            Ok(meta) => match File::open(&full) {
                Ok(file) => {
                    self.seen.insert(path, Some(meta.clone()));
                    return Some((file, meta));
                }
                Err(error) => ContentError::Unreadable { path, message: error.to_string() },
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                ContentError::Missing { path }
            }
            Err(error) => ContentError::Unreadable { path, message: error.to_string() },
        };
        self.errors.push(error);
        self.seen.insert(relative.to_owned(), None);
        None
    }

    fn program(&mut self, path: &Path) {
        let Some((mut file, meta)) = self.file(path) else { return };
        let (len, mode) = (meta.len(), meta.permissions().mode() & 0o7777);
        if mode & 0o111 == 0 {
            self.errors.push(ContentError::NotExecutable { path: path.to_owned(), mode });
        }
        let checked = elf::check(&mut file, len, self.arch);
        let path = path.to_owned();
        self.errors.extend(match checked {
            Ok(Ok(())) => None,
            Ok(Err(ElfError::NotAProgram)) => Some(ContentError::NotAProgram { path }),
            Ok(Err(ElfError::OtherMachine(machine))) => {
                let found = Arch::from_elf(machine)
                    .map_or_else(|| format!("ELF machine {machine}"), |arch| arch.to_string());
                Some(ContentError::WrongArch { path, found, expected: self.arch })
            }
            Ok(Err(ElfError::Truncated(needed))) => {
                Some(ContentError::Truncated { path, len, needed: Some(needed) })
            }
            Err(error) => Some(ContentError::Unreadable { path, message: error.to_string() }),
        });
    }

    fn archive(&mut self, path: &Path) {
        let Some((mut file, meta)) = self.file(path) else { return };
        let len = meta.len();
        let path = path.to_owned();
        self.errors.extend(match tar_file::check(&mut file, len) {
            Ok(Ok(())) => None,
            Ok(Err(TarError::NotTar)) => Some(ContentError::NotTar { path }),
            Ok(Err(TarError::Truncated)) => {
                Some(ContentError::Truncated { path, len, needed: None })
            }
            Err(error) => Some(ContentError::Unreadable { path, message: error.to_string() }),
        });
    }

    /// Compares the files that `SHA256SUMS` lists, if there is one.
    fn sums(&mut self, cache: Option<&Path>) {
        let text = match bounded::read(&self.dir.join(SUMS), TEXT_LIMIT) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
            Err(error) => {
                let (path, message) = (SUMS.into(), error.to_string());
                return self.errors.push(ContentError::Unreadable { path, message });
            }
        };
        let (sums, errors) = parse_sums(&text);
        self.errors.extend(errors);
        let unlisted = required().filter(|path| !sums.contains_key(path));
        self.errors.extend(unlisted.map(|path| ContentError::Unlisted { path }));
        for path in sums.keys() {
            if !self.seen.contains_key(path) {
                let _ = self.file(path);
            }
        }
        self.compare(&sums, cache);
    }

    fn compare(&mut self, sums: &BTreeMap<PathBuf, Sum>, cache: Option<&Path>) {
        let mut cached = cache.map(|cache| ChecksumCache::load(cache, self.dir));
        let (mut found, mut unknown) = (BTreeMap::new(), Vec::new());
        for path in sums.keys() {
            let Some(meta) = &self.seen[path] else { continue };
            match cached.as_ref().and_then(|cached| cached.sum(path, meta)) {
                Some(sum) => drop(found.insert(path, sum)),
                None => unknown.push((path, meta.clone())),
            }
        }
        let read = SystemTime::now();
        let full: Vec<_> = unknown.iter().map(|(path, _)| self.dir.join(path)).collect();
        for ((path, meta), sum) in unknown.into_iter().zip(Sum::of_files(&full)) {
            match sum {
                Ok(sum) => {
                    if let Some(cached) = &mut cached {
                        cached.insert(path, &meta, read, sum);
                    }
                    found.insert(path, sum);
                }
                Err(error) => {
                    let (path, message) = (path.clone(), error.to_string());
                    self.errors.push(ContentError::Unreadable { path, message });
                }
            }
        }
        if let Some(cached) = &cached {
            cached.save();
        }
        for (path, found) in found {
            let (expected, path) = (sums[path], path.clone());
            if found != expected {
                self.errors.push(ContentError::Checksum { path, expected, found });
            }
        }
    }
}

/// Returns the names in a directory, sorted; none if it cannot be read, which the check of required files
/// reports.
fn list(dir: &Path) -> BTreeSet<std::ffi::OsString> {
    let entries = std::fs::read_dir(dir).into_iter().flatten();
    entries.filter_map(|entry| Some(entry.ok()?.file_name())).collect()
}

/// Returns the paths for a bundle's `SHA256SUMS`: all files in `bin` and `cni`.
pub(super) fn programs_in(dir: &Path) -> Vec<PathBuf> {
    [BIN, CNI]
        .iter()
        .flat_map(|directory| {
            list(&dir.join(directory)).into_iter().map(move |name| Path::new(directory).join(name))
        })
        .collect()
}
