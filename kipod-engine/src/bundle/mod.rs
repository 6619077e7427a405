//! Component bundles: where Kubernetes comes from.
//!
//! A node image is built from a folder that holds everything a node runs. There are two ways to have
//! one: kipod downloads it ([`Upstream::download`]), or somebody put it together by hand for a machine
//! without a way out, and gives it as `--components DIR`. Both have the same layout and go through
//! the same checks ([`Bundle::open`]):
//!
//! ```text
//! components/
//! ├── bin/                  programs: 64-bit ELF of the machine's architecture, executable
//! │   ├── kubeadm             required: every one of [`Program`]
//! │   ├── kubelet
//! │   ├── kubectl
//! │   ├── crio
//! │   ├── pinns
//! │   ├── crictl
//! │   ├── conmon
//! │   ├── crun
//! │   ├── kube-apiserver      optional: any of [`ImageProgram`], from which kipod makes the
//! │   ├── …                   control plane's images when there are no archives of them
//! │   └── pause
//! ├── cni/                  CNI plugins; required are loopback, ptp, host-local and portmap
//! │   ├── loopback
//! │   └── …                   every other program here is installed too
//! ├── images/*.tar          optional: image archives, docker-archive or oci-archive, uncompressed
//! ├── base.tar              optional: a root file system to build the node image on, uncompressed
//! └── SHA256SUMS            optional: as `sha256sum` writes it, paths relative to this folder
//! ```
//!
//! Where there is a `SHA256SUMS`, every file it names must be there and match, and it must name every
//! required file. This writes one:
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
//! // A folder on this machine ...
//! let bundle = Bundle::open("/srv/kipod/components", &dirs.cache).await?;
//! println!("{}", bundle.program(Program::Kubeadm).display());
//!
//! // ... or upstream's newest Kubernetes 1.36 with the CRI-O that goes with it.
//! let upstream = Upstream::published()?;
//! let release = upstream.resolve(&"1.36".parse::<VersionRequest>()?, None, Arch::host()?).await?;
//! let bundle = upstream.download(&release, &dirs.cache, &|_| {}).await?;
//! # Ok(())
//! # }
//! ```

mod arch;
mod checksum;
mod download;
mod elf;
mod error;
mod events;
mod fault;
mod fetch;
mod installed;
mod layout;
mod lock;
mod open;
mod release;
mod remembered;
mod tar_file;
#[cfg(test)]
mod tests;
mod unpack;
mod upstream;

pub use arch::Arch;
pub use checksum::Sum;
pub use error::{BundleError, Cause, Failure};
pub use events::DownloadEvent;
pub use fault::ValidationError;
pub use installed::installed;
pub use layout::{ImageProgram, Program};
pub use open::Bundle;
pub use release::{Release, VersionRequest};
pub use upstream::{Retry, Upstream};
