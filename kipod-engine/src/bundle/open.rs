//! A component bundle on disk: checked once, then asked for its parts.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, Metadata};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::checksum::parse_sums;
use super::elf::ElfFault;
use super::layout::{BASE, BIN, CNI, IMAGES, SUMS, required};
use super::remembered::Remembered;
use super::tar_file::TarFault;
use super::{Arch, BundleError, ImageProgram, Program, Sum, ValidationError, elf, tar_file};
use crate::util::blocking;

/// A component bundle that was found whole. Its layout is described in the
/// [module's documentation](super).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    dir: PathBuf,
    image_programs: Vec<ImageProgram>,
    cni: Vec<PathBuf>,
    image_archives: Vec<PathBuf>,
    base: bool,
}

impl Bundle {
    /// Checks the folder `dir` and everything in it, for the architecture this program runs on.
    ///
    /// `cache` is kipod's cache folder ([`Dirs::cache`](crate::Dirs)). It remembers checksums of files
    /// that have not changed since, because hashing a bundle of 1 GB takes seconds.
    ///
    /// # Errors
    ///
    /// [`BundleError::NoBundle`] when there is no such folder; [`BundleError::ValidationErrors`] with everything
    /// that is wrong in it.
    pub async fn open(dir: impl Into<PathBuf>, cache: &Path) -> Result<Self, BundleError> {
        let (dir, cache) = (dir.into(), cache.to_owned());
        let arch = Arch::host()?;
        blocking(move || Self::check(&dir, Some(&cache), arch)).await
    }

    /// What [`Bundle::open`] does, on the calling thread and for any architecture.
    pub(super) fn check(dir: &Path, cache: Option<&Path>, arch: Arch) -> Result<Self, BundleError> {
        if !dir.is_dir() {
            return Err(BundleError::NoBundle { dir: dir.to_owned() });
        }
        let dir = std::path::absolute(dir).map_err(BundleError::io("find", dir))?;
        let mut check = Check { dir: &dir, arch, faults: Vec::new(), seen: BTreeMap::new() };
        let bundle = Self {
            image_programs: check.programs(),
            cni: check.cni(),
            image_archives: check.archives(),
            base: check.base(),
            dir: dir.clone(),
        };
        check.sums(cache);
        match check.faults {
            faults if faults.is_empty() => Ok(bundle),
            faults => Err(BundleError::ValidationErrors { dir, faults }),
        }
    }

    /// The bundle's folder, absolute.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where a required program is.
    pub fn program(&self, program: Program) -> PathBuf {
        self.dir.join(program.path())
    }

    /// Where a program that an image is made of is, if the bundle holds it.
    pub fn image_program(&self, program: ImageProgram) -> Option<PathBuf> {
        self.image_programs.contains(&program).then(|| self.dir.join(program.path()))
    }

    /// The programs that images can be made of, in [`ImageProgram::ALL`]'s order.
    pub fn image_programs(&self) -> &[ImageProgram] {
        &self.image_programs
    }

    /// All CNI plugins, sorted by name.
    pub fn cni(&self) -> impl Iterator<Item = PathBuf> {
        self.cni.iter().map(|path| self.dir.join(path))
    }

    /// The image archives, sorted by name.
    pub fn image_archives(&self) -> impl Iterator<Item = PathBuf> {
        self.image_archives.iter().map(|path| self.dir.join(path))
    }

    /// The root file system to build the node image on, if the bundle holds one.
    pub fn base(&self) -> Option<PathBuf> {
        self.base.then(|| self.dir.join(BASE))
    }

    /// The same bundle after its folder was renamed.
    pub(super) fn moved_to(self, dir: PathBuf) -> Self {
        Self { dir, ..self }
    }
}

/// A check under way. All paths are relative to `dir`.
struct Check<'a> {
    dir: &'a Path,
    arch: Arch,
    faults: Vec<ValidationError>,
    /// Every file that was looked at, with what it is like if it is there.
    seen: BTreeMap<PathBuf, Option<Metadata>>,
}

