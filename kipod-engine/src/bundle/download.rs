//! A whole bundle from upstream: all files, put together, and there at once or not at all.

use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::StreamExt;

use super::events::OnEvent;
use super::fetch::{Fetcher, Wanted};
use super::layout::{BIN, CNI, SUMS};
use super::lock::lock;
use super::open::programs_in;
use super::unpack::unpack;
use super::upstream::crio_archive_name;
use super::{Bundle, BundleError, Cause, DownloadEvent, Failure, Program, Release, Sum, Upstream};
use crate::util::blocking;

/// How many files come at the same time.
const PARALLEL: usize = 4;

/// The programs that Kubernetes publishes one by one.
const KUBERNETES_PROGRAMS: [Program; 3] = [Program::Kubeadm, Program::Kubelet, Program::Kubectl];

/// The files of one release's download, all in `CACHE/bundles`.
struct Place {
    /// `NAME`: the bundle, complete.
    dir: PathBuf,
    /// `NAME.lock`: held while anything of it changes. Stays, since a lock file that is removed can
    /// be held by two.
    lock: PathBuf,
    /// `NAME.partial/files`: what was downloaded, for this try or the next.
    files: PathBuf,
    /// `NAME.partial/tree`: the bundle being put together.
    tree: PathBuf,
    /// `NAME.partial`
    partial: PathBuf,
}

impl Place {
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
    /// Downloads a release's bundle into kipod's cache folder, unless it is there already.
    ///
    /// Every file is checked against its published checksum. What an earlier download left, whole or
    /// in part, is used. The bundle's folder ([`Release::dir`]) appears complete or not at all, and
    /// of several processes that want the same bundle one downloads it while the others wait.
    ///
    /// `on_event` is told what goes on; it is called often and must not block.
    ///
    /// # Errors
    ///
    /// [`BundleError::NoSuchVersion`] when the server does not have it;
    /// [`BundleError::Download`] with every file that could not be had and why;
    /// [`BundleError::Archive`] and [`BundleError::ValidationErrors`] when what is published is not a bundle;
    /// [`BundleError::Io`] when the cache cannot be written.
    pub async fn download(
        &self,
        release: &Release,
        cache: &Path,
        on_event: &(dyn Fn(DownloadEvent<'_>) + Send + Sync),
    ) -> Result<Bundle, BundleError> {
        let place = Place::new(release.dir(cache));
        let bundles = place.dir.parent().expect("it was joined to a folder");
        create_dir(bundles)?;
        let lock = Arc::new(lock(&place.lock, on_event).await?);
        if let Some(bundle) = cached(&place.dir, cache, release, &lock).await? {
            on_event(DownloadEvent::Cached { dir: bundle.dir() });
            return Ok(bundle);
        }
        create_dir(&place.files)?;
        self.fetch_all(release, &place.files, on_event).await?;
        on_event(DownloadEvent::Assembling);
        let release = release.clone();
        holding(&lock, move || assemble(&release, place)).await
    }

    async fn fetch_all(
        &self,
        release: &Release,
        dir: &Path,
        on_event: &OnEvent<'_>,
    ) -> Result<(), BundleError> {
        let archive = crio_archive_name(release);
        let mut wanted = vec![Wanted {
            name: &archive,
            url: self.crio_archive(release),
            sum_suffix: ".sha256sum",
        }];
        wanted.extend(KUBERNETES_PROGRAMS.iter().map(|program| Wanted {
            name: program.name(),
            url: self.kubernetes_program(release, program.name()),
            sum_suffix: ".sha256",
        }));
        let fetcher = Fetcher::new(self, on_event);
        // Collected first: a closure inside the stream would keep the whole future from being `Send`.
        let files: Vec<_> = wanted.iter().map(|wanted| fetcher.file(wanted, dir)).collect();
        let results: Vec<_> = futures_util::stream::iter(files).buffered(PARALLEL).collect().await;
        let failures: Vec<Failure> = results.into_iter().filter_map(Result::err).collect();
        if failures.is_empty() {
            return Ok(());
        }
        let missing = |name: &str| {
            failures.iter().any(|failure| failure.file == name && failure.cause == Cause::NotFound)
        };
        // One file of several that is not there is not a version that does not exist.
        if KUBERNETES_PROGRAMS.iter().all(|program| missing(program.name())) {
            return Err(self.no_kubernetes(release).await);
        }
        if missing(&archive) {
            return Err(self.no_crio(release).await);
        }
        Err(BundleError::Download { release: release.to_string(), failures })
    }
}

/// The bundle if it is there and whole. One that is not whole any more is removed: the cache is
/// kipod's own, and what is in it can be had again.
async fn cached(
    dir: &Path,
    cache: &Path,
    release: &Release,
    lock: &Arc<File>,
) -> Result<Option<Bundle>, BundleError> {
    let (dir, cache, arch) = (dir.to_owned(), cache.to_owned(), release.arch);
    holding(lock, move || match Bundle::check(&dir, Some(&cache), arch) {
        Ok(bundle) => Ok(Some(bundle)),
        Err(BundleError::NoBundle { .. }) => Ok(None),
        Err(BundleError::ValidationErrors { .. }) => {
            std::fs::remove_dir_all(&dir).map_err(BundleError::io("remove", &dir))?;
            Ok(None)
        }
        Err(error) => Err(error),
    })
    .await
}

/// Makes the bundle's folder of the downloaded files, checks it, and gives it its name.
fn assemble(release: &Release, place: Place) -> Result<Bundle, BundleError> {
    let Place { dir, files, tree, partial, .. } = place;
    if tree.exists() {
        std::fs::remove_dir_all(&tree).map_err(BundleError::io("remove", &tree))?;
    }
    for folder in [BIN, CNI] {
        create_dir(&tree.join(folder))?;
    }
    for program in KUBERNETES_PROGRAMS {
        // A link and not a move, so that nothing is downloaded again if what follows fails.
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

/// Writes `SHA256SUMS`, so that a bundle that is damaged later is noticed.
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

/// Does `work` on a thread, which keeps the lock until it is done, also when the download was given up
/// meanwhile.
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
