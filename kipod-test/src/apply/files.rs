//! Manifest files: patterns and parsing.

use std::path::{Path, PathBuf};

use kube::api::DynamicObject;
use serde_json::Value;

use super::error::{ApplyError, ParseError};
use crate::engine_api::bounded;

/// A manifest file.
#[derive(Debug)]
pub(crate) struct Manifest {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    /// The objects, in the order of the file.
    pub(crate) objects: Vec<DynamicObject>,
}

/// Reads all files that match the patterns, relative to `dir`: in the order of the patterns, and
/// sorted by name within a pattern.
pub(crate) fn read(dir: &Path, patterns: &[&str]) -> Result<Vec<Manifest>, ApplyError> {
    let mut manifests = Vec::new();
    for pattern in patterns {
        for path in expand(dir, pattern)? {
            let text = bounded::read_text(&path, bounded::TEXT_LIMIT)
                .map_err(|source| ApplyError::Read { path: path.clone(), source })?;
            let objects = parse(&text).map_err(|source| ApplyError::Parse {
                path: path.clone(),
                source: Box::new(source),
            })?;
            manifests.push(Manifest { path, text, objects });
        }
    }
    Ok(manifests)
}

/// Returns the files that match a pattern: `*` matches any characters in the last component of the
/// path. A pattern without a match is an error.
fn expand(dir: &Path, pattern: &str) -> Result<Vec<PathBuf>, ApplyError> {
    let path = dir.join(pattern);
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if !name.contains('*') {
        return Ok(vec![path]);
    }
    let parent = path.parent().unwrap_or(dir);
    let entries = std::fs::read_dir(parent)
        .map_err(|source| ApplyError::Read { path: parent.to_owned(), source })?;
    let mut found: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(|file| matches(file, &name)))
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .collect();
    found.sort();
    match found.is_empty() {
        true => Err(ApplyError::NoMatch { pattern: path }),
        false => Ok(found),
    }
}

/// Returns whether a name matches a pattern.
fn matches(name: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        None => name == pattern,
        Some((start, rest)) => name.strip_prefix(start).is_some_and(|name| {
            name.char_indices().any(|(at, _)| matches(&name[at..], rest)) || matches("", rest)
        }),
    }
}

/// Parses any number of YAML documents. A `List` is replaced by its items.
fn parse(text: &str) -> Result<Vec<DynamicObject>, ParseError> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text)?;
    let mut objects = Vec::new();
    for document in documents {
        let items = match document {
            Value::Null => continue,
            Value::Object(mut list) if list.get("kind").is_some_and(|kind| kind == "List") => {
                match list.remove("items") {
                    Some(Value::Array(items)) => items,
                    _ => return Err(ParseError::NoItems),
                }
            }
            other => vec![other],
        };
        for item in items {
            let object: DynamicObject = serde_json::from_value(item)?;
            let types = object.types.as_ref();
            if types.is_none_or(|types| types.kind.is_empty() || types.api_version.is_empty()) {
                return Err(ParseError::NoType);
            }
            if object.metadata.name.is_none() {
                return Err(ParseError::NoName);
            }
            objects.push(object);
        }
    }
    Ok(objects)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_expands_stars() {
        for (name, pattern, expected) in [
            ("a.yaml", "*.yaml", true),
            ("a.yaml", "*", true),
            ("a.yaml", "a*", true),
            ("a.yaml", "*a*.y*l", true),
            ("a.yaml", "a.yaml*", true),
            ("a.yaml", "*.yml", false),
            ("a.yaml", "b*", false),
            ("a.yaml.bak", "*.yaml", false),
        ] {
            assert_eq!(matches(name, pattern), expected, "{name} {pattern}");
        }
    }

    #[test]
    fn parse_reads_documents_and_lists() {
        let text = "---\n# empty\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\n\
                    apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: b}}\n";
        let objects = parse(text).unwrap();
        let names: Vec<_> = objects.iter().filter_map(|one| one.metadata.name.as_deref()).collect();
        assert_eq!(names, ["a", "b"]);
        assert!(parse("kind: ConfigMap\nmetadata: {name: a}\n").is_err());
        assert!(
            parse("apiVersion: v1\nkind: ConfigMap\n")
                .unwrap_err()
                .to_string()
                .contains("metadata.name")
        );
        assert!(parse("a: [").is_err());
    }

    #[test]
    fn read_keeps_the_order_and_requires_a_match() {
        let dir = tempfile::tempdir().unwrap();
        let map =
            |name: &str| format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n");
        for name in ["b.yaml", "a.yaml", "c.json"] {
            std::fs::write(dir.path().join(name), map(&name[..1])).unwrap();
        }
        let read = |patterns: &[&str]| read(dir.path(), patterns);
        let names: Vec<_> = read(&["c.json", "*.yaml"])
            .unwrap()
            .into_iter()
            .flat_map(|manifest| manifest.objects)
            .filter_map(|object| object.metadata.name)
            .collect();
        assert_eq!(names, ["c", "a", "b"]);
        assert!(read(&["*.yml"]).unwrap_err().to_string().starts_with("no file matches"));
        assert!(matches!(read(&["d.yaml"]), Err(ApplyError::Read { .. })));
    }
}
