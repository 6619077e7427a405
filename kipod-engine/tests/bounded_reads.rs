//! Files are read with limits: by `util::bounded`, and not by the functions of the standard library, which
//! block on a FIFO and read a device without end.

use std::path::{Path, PathBuf};

/// Calls without a limit.
const UNBOUNDED: &[&str] = &["fs::read(", "fs::read_to_string(", "serde_json::from_reader("];

/// Files of the kernel and of systemd, which are small and not the user's to replace.
const KERNEL: &[&str] = &["/sys/", "/proc/"];

/// Returns the unbounded reads in the code of a file, as `FILE:LINE: CALL`.
fn unbounded_reads(file: &Path, source: &str) -> Vec<String> {
    // Unit tests are at the end of a file.
    let code = source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = code.lines().enumerate();
    lines
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .filter(|(_, line)| !KERNEL.iter().any(|dir| line.contains(dir)))
        .filter_map(|(index, line)| {
            let call = UNBOUNDED.iter().find(|call| line.contains(**call))?;
            Some(format!("{}:{}: {call}", file.display(), index + 1))
        })
        .collect()
}

fn rust_files(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let is_test = path.file_stem().is_some_and(|name| name == "tests");
        if path.is_dir() && !is_test {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !is_test {
            files.push(path);
        }
    }
}

#[test]
fn files_are_read_with_limits() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&src, &mut files);
    assert!(files.len() > 100);
    let found: Vec<_> = files
        .iter()
        .flat_map(|file| unbounded_reads(file, &std::fs::read_to_string(file).unwrap()))
        .collect();
    assert!(found.is_empty(), "use `util::bounded` instead:\n  {}", found.join("\n  "));
}

#[test]
fn unbounded_reads_are_found() {
    let file = Path::new("a.rs");
    let source = "fn a() { std::fs::read(path) }\n// fs::read(x)\nfs::read_to_string(\"/proc/self/cgroup\")\n";
    assert_eq!(unbounded_reads(file, source), ["a.rs:1: fs::read("]);
    let tests = "#[cfg(test)]\nmod tests {\n    fn a() { std::fs::read(path) }\n}\n";
    assert_eq!(unbounded_reads(file, tests), [""; 0]);
}
