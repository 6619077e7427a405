//! The order of modules: each imports only modules below it. `ARCHITECTURE.md` shows the same order.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// All modules of the library, lowest first.
const ORDER: &[&str] = &[
    "util",
    "events",
    "kubernetes",
    "spec",
    "config",
    "kubeconfig",
    "pki",
    "podman",
    "lease",
    "host",
    "bundle",
    "node_image",
    "node",
    "plan",
    "cluster",
    "registry",
    "actions",
    "gc",
    "engine",
];

/// Imports of a higher module by a lower one, as `FILE:LINE: MODULE`.
fn upward_imports(module: &str, file: &Path, source: &str) -> Vec<String> {
    let rank = |name: &str| ORDER.iter().position(|module| *module == name);
    let own = rank(module);
    // Unit tests at the end of a file may use fixtures of any module.
    let code = source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let mut found = Vec::new();
    for (index, line) in code.lines().enumerate() {
        let line = line.split("//").next().unwrap_or_default();
        for rest in line.split("crate::").skip(1) {
            let place = format!("{}:{}", file.display(), index + 1);
            assert!(!rest.starts_with('{'), "{place}: write one `use crate::MODULE` per module");
            let name: String =
                rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            if rank(&name).is_some_and(|other| Some(other) > own) {
                found.push(format!("{place}: {name}"));
            }
        }
    }
    found
}

/// Returns the modules in the table of `ARCHITECTURE.md`, in its order.
fn documented_modules(text: &str) -> Vec<&str> {
    let table = text.split("\n| module |").nth(1).unwrap_or_default();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.filter_map(|row| row.split('`').nth(1)).collect()
}

fn rust_files(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The module of a file below `src`; `None` for the command, `lib.rs` and files of tests only.
fn module_of(file: &Path) -> Option<String> {
    let parts: Vec<&str> = file.iter().filter_map(|part| part.to_str()).collect();
    let first = parts.first()?.trim_end_matches(".rs");
    let is_test = parts.iter().any(|part| part.trim_end_matches(".rs") == "tests");
    (!is_test && !matches!(first, "bin" | "lib" | "testing")).then(|| first.to_owned())
}

#[test]
fn modules_import_only_lower_modules() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&src, &mut files);
    let (mut found, mut seen) = (Vec::new(), BTreeSet::new());
    for file in files {
        let relative = file.strip_prefix(&src).unwrap();
        let Some(module) = module_of(relative) else { continue };
        found.extend(upward_imports(&module, relative, &std::fs::read_to_string(&file).unwrap()));
        seen.insert(module);
    }
    assert!(found.is_empty(), "imports of higher modules:\n  {}", found.join("\n  "));
    let order: BTreeSet<String> = ORDER.iter().map(|module| (*module).to_owned()).collect();
    assert_eq!(seen, order, "ORDER must list every module");
}

#[test]
fn upward_imports_are_found() {
    let file = Path::new("spec/node.rs");
    let source = "use crate::util::text;\nuse crate::actions::create; // crate::engine\n";
    assert_eq!(upward_imports("spec", file, source), ["spec/node.rs:2: actions"]);
    let tests = "use crate::util::fs;\n#[cfg(test)]\nmod tests {\n    use crate::engine;\n}\n";
    assert_eq!(upward_imports("spec", file, tests), [""; 0]);
    let declared = "#[cfg(test)]\nmod tests;\nuse crate::engine::Engine;\n";
    assert_eq!(upward_imports("spec", file, declared), ["spec/node.rs:3: engine"]);
}

#[test]
#[should_panic(expected = "spec/node.rs:1: write one `use crate::MODULE` per module")]
fn grouped_imports_are_refused() {
    upward_imports("spec", Path::new("spec/node.rs"), "use crate::{util::text, engine};\n");
}

#[test]
fn architecture_lists_modules_in_their_order() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ARCHITECTURE.md");
    assert_eq!(documented_modules(&std::fs::read_to_string(file).unwrap()), ORDER);
}
