//! The download of a bundle: all files, assembled atomically.

use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::StreamExt;

use super::checksum::Sum;
use super::error::{BundleError, DownloadCause, DownloadFailure};
use super::events::{DownloadEvent, OnEvent};
use super::fetch::RemoteFile;
use super::layout::{BIN, CNI, Program, SUMS};
use super::lock::lock;
use super::open::{Bundle, programs_in};
use super::release::Release;
use super::unpack::unpack;
use super::upstream::{Upstream, crio_archive_name};
use crate::util::blocking;

/// The number of parallel downloads.
const PARALLEL: usize = 4;

/// The programs that Kubernetes publishes as single files.
const KUBERNETES_PROGRAMS: [Program; 3] = [Program::Kubeadm, Program::Kubelet, Program::Kubectl];

/// The paths of one release's download, all in `CACHE/bundles`.
struct Paths {
    /// `NAME`: the complete bundle.
    dir: PathBuf,
    /// `NAME.lock`: the lock of this bundle. It is never removed, since two processes could lock a removed
    /// file and its successor.
    lock: PathBuf,
    /// `NAME.partial/files`: the downloaded files, for this attempt or the next.
    files: PathBuf,
    /// `NAME.partial/tree`: the bundle during its assembly.
    tree: PathBuf,
    /// `NAME.partial`
    partial: PathBuf,
}

impl Paths {
    fn new(dir: PathBuf) -> Self {
        let beside = |end: &str| {
            let mut path = dir.clone().into_os_string();
            path.push(end);
            PathBuf::from(path)
        };
        let (lock, partial) = (beside(".lock"), beside(".partial"));
        let (files, tree) = (partial.join("files"), partial.join("tree"));
        Self { dir, lock, files, tree, partial }
    }
}

