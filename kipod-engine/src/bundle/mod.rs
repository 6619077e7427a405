//! Component bundles: the programs of Kubernetes and CRI-O for node images.
//!
//! A node image is built from a directory with all programs of a node. kipod downloads it
//! ([`Upstream::download`]), or a user assembles it for an air-gapped host and passes it with
//! `--components DIR`. Both have the same layout and the same checks ([`Bundle::open`]):
//!
//! ```text
//! components/
//! ├── bin/                  programs: 64-bit ELF of the host's architecture, executable
//! │   ├── kubeadm             required: all of [`Program`]
//! │   ├── kubelet
//! │   ├── kubectl
//! │   ├── crio
//! │   ├── pinns
//! │   ├── crictl
//! │   ├── conmon
//! │   ├── crun
//! │   ├── kube-apiserver      optional: any of [`ImageProgram`], from which kipod builds the
//! │   ├── …                   images of the control plane that have no archive
//! │   └── pause
//! ├── cni/                  CNI plugins; required are loopback, ptp, host-local and portmap
//! │   ├── loopback
//! │   └── …                   all other programs here are installed, too
//! ├── images/*.tar          optional: image archives, docker-archive or oci-archive, uncompressed
//! ├── base.tar              optional: the root file system of the node image, uncompressed
//! └── SHA256SUMS            optional: the output of `sha256sum`, paths relative to this directory
//! ```
//!
//! If there is a `SHA256SUMS`, all files it lists must exist and match, and it must list all required
//! files. To create one:
//!
//! ```text
//! cd components && find bin cni images base.tar -type f 2>/dev/null | xargs sha256sum > SHA256SUMS
//! ```
//!
//! # Example
//!
//! ```no_run
//! use kipod_engine::Dirs;
//! use kipod_engine::bundle::{Arch, Bundle, Program, Upstream, VersionRequest};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let dirs = Dirs::from_env()?;
//! // A directory on this host ...
//! let bundle = Bundle::open("/srv/kipod/components", &dirs.cache).await?;
//! println!("{}", bundle.program(Program::Kubeadm).display());
//!
//! // ... or upstream's newest Kubernetes 1.36 with the matching CRI-O.
//! let upstream = Upstream::published()?;
//! let release = upstream.resolve(&"1.36".parse::<VersionRequest>()?, None, Arch::host()?).await?;
//! let bundle = upstream.download(&release, &dirs.cache, &|_| {}).await?;
//! # Ok(())
//! # }
//! ```

mod arch;
mod checksum;
mod checksum_cache;
mod content_error;
mod download;
mod elf;
mod error;
mod events;
mod fetch;
mod http;
mod installed;
mod layout;
mod lock;
mod open;
mod release;
mod sums_file;
mod tar_file;
#[cfg(test)]
mod tests;
mod unpack;
mod upstream;

pub use arch::{Arch, UnsupportedArch};
pub use checksum::Sum;
pub use content_error::ContentError;
pub use error::{BundleError, DownloadCause, DownloadFailure};

#[doc(hidden)]
pub use events::DownloadEvent;
#[doc(hidden)]
pub use http::RetryPolicy;
#[doc(hidden)]
pub use installed::find_installed;
#[doc(hidden)]
pub use layout::{ImageProgram, Program};
#[doc(hidden)]
pub use open::Bundle;
#[doc(hidden)]
pub use release::Release;
pub use release::VersionRequest;
#[doc(hidden)]
pub use upstream::Upstream;

/// Parses any file of a bundle or a release server, for fuzzing.
#[cfg(any(test, feature = "testing"))]
pub(crate) fn parse_any(bytes: &[u8]) {
    use std::io::Cursor;

    let len = bytes.len() as u64;
    let _ = tar_file::check(&mut Cursor::new(bytes), len);
    let _ = elf::check(&mut Cursor::new(bytes), len, Arch::Amd64);
    let text = String::from_utf8_lossy(bytes);
    for path in sums_file::parse_sums(&text).0.keys() {
        let is_inside =
            path.components().all(|part| matches!(part, std::path::Component::Normal(_)));
        assert!(is_inside, "{} leaves the bundle", path.display());
    }
    let _ = Sum::published(&text, "kubeadm");
    let _ = text.lines().filter_map(checksum_cache::parse_line).count();
    let _ = text.parse::<VersionRequest>();
    let _ = upstream::marker_version(&text);
}
