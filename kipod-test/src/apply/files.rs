//! Manifests on disk: which files a pattern names, and which objects are in them.

use std::path::{Path, PathBuf};

use kube::api::DynamicObject;
use serde_json::Value;

use super::ApplyError;

/// The objects of one file.
#[derive(Debug)]
pub(crate) struct Manifest {
    /// The file.
    pub(crate) path: PathBuf,
    /// What is in it, as it stands.
    pub(crate) text: String,
    /// The objects, in order.
    pub(crate) objects: Vec<DynamicObject>,
}

/// Reads every file that the patterns name, relative to `folder`: in the order of the patterns, and
/// by name within one.
pub(crate) fn read(folder: &Path, patterns: &[&str]) -> Result<Vec<Manifest>, ApplyError> {
    let mut manifests = Vec::new();
    for pattern in patterns {
        let paths = matching(folder, pattern)?;
        for path in paths {
            let text = std::fs::read_to_string(&path)
                .map_err(|source| ApplyError::Read { path: path.clone(), source })?;
            let objects = parse(&text)
                .map_err(|message| ApplyError::Parse { path: path.clone(), message })?;
            manifests.push(Manifest { path, text, objects });
        }
    }
    Ok(manifests)
}

/// The files a pattern names: `*` stands for any characters in the last part of the path. A pattern
/// that names none is a fault.
fn matching(folder: &Path, pattern: &str) -> Result<Vec<PathBuf>, ApplyError> {
    let path = folder.join(pattern);
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if !name.contains('*') {
        return Ok(vec![path]);
    }
    let parent = path.parent().unwrap_or(folder);
    let entries = std::fs::read_dir(parent)
        .map_err(|source| ApplyError::Read { path: parent.to_owned(), source })?;
    let mut found: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(|file| is_like(file, &name)))
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .collect();
    found.sort();
    match found.is_empty() {
        true => Err(ApplyError::NoMatch { pattern: path }),
        false => Ok(found),
    }
}

/// Whether a name is like a pattern in which `*` stands for any characters.
fn is_like(name: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        None => name == pattern,
        Some((start, rest)) => name.strip_prefix(start).is_some_and(|name| {
            name.char_indices().any(|(at, _)| is_like(&name[at..], rest)) || is_like("", rest)
        }),
    }
}

/// The objects of a text with any number of YAML documents; a `List` is its items.
fn parse(text: &str) -> Result<Vec<DynamicObject>, String> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).map_err(|e| e.to_string())?;
    let mut objects = Vec::new();
    for document in documents {
        let items = match document {
            Value::Null => continue,
            Value::Object(mut list) if list.get("kind").is_some_and(|kind| kind == "List") => {
                match list.remove("items") {
                    Some(Value::Array(items)) => items,
                    _ => return Err("a `List` has no `items`".to_owned()),
                }
            }
            other => vec![other],
        };
        for item in items {
            let object: DynamicObject = serde_json::from_value(item).map_err(|e| e.to_string())?;
            let types = object.types.as_ref();
            if types.is_none_or(|types| types.kind.is_empty() || types.api_version.is_empty()) {
                return Err("an object has no `apiVersion` or no `kind`".to_owned());
            }
            if object.metadata.name.is_none() {
                return Err("an object has no `metadata.name`".to_owned());
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
    fn stars_stand_for_any_characters() {
        for (name, pattern, like) in [
            ("a.yaml", "*.yaml", true),
            ("a.yaml", "*", true),
            ("a.yaml", "a*", true),
            ("a.yaml", "*a*.y*l", true),
            ("a.yaml", "a.yaml*", true),
            ("a.yaml", "*.yml", false),
            ("a.yaml", "b*", false),
            ("a.yaml.bak", "*.yaml", false),
        ] {
            assert_eq!(is_like(name, pattern), like, "{name} {pattern}");
        }
    }

    #[test]
    fn documents_and_lists_are_objects() {
        let text = "---\n# nothing\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\n\
                    apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: b}}\n";
        let objects = parse(text).unwrap();
        let names: Vec<_> = objects.iter().filter_map(|one| one.metadata.name.as_deref()).collect();
        assert_eq!(names, ["a", "b"]);
        assert!(parse("kind: ConfigMap\nmetadata: {name: a}\n").is_err());
        assert!(parse("apiVersion: v1\nkind: ConfigMap\n").unwrap_err().contains("metadata.name"));
        assert!(parse("a: [").is_err());
    }

    #[test]
    fn files_come_in_order_and_none_is_a_fault() {
        let folder = tempfile::tempdir().unwrap();
        let map =
            |name: &str| format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n");
        for name in ["b.yaml", "a.yaml", "c.json"] {
            std::fs::write(folder.path().join(name), map(&name[..1])).unwrap();
        }
        let read = |patterns: &[&str]| read(folder.path(), patterns);
        let names: Vec<_> = read(&["c.json", "*.yaml"])
            .unwrap()
            .into_iter()
            .flat_map(|manifest| manifest.objects)
            .filter_map(|object| object.metadata.name)
            .collect();
        assert_eq!(names, ["c", "a", "b"]);
        assert!(read(&["*.yml"]).unwrap_err().to_string().starts_with("no file is like"));
        assert!(matches!(read(&["d.yaml"]), Err(ApplyError::Read { .. })));
    }
}
