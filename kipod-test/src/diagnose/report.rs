//! The files of a report.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::engine_api::error_chain;

/// Diagnostics while they are collected.
pub(super) struct Report {
    dir: PathBuf,
    summary: Vec<String>,
    errors: Vec<String>,
}

impl Report {
    pub(super) fn new(dir: PathBuf) -> Self {
        Self { dir, summary: Vec::new(), errors: Vec::new() }
    }

    /// Adds lines to the summary.
    pub(super) fn add_summary(&mut self, lines: impl IntoIterator<Item = String>) {
        self.summary.extend(lines);
    }

    /// Records that something could not be collected.
    pub(super) fn add_error(&mut self, what: &str, error: &str) {
        self.errors.push(format!("{what}: {error}"));
    }

    /// Writes a file, with a path relative to the report.
    pub(super) fn write(&mut self, path: impl AsRef<Path>, text: &str) {
        let path = self.dir.join(path);
        let parent = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        if let Err(error) = parent.and_then(|()| std::fs::write(&path, text)) {
            self.add_error(&path.display().to_string(), &error.to_string());
        }
    }

    /// Writes a file as YAML.
    pub(super) fn write_yaml(&mut self, path: &str, value: &Value) {
        match serde_saphyr::to_string(value) {
            Ok(text) => self.write(path, &text),
            Err(error) => self.add_error(path, &error.to_string()),
        }
    }

    /// Returns the value of a response, or records its error.
    pub(super) fn ok<T>(&mut self, what: &str, response: kube::Result<T>) -> Option<T> {
        response.map_err(|error| self.add_error(what, &error_chain(&error))).ok()
    }

    /// Writes the summary, and returns its lines.
    pub(super) fn finish(mut self) -> Vec<String> {
        if !self.errors.is_empty() {
            let text = self.errors.join("\n") + "\n";
            self.write("missing.txt", &text);
            let count = self.errors.len();
            self.summary.push(format!("{count} of the diagnostics are missing: see missing.txt"));
        }
        let text = self.summary.join("\n") + "\n";
        self.write("summary.txt", &text);
        self.summary
    }
}
