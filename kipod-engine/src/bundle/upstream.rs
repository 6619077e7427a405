//! The servers that Kubernetes and CRI-O publish releases on, or a mirror of them.

use std::time::Duration;

use kipod_images::versions;
use reqwest::{Client, Url};
use semver::Version;

use super::fetch::Fetcher;
use super::release::pinned;
use super::{Arch, BundleError, Cause, Failure, Release, VersionRequest};

/// Kubernetes' release server, as <https://kubernetes.io/releases/download/> names it.
const KUBERNETES: &str = "https://dl.k8s.io";
/// The server that holds CRI-O's bucket, as CRI-O's installation script names it.
const CRIO: &str = "https://storage.googleapis.com";

/// Where component bundles are downloaded from.
///
/// # Mirrors
///
/// A mirror ([`Upstream::mirror`]) serves the files of both servers below one URL: the path of every
/// file is the one it has upstream, with the mirror's URL in the place of the server's name.
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
/// The `.txt` files are needed only for versions that are not given in full. Checksums come from the
/// mirror too, so a mirror is trusted as upstream is.
///
/// Proxies are taken from `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, certificate authorities from the
/// system.
#[derive(Debug, Clone)]
pub struct Upstream {
    pub(super) kubernetes: Url,
    pub(super) crio: Url,
    pub(super) client: Client,
    pub(super) retry: Retry,
}

/// How often a download is tried again after a broken connection or a server's own failure (5xx and
/// 429), and how long it waits before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Tries of one file that bring nothing, before it is given up; at least 1. Default: 4.
    pub idle_tries: u32,
    /// Tries of one file in all: a connection that brings a little each time may break this often.
    /// Default: 20.
    pub tries: u32,
    /// The first pause, doubled after each try that brought nothing. Default: 500 ms.
    pub pause: Duration,
    /// The longest pause. Default: 8 s.
    pub longest: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            idle_tries: 4,
            tries: 20,
            pause: Duration::from_millis(500),
            longest: Duration::from_secs(8),
        }
    }
}

impl Upstream {
    /// The servers of Kubernetes and CRI-O themselves.
    ///
    /// # Errors
    ///
    /// [`BundleError::NoClient`] when the system has no root certificates.
    pub fn published() -> Result<Self, BundleError> {
        let url = |text: &str| Url::parse(text).expect("the constants are URLs");
        let client = client(true)?;
        let (kubernetes, crio) = (url(KUBERNETES), url(CRIO));
        Ok(Self { kubernetes, crio, client, retry: Retry::default() })
    }

