//! What a package says of all its tests: `[package.metadata.kipod]` in its `Cargo.toml`.

use std::path::Path;

/// The table, as it is written.
const TABLE: &str = "[package.metadata.kipod]";
/// What may stand in it.
const KEYS: [&str; 3] = ["cluster", "keep", "timeout"];

/// What a package says, each as text, in the order of the file.
pub(crate) type Metadata = Vec<(String, String)>;

/// Reads the table of the package in `folder`. There is none where there is no manifest: test
/// binaries may run far from their sources.
pub(crate) fn read(folder: &Path) -> Result<Metadata, Vec<String>> {
    match std::fs::read_to_string(folder.join("Cargo.toml")) {
        Ok(text) => parse(&text),
        Err(_) => Ok(Metadata::new()),
    }
}

/// The keys of the table, or all that is wrong with it. Every value is a text, so a line is a key,
/// `=`, and a text in double quotes; cargo has seen that the rest of the file is TOML.
fn parse(text: &str) -> Result<Metadata, Vec<String>> {
    let mut found = Metadata::new();
    let mut faults = Vec::new();
    let lines = text.lines().map(str::trim);
    let table = lines.skip_while(|line| without_comment(line) != TABLE).skip(1);
    for line in table.take_while(|line| !line.starts_with('[')) {
        let line = without_comment(line);
        if line.is_empty() {
            continue;
        }
        let pair = line.split_once('=').map(|(key, value)| (key.trim(), value.trim()));
        let value = pair.and_then(|(_, value)| value.strip_prefix('"')?.strip_suffix('"'));
        match (pair, value) {
            (Some((key, _)), _) if !KEYS.contains(&key) => {
                let known = KEYS.map(|key| format!("`{key}`")).join(", ");
                faults.push(format!("`{TABLE}`: there is no key `{key}`; the keys are {known}"));
            }
            (Some((key, _)), Some(value)) if !value.contains(['"', '\\']) => {
                found.push((key.to_owned(), value.to_owned()));
            }
            _ => faults.push(format!("`{TABLE}`: `{line}` is not a key and a text in quotes")),
        }
    }
    if faults.is_empty() { Ok(found) } else { Err(faults) }
}

/// The line up to a `#` that is not in quotes.
fn without_comment(line: &str) -> &str {
    let mut quoted = false;
    for (at, c) in line.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '#' if !quoted => return line[..at].trim_end(),
            _ => {}
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_its_table_and_no_other() {
        let text = "[package]\nname = \"x\"\n\n[package.metadata.kipod] # tests\ncluster = \"a#b\" # c\n\
                    \n# keep = \"x\"\ntimeout=\"5m\"\n[dependencies]\ncolour = 1\n";
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(parse(text).unwrap(), [pair("cluster", "a#b"), pair("timeout", "5m")]);
        assert_eq!(parse("[package]\nkeep = \"never\"\n").unwrap(), []);
    }

    #[test]
    fn all_faults_come_at_once() {
        let text = "[package.metadata.kipod]\ntimeout = 5\ncolour = \"red\"\nnonsense\n";
        let faults = parse(text).unwrap_err();
        assert_eq!(faults.len(), 3, "{faults:#?}");
        assert!(faults[1].contains("no key `colour`"), "{faults:#?}");
    }
}
