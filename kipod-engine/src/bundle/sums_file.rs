//! The file `SHA256SUMS` of a bundle.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use super::checksum::Sum;
use super::content_error::ContentError;

/// The maximum number of characters of an invalid line in an error.
const SHOWN_CHARS: usize = 120;

/// Parses a `SHA256SUMS`. Returns its entries and all errors.
pub(super) fn parse_sums(text: &str) -> (BTreeMap<PathBuf, Sum>, Vec<ContentError>) {
    let (mut sums, mut errors) = (BTreeMap::new(), Vec::new());
    for (line, number) in text.lines().zip(1..) {
        if line.trim().is_empty() {
            continue;
        }
        let parsed = line.split_once([' ', '\t']).and_then(|(sum, path)| {
            let path = path.trim_start();
            let path = inside(Path::new(path.strip_prefix('*').unwrap_or(path)))?;
            Some((Sum::parse(sum)?, path))
        });
        let Some((sum, path)) = parsed else {
            let text = line.chars().take(SHOWN_CHARS).collect();
            errors.push(ContentError::InvalidLine { line: number, text });
            continue;
        };
        match sums.get(&path) {
            Some(other) if *other != sum => {
                errors.push(ContentError::Conflict { line: number, path })
            }
            _ => drop(sums.insert(path, sum)),
        }
    }
    (sums, errors)
}

/// Returns `path` without `./`, if it is relative and stays below its base directory.
fn inside(path: &Path) -> Option<PathBuf> {
    let mut inside = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => inside.push(name),
            Component::CurDir => {}
            _ => return None,
        }
    }
    (inside != Path::new("")).then_some(inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `printf hello | sha256sum`
    const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

    #[test]
    fn paths_stay_in_the_bundle() {
        let text = format!(
            "{HELLO}  ./bin/a b\n{HELLO} *bin/c\n\n{HELLO}  ../x\n{HELLO}  /etc/x\nnonsense\n"
        );
        let (sums, errors) = parse_sums(&text);
        assert_eq!(
            sums.keys().collect::<Vec<_>>(),
            [Path::new("bin/a b"), Path::new("bin/c")],
            "{errors:?}"
        );
        let lines: Vec<_> = errors
            .iter()
            .map(|error| match error {
                ContentError::InvalidLine { line, .. } => *line,
                other => panic!("{other}"),
            })
            .collect();
        assert_eq!(lines, [4, 5, 6]);
    }

    #[test]
    fn file_listed_twice_needs_one_sum() {
        let other = HELLO.replace('2', "3");
        let (_, errors) = parse_sums(&format!("{HELLO}  a\n{HELLO}  a\n{other}  a\n"));
        assert_eq!(errors, [ContentError::Conflict { line: 3, path: "a".into() }]);
    }
}
