//! The release servers of Kubernetes and CRI-O, or a mirror of them.

use kipod_images::versions;
use reqwest::{Client, Url};
use semver::Version;

use super::arch::Arch;
use super::error::{BundleError, DownloadCause, DownloadFailure};
use super::events::OnEvent;
use super::fetch::Fetcher;
use super::http::{RetryPolicy, client, redacted};
use super::release::{Release, VersionRequest, pinned};
use crate::kubernetes;

/// The release server of Kubernetes (<https://kubernetes.io/releases/download/>).
const KUBERNETES: &str = "https://dl.k8s.io";
/// The server of CRI-O's bucket, as in CRI-O's installation script.
const CRIO: &str = "https://storage.googleapis.com";

/// The source of component bundle downloads.
///
/// # Mirrors
///
/// A mirror ([`Upstream::mirror`]) serves the files of both servers below one URL: each file has the same
/// path as upstream, and the mirror's URL replaces the server's name.
///
/// | upstream | on the mirror |
/// |---|---|
/// | `https://dl.k8s.io/release/v1.36.2/bin/linux/amd64/kubeadm`, `kubelet`, `kubectl` | `MIRROR/release/v1.36.2/bin/linux/amd64/kubeadm` … |
/// | the same with `.sha256` | the same with `.sha256` |
/// | `https://dl.k8s.io/release/stable.txt`, `stable-1.36.txt` | `MIRROR/release/stable.txt` … |
/// | `https://storage.googleapis.com/cri-o/artifacts/cri-o.amd64.v1.36.3.tar.gz` | `MIRROR/cri-o/artifacts/cri-o.amd64.v1.36.3.tar.gz` |
/// | the same with `.sha256sum` | the same with `.sha256sum` |
/// | `https://storage.googleapis.com/cri-o/latest-1.36.txt` | `MIRROR/cri-o/latest-1.36.txt` |
///
/// The `.txt` files are needed only for incomplete versions. Checksums are read from the mirror, too, so
/// a mirror is trusted like upstream.
///
/// Proxies are read from `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, certificate authorities from the
/// system.
#[derive(Debug, Clone)]
pub struct Upstream {
    pub(super) kubernetes: Url,
    pub(super) crio: Url,
    pub(super) client: Client,
    pub(super) retry: RetryPolicy,
}

impl Upstream {
    /// Creates the source for the servers of Kubernetes and CRI-O.
    ///
    /// # Errors
    ///
    /// [`BundleError::NoClient`] when the system has no root certificates.
    pub fn published() -> Result<Self, BundleError> {
        let url = |text: &str| Url::parse(text).expect("the constants are URLs");
        let client = client(true)?;
        let (kubernetes, crio) = (url(KUBERNETES), url(CRIO));
        Ok(Self { kubernetes, crio, client, retry: RetryPolicy::default() })
    }

    /// Creates the source for a mirror of both servers, with `http` or `https`. A user and a password in the
    /// URL are used for authentication.
    ///
    /// # Errors
    ///
    /// [`BundleError::InvalidMirror`] when `url` is not such a URL; [`BundleError::NoClient`] as for
    /// [`Upstream::published`].
    pub fn mirror(url: &str) -> Result<Self, BundleError> {
        let parsed = Url::parse(url);
        let bad = |message: String| BundleError::InvalidMirror {
            url: parsed.as_ref().map_or_else(|_| url.to_owned(), redacted),
            message,
        };
        let mirror = match &parsed {
            Err(error) => return Err(bad(error.to_string())),
            Ok(url) if !matches!(url.scheme(), "http" | "https") => {
                return Err(bad(format!("its scheme is `{}`", url.scheme())));
            }
            Ok(url) if url.query().is_some() || url.fragment().is_some() => {
                return Err(bad("it has a query or a fragment".to_owned()));
            }
            Ok(url) => url.clone(),
        };
        let client = client(mirror.scheme() == "https")?;
        Ok(Self { kubernetes: mirror.clone(), crio: mirror, client, retry: RetryPolicy::default() })
    }

    /// Replaces the retry policy.
    #[must_use]
    pub fn with_retry(self, retry: RetryPolicy) -> Self {
        Self { retry, ..self }
    }

