//! Which file of a runtime call describes a container or a process, and what in it must change.

use std::path::PathBuf;

use super::json;

/// What the node, a container itself, is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    /// The node's own OOM score adjustment: nothing inside may go below it.
    pub(crate) oom_score_adj: i64,
    /// The cgroup controllers the node has, by name.
    pub(crate) controllers: Vec<String>,
}

/// A file that a runtime call names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum File {
    /// The container's description, `config.json` of a bundle.
    Container(PathBuf),
    /// The description of one more process, given to `exec`.
    Process(PathBuf),
}

impl Node {
    /// Reads both from the kernel. What cannot be read counts as not allowed.
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

/// The file to edit for this runtime call, given its arguments.
pub(crate) fn file_to_edit(args: &[&str]) -> Option<File> {
    let option = |long: &str, short: &str| {
        args.iter().enumerate().find_map(|(index, arg)| {
            if *arg == long || *arg == short {
                return args.get(index + 1).map(|value| (*value).to_owned());
            }
            arg.strip_prefix(long)?.strip_prefix('=').map(str::to_owned)
        })
    };
    // The command is the first argument that is neither an option nor an option's value; CRI-O and
    // conmon write the values of global options with `=`, but for these three.
    let mut words = args.iter();
    let command = loop {
        let word = words.next()?;
        if ["--root", "--log", "--log-format"].contains(word) {
            words.next();
        } else if !word.starts_with('-') {
            break *word;
        }
    };
    match command {
        "create" | "run" => {
            let bundle = option("--bundle", "-b").unwrap_or_else(|| ".".to_owned());
            Some(File::Container(PathBuf::from(bundle).join("config.json")))
        }
        "exec" => option("--process", "-p").map(|path| File::Process(path.into())),
        _ => None,
    }
}

/// The description of a container, fit for `node`.
pub(crate) fn fit_container(text: &str, node: &Node) -> Result<String, String> {
    let mut text = clamp(text, &["process", "oomScoreAdj"], node)?;
    let missing = |section: &str| match section {
        "memory" | "pids" | "cpuset" | "rdma" => !node.has(section),
        "cpu" => !node.has("cpu") || !node.has("cpuset"),
        "hugepageLimits" => !node.has("hugetlb"),
        "blockIO" => !node.has("io"),
        _ => false,
    };
    // `cpu` holds the keys of two controllers, so it is thinned out before it is given up.
    if node.has("cpu") || node.has("cpuset") {
        text = json::retain(&text, &["linux", "resources", "cpu"], |key| {
            !node.has(if matches!(key, "cpus" | "mems") { "cpuset" } else { "cpu" })
        })?;
        text = json::retain(&text, &["linux", "resources"], |key| key != "cpu" && missing(key))?;
    } else {
        text = json::retain(&text, &["linux", "resources"], missing)?;
    }
    json::retain(&text, &["linux", "resources", "unified"], |key| {
        let controller = key.split('.').next().unwrap_or(key);
        controller != "cgroup" && !node.has(controller)
    })
}

/// The description of a process, fit for `node`.
pub(crate) fn fit_process(text: &str, node: &Node) -> Result<String, String> {
    clamp(text, &["oomScoreAdj"], node)
}

fn clamp(text: &str, path: &[&str], node: &Node) -> Result<String, String> {
    let Some(member) = json::find(text, path)? else { return Ok(text.to_owned()) };
    let asked: i64 = text[member.value.clone()]
        .parse()
        .map_err(|_| format!("`{}` is no number", path.join(".")))?;
    if asked >= node.oom_score_adj {
        return Ok(text.to_owned());
    }
    json::replace(text, path, &node.oom_score_adj.to_string())
}