    /// A mirror of both servers, by `http` or `https`. User and password in the URL are sent to it.
    ///
    /// # Errors
    ///
    /// [`BundleError::BadMirror`] when `url` is not such a URL; [`BundleError::NoClient`] as for
    /// [`Upstream::published`].
    pub fn mirror(url: &str) -> Result<Self, BundleError> {
        let parsed = Url::parse(url);
        let bad = |message: String| BundleError::BadMirror {
            url: parsed.as_ref().map_or_else(|_| url.to_owned(), shown),
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
        Ok(Self { kubernetes: mirror.clone(), crio: mirror, client, retry: Retry::default() })
    }

    /// The same with other patience.
    #[must_use]
    pub fn with_retry(self, retry: Retry) -> Self {
        Self { retry, ..self }
    }

    /// Finds out the exact versions. Looks up what is not given in full; a Kubernetes version given
    /// in full whose minor version is the pinned one needs no network at all.
    ///
    /// Without `crio`, CRI-O is the pinned version where Kubernetes has the same minor version, and
    /// else the newest of Kubernetes' minor version, since each CRI-O goes with the Kubernetes of the
    /// same number. `stable` means the newest of Kubernetes' minor version too.
    ///
    /// # Errors
    ///
    /// [`BundleError::Resolve`] when a look-up fails.
    pub async fn resolve(
        &self,
        kubernetes: &VersionRequest,
        crio: Option<&VersionRequest>,
        arch: Arch,
    ) -> Result<Release, BundleError> {
        let kubernetes = match kubernetes {
            VersionRequest::Exact(version) => version.clone(),
            VersionRequest::Stable => self.kubernetes_marker("", "Kubernetes").await?,
            VersionRequest::Minor(major, minor) => {
                let what = format!("Kubernetes {major}.{minor}");
                self.kubernetes_marker(&format!("-{major}.{minor}"), &what).await?
            }
        };
        let tested = pinned(versions::CRIO);
        let same = (kubernetes.major, kubernetes.minor);
        let crio = match crio {
            Some(VersionRequest::Exact(version)) => version.clone(),
            Some(VersionRequest::Minor(major, minor)) => self.crio_marker((*major, *minor)).await?,
            None if same == (tested.major, tested.minor) => tested,
            None | Some(VersionRequest::Stable) => self.crio_marker(same).await?,
        };
        Ok(Release { kubernetes, crio, arch })
    }

    async fn kubernetes_marker(&self, suffix: &str, what: &str) -> Result<Version, BundleError> {
        self.marker(&self.kubernetes, &format!("release/stable{suffix}.txt"), what).await
    }

    async fn crio_marker(&self, (major, minor): (u64, u64)) -> Result<Version, BundleError> {
        let path = format!("cri-o/latest-{major}.{minor}.txt");
        self.marker(&self.crio, &path, &format!("CRI-O {major}.{minor}")).await
    }

    /// Reads a file that holds a version and nothing else.
    async fn marker(&self, base: &Url, path: &str, what: &str) -> Result<Version, BundleError> {
        let url = below(base, path);
        let name = path.rsplit('/').next().unwrap_or(path);
        let read = async {
            let text = Fetcher::new(self, &|_| {}).text(name, &url).await?;
            let text = text.trim();
            let version = text.strip_prefix('v').and_then(|version| Version::parse(version).ok());
            version.ok_or_else(|| Cause::NotAVersion(text.chars().take(80).collect()))
        };
        read.await.map_err(|cause| BundleError::Resolve {
            what: what.to_owned(),
            failure: Box::new(Failure { file: name.to_owned(), url: shown(&url), cause }),
        })
    }

    /// What to say of a Kubernetes version that the server does not have.
    pub(super) async fn no_kubernetes(&self, release: &Release) -> BundleError {
        let once = self.clone().with_retry(Retry { idle_tries: 1, ..self.retry });
        let Version { major, minor, .. } = release.kubernetes;
        let of_minor = once.kubernetes_marker(&format!("-{major}.{minor}"), "").await.ok();
        let newest = once.kubernetes_marker("", "").await.ok();
        let mut found: Vec<(Version, &str)> = Vec::new();
        for (version, why) in [
            (of_minor, "the newest of its minor version"),
            (newest, "the newest of all"),
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
            server: shown(&self.kubernetes),
            what: format!("Kubernetes v{} for {}", release.kubernetes, release.arch),
            suggestions: found
                .iter()
                .map(|(version, why)| format!("`--k8s-version v{version}` ({why})"))
                .collect(),
        }
    }

    /// What to say of a CRI-O version that the server does not have.
    pub(super) async fn no_crio(&self, release: &Release) -> BundleError {
        let once = self.clone().with_retry(Retry { idle_tries: 1, ..self.retry });
        let Version { major, minor, .. } = release.kubernetes;
        let newest = once.crio_marker((major, minor)).await.ok();
        let suggestion = newest.filter(|version| *version != release.crio).map(|version| {
            format!("`--crio-version v{version}` (the newest that goes with that Kubernetes)")
        });
        BundleError::NoSuchVersion {
            server: shown(&self.crio),
            what: format!("CRI-O v{} for {}", release.crio, release.arch),
            suggestions: suggestion.into_iter().collect(),
        }
    }

    /// Where a Kubernetes program is.
    pub(super) fn kubernetes_program(&self, release: &Release, name: &str) -> Url {
        let Release { kubernetes, arch, .. } = release;
        below(&self.kubernetes, &format!("release/v{kubernetes}/bin/linux/{arch}/{name}"))
    }

    /// Where CRI-O's archive is.
    pub(super) fn crio_archive(&self, release: &Release) -> Url {
        below(&self.crio, &format!("cri-o/artifacts/{}", crio_archive_name(release)))
    }
}

/// What CRI-O calls its archive of static programs.
pub(super) fn crio_archive_name(release: &Release) -> String {
    format!("cri-o.{}.v{}.tar.gz", release.arch, release.crio)
}

/// A URL as it may be shown.
pub(super) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    if url.password().is_some() {
        // Fails only for URLs that cannot have a password.
        let _ = url.set_password(Some("***"));
    }
    url.to_string()
}

fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/{path}", base.path().trim_end_matches('/')));
    url
}

/// `secure` says whether there is anything without certificates.
fn client(secure: bool) -> Result<Client, BundleError> {
    // A program that embeds kipod may have chosen another provider; then that one is used.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = || {
        Client::builder()
            .user_agent(concat!("kipod/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(10))
            .read_timeout(Duration::from_secs(30))
    };
    let result = match builder().build() {
        // On a machine without root certificates a mirror by http works all the same.
        Err(_) if !secure => builder().tls_certs_only([]).build(),
        result => result,
    };
    result.map_err(|error| BundleError::NoClient { message: super::fetch::root_cause(&error) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirror_keeps_the_paths_of_upstream() {
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
    fn what_cannot_be_a_mirror() {
        let message = |url| Upstream::mirror(url).unwrap_err().to_string();
        assert_eq!(
            message("mirror.example"),
            "`mirror.example` cannot be a mirror: relative URL without a base"
        );
        assert_eq!(
            message("ftp://u:secret@mirror.example/"),
            "`ftp://u:***@mirror.example/` cannot be a mirror: its scheme is `ftp`"
        );
        assert_eq!(
            message("http://mirror.example/?a=b"),
            "`http://mirror.example/?a=b` cannot be a mirror: it has a query or a fragment"
        );
    }
}