    /// Resolves the exact versions. Looks up incomplete versions on the server; a complete Kubernetes
    /// version with the pinned minor version needs no network.
    ///
    /// Without `crio`, CRI-O is the pinned version if Kubernetes has the same minor version, and
    /// otherwise the newest of Kubernetes' minor version, since CRI-O supports the Kubernetes with the
    /// same minor version. `stable` also means the newest of Kubernetes' minor version.
    ///
    /// # Errors
    ///
    /// [`BundleError::Resolve`] when a lookup fails; [`BundleError::InvalidVersion`] for a version with build
    /// metadata, which no release has.
    pub async fn resolve(
        &self,
        kubernetes: &VersionRequest,
        crio: Option<&VersionRequest>,
        arch: Arch,
    ) -> Result<Release, BundleError> {
        let kubernetes = match kubernetes {
            VersionRequest::Stable => self.kubernetes_marker("", "Kubernetes").await?,
            VersionRequest::Version(version) => match release_of(version)? {
                Some(exact) => exact,
                None => {
                    let (major, minor) = version.minor();
                    let product = format!("Kubernetes {major}.{minor}");
                    self.kubernetes_marker(&format!("-{major}.{minor}"), &product).await?
                }
            },
        };
        let tested = pinned(versions::CRIO);
        let same = (kubernetes.major, kubernetes.minor);
        let crio = match crio {
            Some(VersionRequest::Version(version)) => match release_of(version)? {
                Some(exact) => exact,
                None => self.crio_marker(version.minor()).await?,
            },
            None if same == (tested.major, tested.minor) => tested,
            None | Some(VersionRequest::Stable) => self.crio_marker(same).await?,
        };
        Ok(Release { kubernetes, crio, arch })
    }

    async fn kubernetes_marker(&self, suffix: &str, product: &str) -> Result<Version, BundleError> {
        self.marker(&self.kubernetes, &format!("release/stable{suffix}.txt"), product).await
    }

    async fn crio_marker(&self, (major, minor): (u64, u64)) -> Result<Version, BundleError> {
        let path = format!("cri-o/latest-{major}.{minor}.txt");
        self.marker(&self.crio, &path, &format!("CRI-O {major}.{minor}")).await
    }

    /// Downloads a version file.
    async fn marker(&self, base: &Url, path: &str, product: &str) -> Result<Version, BundleError> {
        let url = below(base, path);
        let name = path.rsplit('/').next().unwrap_or(path);
        let read = async {
            let text = self.fetcher(&|_| {}).text(name, &url).await?;
            marker_version(&text)
                .ok_or_else(|| DownloadCause::NotAVersion(text.trim().chars().take(80).collect()))
        };
        read.await.map_err(|cause| BundleError::Resolve {
            product: product.to_owned(),
            source: Box::new(DownloadFailure { file: name.to_owned(), url: redacted(&url), cause }),
        })
    }

    /// Returns the error for a Kubernetes version that the server does not have, with suggestions.
    pub(super) async fn no_kubernetes(&self, release: &Release) -> BundleError {
        let once = self.clone().with_retry(RetryPolicy { max_idle_attempts: 1, ..self.retry });
        let Version { major, minor, .. } = release.kubernetes;
        let of_minor = once.kubernetes_marker(&format!("-{major}.{minor}"), "").await.ok();
        let newest = once.kubernetes_marker("", "").await.ok();
        let mut found: Vec<(Version, &str)> = Vec::new();
        for (version, why) in [
            (of_minor, "the newest of its minor version"),
            (newest, "the newest release"),
            (Some(pinned(versions::KUBERNETES)), "the one kipod is tested with"),
        ] {
            let new = |version: &Version| {
                *version != release.kubernetes && found.iter().all(|(other, _)| other != version)
            };
            if let Some(version) = version.filter(new) {
                found.push((version, why));
            }
        }
        BundleError::NoSuchVersion {
            server: redacted(&self.kubernetes),
            product: format!("Kubernetes v{} for {}", release.kubernetes, release.arch),
            suggestions: found
                .iter()
                .map(|(version, why)| format!("`--k8s-version v{version}` ({why})"))
                .collect(),
        }
    }

