//! The language of this repository: no text uses the words that the glossary in CONTRIBUTING.md replaces.
#![allow(missing_docs, reason = "a test crate has no users")]

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Words and phrases with the terms to use instead. In names, they match parts between underscores.
const PHRASES: &[(&str, &str)] = &[
    ("all the same", "still, in any case"),
    ("anew", "again"),
    ("asked for", "requested, configured"),
    ("asleep", "stopped"),
    ("belongs to nobody", "orphaned"),
    ("folder", "directory"),
    ("folders", "directories"),
    ("founder", "first control plane"),
    ("go together", "are compatible"),
    ("he", "it"),
    ("him", "it"),
    ("himself", "itself"),
    ("his", "its"),
    ("in vain", "without success"),
    ("network of pods", "pod network, CNI"),
    ("nobody", "no process, no user, orphaned"),
    ("part of the pod subnet", "pod CIDR"),
    ("remark", "warning"),
    ("remarks", "warnings"),
    ("somebody", "a process, a user"),
    ("take away", "remove"),
    ("taken away", "removed"),
    ("takes away", "removes"),
    ("told", "notified, reported"),
    ("way back", "rollback, cleanup, teardown"),
    ("who calls", "the caller"),
    ("who has", "name the subject"),
    ("who is", "name the subject"),
    ("whoever", "the process or user that"),
    ("with a way out", "with internet access"),
    ("without a way out", "air-gapped"),
    ("woken", "restarted"),
];

/// First words of comments with the form to use instead.
const OPENINGS: &[(&str, &str)] = &[
    ("How long", "Timeout for, Duration of"),
    ("What", "a verb or a noun"),
    ("Whether", "Returns whether, `true` if"),
    ("Who", "a verb or a noun"),
    ("Whose", "a verb or a noun"),
];

/// Files that contain the words for a reason.
const EXCLUDED: &[&str] = &["CHANGELOG.md", "Cargo.lock", "tests/tests/language.rs"];

/// A word in a text.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    path: PathBuf,
    line: usize,
    words: &'static str,
    instead: &'static str,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, words, instead } = self;
        write!(f, "{}:{line}: `{words}`: use {instead}", path.display())
    }
}

/// Returns the repository's text files, relative to `root`.
fn text_files(root: &Path) -> Vec<PathBuf> {
    let files = tracked_files(root).unwrap_or_else(|| {
        let mut files = Vec::new();
        walk(root, Path::new(""), &mut files);
        files
    });
    let is_excluded = |path: &Path| EXCLUDED.iter().any(|name| path == Path::new(name));
    files.into_iter().filter(|path| !is_excluded(path)).collect()
}

fn tracked_files(root: &Path) -> Option<Vec<PathBuf>> {
    let output = Command::new("git").arg("-C").arg(root).args(["ls-files", "-z"]).output().ok()?;
    let names = String::from_utf8(output.stdout).ok()?;
    let files: Vec<_> =
        names.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from).collect();
    (output.status.success() && !files.is_empty()).then_some(files)
}

/// Collects files without git, such as in a source archive.
fn walk(root: &Path, dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(root.join(dir)).into_iter().flatten().flatten() {
        let path = dir.join(entry.file_name());
        match entry.file_type() {
            Ok(kind) if kind.is_file() => files.push(path),
            Ok(kind) if kind.is_dir() && path != Path::new("target") && !path.ends_with(".git") => {
                walk(root, &path, files);
            }
            _ => {}
        }
    }
}

/// Returns the words of a text, lower case, split at everything but letters, digits and apostrophes.
fn words(text: &str) -> Vec<String> {
    let words = text.split(|char: char| !char.is_alphanumeric() && char != '\'');
    words.filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

/// Returns the text of a line that is a comment.
fn comment(path: &Path, line: &str) -> Option<String> {
    let line = line.trim_start();
    let marks: &[&str] = match path.extension().and_then(|extension| extension.to_str()) {
        Some("rs") => &["///", "//!", "//"],
        Some("md" | "snap") => &[],
        _ => &["#"],
    };
    let text = marks.iter().find_map(|mark| line.strip_prefix(mark))?;
    Some(text.trim_start().to_owned())
}

fn check(path: &Path, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut follows_comment = false;
    for (index, line) in text.lines().enumerate() {
        let finding = |(words, instead): (&'static str, &'static str)| Finding {
            path: path.to_owned(),
            line: index + 1,
            words,
            instead,
        };
        let comment = comment(path, line);
        if is_glossary(path, line) {
            continue;
        }
        let found = words(line);
        let contains = |phrase: &str| {
            let phrase: Vec<_> = phrase.split(' ').collect();
            found.windows(phrase.len()).any(|window| window == phrase)
        };
        findings.extend(
            PHRASES.iter().filter(|(phrase, _)| contains(phrase)).map(|rule| finding(*rule)),
        );
        if let Some(comment) = comment.as_deref().filter(|_| !follows_comment) {
            let opens = |words: &str| {
                let rest = comment.strip_prefix(words);
                rest.is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
            };
            findings.extend(
                OPENINGS.iter().filter(|(words, _)| opens(words)).map(|rule| finding(*rule)),
            );
        }
        follows_comment = comment.is_some_and(|text| !text.is_empty());
    }
    findings
}

/// Returns whether a line belongs to the glossary.
fn is_glossary(path: &Path, line: &str) -> bool {
    path == Path::new("CONTRIBUTING.md") && line.starts_with('|')
}

#[test]
fn texts_use_the_terms_of_the_glossary() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut findings = Vec::new();
    for path in text_files(&root) {
        // Not a text if it is not UTF-8, and missing if it is deleted and not committed.
        if let Ok(text) = std::fs::read_to_string(root.join(&path)) {
            findings.extend(check(&path, &text));
        }
    }
    let lines: Vec<_> = findings.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "{} findings:\n{}", lines.len(), lines.join("\n"));
}

#[test]
fn findings_name_the_line_and_the_term() {
    let text = "fn remove() {}\n/// What belongs to\n/// Nobody.\nfn nobody_told() {}\n";
    let found = check(Path::new("src/lib.rs"), text);
    let lines: Vec<_> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "src/lib.rs:2: `What`: use a verb or a noun",
            "src/lib.rs:3: `nobody`: use no process, no user, orphaned",
            "src/lib.rs:4: `nobody`: use no process, no user, orphaned",
            "src/lib.rs:4: `told`: use notified, reported",
        ]
    );
}

#[test]
fn openings_apply_to_the_first_line_of_comments() {
    let count = |path: &str, text: &str| check(Path::new(path), text).len();
    assert_eq!(count("run", "# Whether it runs.\n"), 1);
    assert_eq!(count("run", "# A question:\n# What is it?\n"), 0);
    assert_eq!(count("README.md", "# What kipod does\n"), 0);
    assert_eq!(count("lib.rs", "// Whatever is left is removed.\n"), 0);
}

#[test]
fn only_complete_words_match() {
    let text = "// The theory of his-story: histories, unfolded, a foldering.\n";
    let found = check(Path::new("lib.rs"), text);
    assert_eq!(found.iter().map(|finding| finding.words).collect::<Vec<_>>(), ["his"]);
}