impl Check<'_> {
    /// Checks all programs and answers which of the optional ones are there.
    fn programs(&mut self) -> Vec<ImageProgram> {
        for program in Program::ALL {
            self.program(&program.path());
        }
        let all = ImageProgram::ALL.iter().copied();
        all.filter(|program| {
            let path = program.path();
            let there = self.dir.join(&path).symlink_metadata().is_ok();
            if there {
                self.program(&path);
            }
            there
        })
        .collect()
    }

    /// Checks the required CNI plugins and whatever else in their folder is executable. What is not,
    /// such as the licence that upstream's archive puts there, is no plugin.
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
        let there = self.dir.join(BASE).symlink_metadata().is_ok();
        if there {
            self.archive(Path::new(BASE));
        }
        there
    }

    /// Opens a file that should be there. `None` after noting why it cannot.
    fn file(&mut self, relative: &Path) -> Option<(File, Metadata)> {
        let full = self.dir.join(relative);
        let path = relative.to_owned();
        let fault = match full.metadata() {
            Ok(meta) if !meta.is_file() => ValidationError::NotAFile { path },
            Ok(meta) => match File::open(&full) {
                Ok(file) => {
                    self.seen.insert(path, Some(meta.clone()));
                    return Some((file, meta));
                }
                Err(error) => ValidationError::Unreadable { path, message: error.to_string() },
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                ValidationError::Missing { path }
            }
            Err(error) => ValidationError::Unreadable { path, message: error.to_string() },
        };
        self.faults.push(fault);
        self.seen.insert(relative.to_owned(), None);
        None
    }

    fn program(&mut self, path: &Path) {
        let Some((mut file, meta)) = self.file(path) else { return };
        let (len, mode) = (meta.len(), meta.permissions().mode() & 0o7777);
        if mode & 0o111 == 0 {
            self.faults.push(ValidationError::NotExecutable { path: path.to_owned(), mode });
        }
        let checked = elf::check(&mut file, len, self.arch);
        let path = path.to_owned();
        self.faults.extend(match checked {
            Ok(Ok(())) => None,
            Ok(Err(ElfFault::NotAProgram)) => Some(ValidationError::NotAProgram { path }),
            Ok(Err(ElfFault::OtherMachine(machine))) => {
                let found = Arch::from_elf(machine)
                    .map_or_else(|| format!("ELF machine {machine}"), |arch| arch.to_string());
                Some(ValidationError::WrongArch { path, found, expected: self.arch })
            }
            Ok(Err(ElfFault::Truncated(needed))) => {
                Some(ValidationError::Truncated { path, len, needed: Some(needed) })
            }
            Err(error) => Some(ValidationError::Unreadable { path, message: error.to_string() }),
        });
    }

    fn archive(&mut self, path: &Path) {
        let Some((mut file, meta)) = self.file(path) else { return };
        let len = meta.len();
        let path = path.to_owned();
        self.faults.extend(match tar_file::check(&mut file, len) {
            Ok(Ok(())) => None,
            Ok(Err(TarFault::NotTar)) => Some(ValidationError::NotTar { path }),
            Ok(Err(TarFault::Truncated)) => {
                Some(ValidationError::Truncated { path, len, needed: None })
            }
            Err(error) => Some(ValidationError::Unreadable { path, message: error.to_string() }),
        });
    }

    /// Compares everything that `SHA256SUMS` names, if there is one.
    fn sums(&mut self, cache: Option<&Path>) {
        let text = match std::fs::read(self.dir.join(SUMS)) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
            Err(error) => {
                let (path, message) = (SUMS.into(), error.to_string());
                return self.faults.push(ValidationError::Unreadable { path, message });
            }
        };
        let (sums, faults) = parse_sums(&text);
        self.faults.extend(faults);
        let unlisted = required().filter(|path| !sums.contains_key(path));
        self.faults.extend(unlisted.map(|path| ValidationError::Unlisted { path }));
        for path in sums.keys() {
            if !self.seen.contains_key(path) {
                let _ = self.file(path);
            }
        }
        self.compare(&sums, cache);
    }

    fn compare(&mut self, sums: &BTreeMap<PathBuf, Sum>, cache: Option<&Path>) {
        let mut remembered = cache.map(|cache| Remembered::load(cache, self.dir));
        let (mut have, mut unknown) = (BTreeMap::new(), Vec::new());
        for path in sums.keys() {
            let Some(meta) = &self.seen[path] else { continue };
            match remembered.as_ref().and_then(|remembered| remembered.sum(path, meta)) {
                Some(sum) => drop(have.insert(path, sum)),
                None => unknown.push((path, meta.clone())),
            }
        }
        let read = SystemTime::now();
        let full: Vec<_> = unknown.iter().map(|(path, _)| self.dir.join(path)).collect();
        for ((path, meta), sum) in unknown.into_iter().zip(Sum::of_files(&full)) {
            match sum {
                Ok(sum) => {
                    if let Some(remembered) = &mut remembered {
                        remembered.insert(path, &meta, read, sum);
                    }
                    have.insert(path, sum);
                }
                Err(error) => {
                    let (path, message) = (path.clone(), error.to_string());
                    self.faults.push(ValidationError::Unreadable { path, message });
                }
            }
        }
        if let Some(remembered) = &remembered {
            remembered.save();
        }
        for (path, found) in have {
            let (expected, path) = (sums[path], path.clone());
            if found != expected {
                self.faults.push(ValidationError::Checksum { path, expected, found });
            }
        }
    }
}

/// The names in a folder, sorted; none if it cannot be read, which the required files then show.
fn list(dir: &Path) -> BTreeSet<std::ffi::OsString> {
    let entries = std::fs::read_dir(dir).into_iter().flatten();
    entries.filter_map(|entry| Some(entry.ok()?.file_name())).collect()
}

/// The paths below `dir` that a bundle's `SHA256SUMS` should name: everything in `bin` and `cni`.
pub(super) fn programs_in(dir: &Path) -> Vec<PathBuf> {
    [BIN, CNI]
        .iter()
        .flat_map(|folder| {
            list(&dir.join(folder)).into_iter().map(move |name| Path::new(folder).join(name))
        })
        .collect()
}
