//! All parsers of text and bytes that other programs or users write. Each target accepts any input; a panic, a
//! hang or growing memory is an error. `fuzz/` runs them with libFuzzer, and `tests/parsers.rs` with mutations
//! of the same corpus.

use crate::config;
use crate::{cluster, host, kubeconfig, podman, spec};

/// A parser, or several parsers of similar inputs.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Target {
    /// The name, which is also that of the directory with the corpus.
    pub name: &'static str,
    /// Parses an input.
    pub run: fn(&[u8]),
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target { name: "config", run: config },
    Target { name: "kubeconfig", run: kubeconfig::parse_any },
    Target { name: "host", run: host },
    #[cfg(feature = "build")]
    Target { name: "bundle", run: crate::bundle::parse_any },
    Target { name: "podman", run: podman::parse_any },
    Target { name: "values", run: values },
    Target { name: "state", run: cluster::parse_any },
];

/// Returns a target by its name.
pub fn target(name: &str) -> Option<Target> {
    TARGETS.iter().copied().find(|target| target.name == name)
}

/// Configuration files of kind and kipod. A valid file is printed and read again.
///
/// # Panics
///
/// If the printed text is not the same configuration.
fn config(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let _ = config::migrate(&text, "input");
    let read = config::read(&text, "input");
    if let Ok(spec) = read.check() {
        let printed = config::print(&spec);
        let again = config::read(&printed, "printed").check();
        assert_eq!(again.as_ref(), Ok(&spec), "{printed}");
    }
}

/// Files of the host: subordinate ids, users, `containers.conf`, routes, the kernel's lists of modules.
fn host(bytes: &[u8]) {
    host::parse_any(&String::from_utf8_lossy(bytes));
}

/// Values in flags, variables and files: names, versions, durations, subnets, images, credentials.
fn values(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let _ = text.parse::<crate::Version>();
    let _ = text.parse::<spec::ClusterName>();
    let _ = text.parse::<spec::ImageReference>();
    let _ = text.parse::<spec::Subnet>();
    let _ = text.parse::<spec::Subnet6>();
    let _ = text.parse::<crate::TimeoutFactor>();
    let _ = text.parse::<crate::RegistryName>();
    let _ = spec::parse_duration(&text);
    let _ = spec::RegistryAuth::new(text);
}