impl Upstream {
    /// Downloads a release's bundle to kipod's cache directory, unless the cache has it.
    ///
    /// Verifies every file with its published checksum. Resumes interrupted downloads. The bundle's
    /// directory ([`Release::dir`]) is created atomically. If several processes download the same bundle,
    /// one of them does and the others wait.
    ///
    /// `on_event` is called often and must not block.
    ///
    /// # Errors
    ///
    /// [`BundleError::NoSuchVersion`] when the server does not have the version;
    /// [`BundleError::Download`] with every file that could not be downloaded;
    /// [`BundleError::Archive`] and [`BundleError::Content`] when the published files are not a bundle;
    /// [`BundleError::Io`] when the cache cannot be written.
    pub async fn download(
        &self,
        release: &Release,
        cache: &Path,
        on_event: &(dyn Fn(DownloadEvent<'_>) + Send + Sync),
    ) -> Result<Bundle, BundleError> {
        let paths = Paths::new(release.dir(cache));
        let bundles = paths.dir.parent().expect("the path is in a directory");
        create_dir(bundles)?;
        let lock = Arc::new(lock(&paths.lock, on_event).await?);
        if let Some(bundle) = cached(&paths.dir, cache, release, &lock).await? {
            on_event(DownloadEvent::Cached { dir: bundle.dir() });
            return Ok(bundle);
        }
        create_dir(&paths.files)?;
        self.fetch_all(release, &paths.files, on_event).await?;
        on_event(DownloadEvent::Assembling);
        let release = release.clone();
        holding(&lock, move || assemble(&release, paths)).await
    }

    async fn fetch_all(
        &self,
        release: &Release,
        dir: &Path,
        on_event: &OnEvent<'_>,
    ) -> Result<(), BundleError> {
        let archive = crio_archive_name(release);
        let mut wanted = vec![RemoteFile {
            name: &archive,
            url: self.crio_archive(release),
            sum_suffix: ".sha256sum",
        }];
        wanted.extend(KUBERNETES_PROGRAMS.iter().map(|program| RemoteFile {
            name: program.name(),
            url: self.kubernetes_program(release, program.name()),
            sum_suffix: ".sha256",
        }));
        let fetcher = self.fetcher(on_event);
        // Collected first: with a closure in the stream the future would not be `Send`.
        let files: Vec<_> = wanted.iter().map(|wanted| fetcher.file(wanted, dir)).collect();
        let results: Vec<_> = futures_util::stream::iter(files).buffered(PARALLEL).collect().await;
        let failures: Vec<DownloadFailure> = results.into_iter().filter_map(Result::err).collect();
        if failures.is_empty() {
            return Ok(());
        }
        let missing = |name: &str| {
            failures
                .iter()
                .any(|failure| failure.file == name && failure.cause == DownloadCause::NotFound)
        };
        // The version does not exist only if all its files are missing.
        if KUBERNETES_PROGRAMS.iter().all(|program| missing(program.name())) {
            return Err(self.no_kubernetes(release).await);
        }
        if missing(&archive) {
            return Err(self.no_crio(release).await);
        }
        Err(BundleError::Download { release: release.to_string(), failures })
    }
}

/// Returns the cached bundle if it exists and is valid. Removes an invalid one, since it can be downloaded
/// again.
async fn cached(
    dir: &Path,
    cache: &Path,
    release: &Release,
    lock: &Arc<File>,
) -> Result<Option<Bundle>, BundleError> {
    let (dir, cache, arch) = (dir.to_owned(), cache.to_owned(), release.arch);
    holding(lock, move || match Bundle::check(&dir, Some(&cache), arch) {
        Ok(bundle) => Ok(Some(bundle)),
        Err(BundleError::NotFound { .. }) => Ok(None),
        Err(BundleError::Content { .. }) => {
            std::fs::remove_dir_all(&dir).map_err(BundleError::io("remove", &dir))?;
            Ok(None)
        }
        Err(error) => Err(error),
    })
    .await
}

/// Assembles the bundle from the downloaded files, checks it, and renames it to its final name.
fn assemble(release: &Release, paths: Paths) -> Result<Bundle, BundleError> {
    let Paths { dir, files, tree, partial, .. } = paths;
    if tree.exists() {
        std::fs::remove_dir_all(&tree).map_err(BundleError::io("remove", &tree))?;
    }
    for directory in [BIN, CNI] {
        create_dir(&tree.join(directory))?;
    }
    for program in KUBERNETES_PROGRAMS {
        // A link, so that nothing is downloaded again if a later step fails.
        let (from, to) = (files.join(program.name()), tree.join(program.path()));
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&from, executable).map_err(BundleError::io("change", &from))?;
        std::fs::hard_link(&from, &to).map_err(BundleError::io("create", &to))?;
    }
    unpack(&files.join(crio_archive_name(release)), &tree)?;
    write_sums(&tree)?;
    let bundle = Bundle::check(&tree, None, release.arch)?;
    std::fs::rename(&tree, &dir).map_err(BundleError::io("rename", &tree))?;
    std::fs::remove_dir_all(&partial).map_err(BundleError::io("remove", &partial))?;
    Ok(bundle.moved_to(dir))
}

/// Writes `SHA256SUMS`, so that later damage of the bundle is detected.
fn write_sums(tree: &Path) -> Result<(), BundleError> {
    let paths = programs_in(tree);
    let full: Vec<_> = paths.iter().map(|path| tree.join(path)).collect();
    let mut text = String::new();
    for ((path, full), sum) in paths.iter().zip(&full).zip(Sum::of_files(&full)) {
        let sum = sum.map_err(BundleError::io("read", full))?;
        text.push_str(&format!("{sum}  {}\n", path.display()));
    }
    let sums = tree.join(SUMS);
    std::fs::write(&sums, text).map_err(BundleError::io("write", &sums))
}

fn create_dir(path: &Path) -> Result<(), BundleError> {
    std::fs::create_dir_all(path).map_err(BundleError::io("create", path))
}

/// Runs `work` on a blocking thread, which holds the lock until it is done, even if the download is
/// cancelled meanwhile.
async fn holding<T: Send + 'static>(
    lock: &Arc<File>,
    work: impl FnOnce() -> Result<T, BundleError> + Send + 'static,
) -> Result<T, BundleError> {
    let lock = Arc::clone(lock);
    let work = move || {
        let result = work();
        drop(lock);
        result
    };
    blocking(work).await
}
