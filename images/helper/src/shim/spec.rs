//! Edits of the OCI configuration of a container or process.

use std::path::PathBuf;

use serde_json::{Map, Value};

/// Restrictions of the node, which is a container itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    /// The node's OOM score adjustment: no process inside may have a lower one.
    pub(crate) oom_score_adj: i64,
    /// Names of the cgroup controllers that are delegated to the node.
    pub(crate) controllers: Vec<String>,
}

/// A file that a runtime call names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum File {
    /// Configuration of a container: `config.json` of a bundle.
    Container(PathBuf),
    /// Configuration of a process that `exec` starts in a container.
    Process(PathBuf),
}

/// A configuration that the shim cannot edit.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` is not an integer")]
pub(crate) struct SpecError {
    field: &'static str,
}

impl Node {
    /// Reads the restrictions from the kernel. A value that cannot be read counts as not permitted.
    pub(crate) fn read() -> Self {
        let read = |path| std::fs::read_to_string(path).unwrap_or_default();
        Self {
            oom_score_adj: read("/proc/self/oom_score_adj").trim().parse().unwrap_or(0),
            controllers: read("/sys/fs/cgroup/cgroup.controllers")
                .split_whitespace()
                .map(str::to_owned)
                .collect(),
        }
    }

    fn has(&self, controller: &str) -> bool {
        self.controllers.iter().any(|known| known == controller)
    }
}

/// Returns the command of a runtime call: the first argument that is neither an option nor an option's
/// value. CRI-O and conmon write the values of global options with `=`, except for these three.
pub(crate) fn command<'a>(args: &[&'a str]) -> Option<&'a str> {
    let mut words = args.iter();
    loop {
        let word = words.next()?;
        if ["--root", "--log", "--log-format"].contains(word) {
            words.next();
        } else if !word.starts_with('-') {
            return Some(word);
        }
    }
}

/// Returns the file to edit for a runtime call with these arguments.
pub(crate) fn file_to_edit(args: &[&str]) -> Option<File> {
    let option = |long: &str, short: &str| {
        args.iter().enumerate().find_map(|(index, arg)| {
            if *arg == long || *arg == short {
                return args.get(index + 1).map(|value| (*value).to_owned());
            }
            arg.strip_prefix(long)?.strip_prefix('=').map(str::to_owned)
        })
    };
    match command(args)? {
        "create" | "run" => {
            let bundle = option("--bundle", "-b").unwrap_or_else(|| ".".to_owned());
            Some(File::Container(PathBuf::from(bundle).join("config.json")))
        }
        "exec" => option("--process", "-p").map(|path| File::Process(path.into())),
        _ => None,
    }
}

/// Makes the configuration of a container fit `node`.
pub(crate) fn fit_container(config: &mut Value, node: &Node) -> Result<(), SpecError> {
    raise_oom_score(config.pointer_mut("/process/oomScoreAdj"), "process.oomScoreAdj", node)?;
    if let Some(resources) = object(config, "/linux/resources") {
        drop_limits(resources, node);
    }
    if let Some(unified) = object(config, "/linux/resources/unified") {
        unified.retain(|key, _| {
            let controller = key.split('.').next().unwrap_or(key);
            controller == "cgroup" || node.has(controller)
        });
    }
    Ok(())
}

/// Removes ID-mapped mounts from the features of the runtime. Pods with `hostUsers: false` need them for
/// files of kubelet, which are on a file system of the host, where only root of the host may use them.
/// kubelet then refuses such a pod with an event.
pub(crate) fn without_id_mapped_mounts(features: &mut Value) {
    if let Some(idmap) = object(features, "/linux/mountExtensions/idmap") {
        idmap.insert("enabled".to_owned(), false.into());
    }
}

/// Makes the configuration of a process fit `node`.
pub(crate) fn fit_process(config: &mut Value, node: &Node) -> Result<(), SpecError> {
    raise_oom_score(config.pointer_mut("/oomScoreAdj"), "oomScoreAdj", node)
}

fn raise_oom_score(
    score: Option<&mut Value>,
    field: &'static str,
    node: &Node,
) -> Result<(), SpecError> {
    let Some(score) = score else { return Ok(()) };
    if score.as_i64().ok_or(SpecError { field })? < node.oom_score_adj {
        *score = node.oom_score_adj.into();
    }
    Ok(())
}

/// Drops the limits of controllers that `node` does not have.
fn drop_limits(resources: &mut Map<String, Value>, node: &Node) {
    // `cpu` holds the limits of two controllers.
    if let Some(Value::Object(cpu)) = resources.get_mut("cpu") {
        cpu.retain(|key, _| {
            node.has(if matches!(key.as_str(), "cpus" | "mems") { "cpuset" } else { "cpu" })
        });
    }
    resources.retain(|section, _| match section.as_str() {
        "memory" | "pids" | "cpuset" | "rdma" => node.has(section),
        "cpu" => node.has("cpu") || node.has("cpuset"),
        "hugepageLimits" => node.has("hugetlb"),
        "blockIO" => node.has("io"),
        _ => true,
    });
}

fn object<'a>(config: &'a mut Value, path: &str) -> Option<&'a mut Map<String, Value>> {
    config.pointer_mut(path)?.as_object_mut()
}
