//! What a failed test leaves behind: a folder of everything that may say why, and a few lines.

mod collect;
mod folder;
mod summary;

use kipod_engine::podman::quote;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

pub(crate) use summary::container;

use crate::harness::Held;
use crate::helper;
use crate::settings::{Settings, stretched};
use crate::site::TestSite;

/// How long collecting may take; what is not there by then is left out, and said.
const LIMIT: Duration = Duration::from_secs(30);

/// What is collected about.
#[derive(Clone)]
pub(crate) struct Scene {
    pub(crate) held: Arc<Held>,
    pub(crate) namespace: Option<String>,
    /// When the test began.
    pub(crate) since: SystemTime,
}

/// Collects, writes, and prints the summary. The folder of an earlier failure of the same test goes
/// first. Nothing that goes wrong here hides why the test failed.
pub(crate) fn tell(scene: &Scene, site: &TestSite, settings: &Settings, stays: bool) {
    let folder = folder::of(site, settings.artifacts.as_deref());
    if let Err(error) = folder::clear(&folder) {
        eprintln!("kipod: no diagnostics: `{}`: {error}", folder.display());
        return;
    }
    let (target, work) = (folder.clone(), scene.clone());
    let summary = helper::run(async move {
        let mut report = collect::Report::new(target);
        let limit = stretched(LIMIT);
        let collected = tokio::time::timeout(limit, collect::all(&work, &mut report)).await;
        if collected.is_err() {
            report.fault("diagnostics", &format!("not complete after {} s", limit.as_secs()));
        }
        report.finish()
    });
    for line in summary.iter().flatten() {
        eprintln!("  {line}");
    }
    eprintln!("  diagnostics: {}", folder.display());
    if !stays {
        eprintln!("  it is deleted now; with KIPOD_KEEP=on-failure it stays");
    }
    eprintln!("  to look at it: {}", kubectl(&scene.held, scene.namespace.as_deref()));
}

/// The command line that looks into a namespace.
pub(crate) fn kubectl(held: &Held, namespace: Option<&str>) -> String {
    let access = &held.hold.access;
    let path = access.path.display().to_string();
    let mut line = format!("KUBECONFIG={} kubectl", quote(&path));
    if let Some(context) = &access.context {
        line.push_str(&format!(" --context {}", quote(context)));
    }
    if let Some(namespace) = namespace {
        line.push_str(&format!(" -n {namespace}"));
    }
    line.push_str(" get all,events");
    line
}

#[cfg(test)]
mod tests {
    use kipod_engine::podman::quote;

    #[test]
    fn words_are_quoted_for_a_shell() {
        assert_eq!(quote("/home/a/.kube/config"), "/home/a/.kube/config");
        assert_eq!(quote("a b"), "'a b'");
        assert_eq!(quote("it's"), r"'it'\''s'");
        assert_eq!(quote(""), "''");
    }
}
