//! Settings of a package for all of its tests: `[package.metadata.kipod]` in its `Cargo.toml`.

use std::io::ErrorKind;
use std::path::Path;

use toml::{Table, Value};

use crate::engine_api::bounded;

/// Name of the table, for messages.
const TABLE: &str = "[package.metadata.kipod]";
const KEYS: [&str; 3] = ["cluster", "keep", "timeout"];

/// Settings of a package, unparsed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Metadata {
    pub(super) cluster: Option<String>,
    pub(super) keep: Option<String>,
    pub(super) timeout: Option<String>,
}

/// Reads the settings of the package in `dir`. There are none without a manifest: a test binary may
/// run without its sources.
pub(super) fn read(dir: &Path) -> Result<Metadata, Vec<String>> {
    let path = dir.join("Cargo.toml");
    match bounded::read_text(&path, bounded::TEXT_LIMIT) {
        Ok(text) => parse(&text),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Metadata::default()),
        Err(error) => Err(vec![format!("failed to read `{}`: {error}", path.display())]),
    }
}

/// Parses a manifest, and returns all errors in the table.
fn parse(text: &str) -> Result<Metadata, Vec<String>> {
    let manifest: Table =
        text.parse().map_err(|error| vec![format!("invalid `Cargo.toml`: {error}")])?;
    let entry = |table: &Table, key: &str| table.get(key).and_then(Value::as_table).cloned();
    let table = entry(&manifest, "package").and_then(|package| entry(&package, "metadata"));
    let Some(value) = table.as_ref().and_then(|metadata| metadata.get("kipod")) else {
        return Ok(Metadata::default());
    };
    let Some(table) = value.as_table() else {
        return Err(vec![format!("`{TABLE}` is not a table")]);
    };
    let mut metadata = Metadata::default();
    let mut errors = Vec::new();
    for (key, value) in table {
        let field = match key.as_str() {
            "cluster" => &mut metadata.cluster,
            "keep" => &mut metadata.keep,
            "timeout" => &mut metadata.timeout,
            _ => {
                let known = KEYS.map(|key| format!("`{key}`")).join(", ");
                errors.push(format!("`{TABLE}`: unknown key `{key}`; the keys are {known}"));
                continue;
            }
        };
        match value {
            Value::String(text) => *field = Some(text.clone()),
            other => {
                let found = other.type_str();
                errors.push(format!("`{TABLE}`: `{key}` must be a string, not {found}"));
            }
        }
    }
    if errors.is_empty() { Ok(metadata) } else { Err(errors) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_reads_only_its_table() {
        let text = "[package]\nname = \"x\"\n\n[package.metadata.kipod] # tests\ncluster = \"a#b\" # c\n\
                    \n# keep = \"x\"\ntimeout=\"5m\"\n[dependencies]\ncolour = 1\n";
        let expected = Metadata {
            cluster: Some("a#b".to_owned()),
            keep: None,
            timeout: Some("5m".to_owned()),
        };
        assert_eq!(parse(text).unwrap(), expected);
        assert_eq!(parse("[package]\nkeep = \"never\"\n").unwrap(), Metadata::default());
    }

    #[test]
    fn parse_accepts_other_toml_notations() {
        let text = "[package.metadata]\nkipod = { keep = 'never' }\n";
        assert_eq!(parse(text).unwrap().keep.as_deref(), Some("never"));
        let text = "package.metadata.kipod.keep = \"\"\"\\\n  always\"\"\"\n";
        assert_eq!(parse(text).unwrap().keep.as_deref(), Some("always"));
    }

    #[test]
    fn parse_reports_all_errors() {
        let text = "[package.metadata.kipod]\ntimeout = 5\ncolour = \"red\"\nkeep = [\"never\"]\n";
        let errors = parse(text).unwrap_err();
        assert_eq!(errors.len(), 3, "{errors:#?}");
        assert!(errors[0].contains("unknown key `colour`"), "{errors:#?}");
        assert!(errors[1].contains("`keep` must be a string, not array"), "{errors:#?}");
        assert!(errors[2].contains("`timeout` must be a string, not integer"), "{errors:#?}");
        assert_eq!(parse("[package.metadata.kipod]\nnonsense\n").unwrap_err().len(), 1);
        assert_eq!(parse("[package.metadata]\nkipod = 1\n").unwrap_err().len(), 1);
    }
}