    /// Returns the error for a CRI-O version that the server does not have, with a suggestion.
    pub(super) async fn no_crio(&self, release: &Release) -> BundleError {
        let once = self.clone().with_retry(RetryPolicy { max_idle_attempts: 1, ..self.retry });
        let Version { major, minor, .. } = release.kubernetes;
        let newest = once.crio_marker((major, minor)).await.ok();
        let suggestion = newest
            .filter(|version| *version != release.crio)
            .map(|version| format!("`--crio-version v{version}` (the newest for that Kubernetes)"));
        BundleError::NoSuchVersion {
            server: redacted(&self.crio),
            product: format!("CRI-O v{} for {}", release.crio, release.arch),
            suggestions: suggestion.into_iter().collect(),
        }
    }

    /// Creates a downloader of files.
    pub(super) fn fetcher<'a>(&'a self, on_event: &'a OnEvent<'a>) -> Fetcher<'a> {
        Fetcher::new(&self.client, self.retry, on_event)
    }

    /// Returns the URL of a Kubernetes program.
    pub(super) fn kubernetes_program(&self, release: &Release, name: &str) -> Url {
        let Release { kubernetes, arch, .. } = release;
        below(&self.kubernetes, &format!("release/v{kubernetes}/bin/linux/{arch}/{name}"))
    }

    /// Returns the URL of CRI-O's archive.
    pub(super) fn crio_archive(&self, release: &Release) -> Url {
        below(&self.crio, &format!("cri-o/artifacts/{}", crio_archive_name(release)))
    }
}

/// Parses a version file.
pub(super) fn marker_version(text: &str) -> Option<Version> {
    text.trim().strip_prefix('v').and_then(|version| Version::parse(version).ok())
}

/// Returns the name of CRI-O's archive of static programs.
pub(super) fn crio_archive_name(release: &Release) -> String {
    format!("cri-o.{}.v{}.tar.gz", release.arch, release.crio)
}

/// Returns the version of one release; `None` without a patch number.
fn release_of(version: &kubernetes::Version) -> Result<Option<Version>, BundleError> {
    match version.as_semver() {
        Some(exact) if !exact.build.is_empty() => {
            Err(BundleError::InvalidVersion { text: version.to_string() })
        }
        exact => Ok(exact.cloned()),
    }
}

fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/{path}", base.path().trim_end_matches('/')));
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirror_keeps_the_paths_of_upstream() {
        let release = Release::pinned(Arch::Arm64);
        let Release { kubernetes, crio, .. } = &release;
        let upstream = Upstream::published().unwrap();
        assert_eq!(
            upstream.kubernetes_program(&release, "kubeadm").as_str(),
            format!("https://dl.k8s.io/release/v{kubernetes}/bin/linux/arm64/kubeadm")
        );
        assert_eq!(
            upstream.crio_archive(&release).as_str(),
            format!("https://storage.googleapis.com/cri-o/artifacts/cri-o.arm64.v{crio}.tar.gz")
        );
        for mirror in ["http://mirror.example:8080/a/b", "http://mirror.example:8080/a/b/"] {
            let mirror = Upstream::mirror(mirror).unwrap();
            let path = |url: Url| {
                url.as_str().strip_prefix("http://mirror.example:8080/a/b").map(str::to_owned)
            };
            assert_eq!(
                path(mirror.kubernetes_program(&release, "kubeadm")).unwrap(),
                upstream.kubernetes_program(&release, "kubeadm").path()
            );
            assert_eq!(
                path(mirror.crio_archive(&release)).unwrap(),
                upstream.crio_archive(&release).path()
            );
        }
    }

    #[test]
    fn invalid_mirrors_are_rejected() {
        let message = |url| Upstream::mirror(url).unwrap_err().to_string();
        assert_eq!(
            message("mirror.example"),
            "invalid mirror `mirror.example`: relative URL without a base"
        );
        assert_eq!(
            message("ftp://u:secret@mirror.example/"),
            "invalid mirror `ftp://u:***@mirror.example/`: its scheme is `ftp`"
        );
        assert_eq!(
            message("http://mirror.example/?a=b"),
            "invalid mirror `http://mirror.example/?a=b`: it has a query or a fragment"
        );
    }
}
