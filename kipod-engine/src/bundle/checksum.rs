//! SHA-256 sums: of files, in `SHA256SUMS`, and as release servers publish them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use sha2::{Digest, Sha256};

use super::ValidationError;

/// A SHA-256 sum. Prints as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sum([u8; 32]);

impl std::fmt::Display for Sum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::fmt::Debug for Sum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

impl Sum {
    /// The sum that 64 hexadecimal digits stand for.
    pub fn parse(text: &str) -> Option<Self> {
        let digit = |byte: u8| (byte as char).to_digit(16);
        let mut sum = [0; 32];
        if text.len() != 64 {
            return None;
        }
        for (byte, pair) in sum.iter_mut().zip(text.as_bytes().chunks(2)) {
            *byte = (digit(pair[0])? << 4 | digit(pair[1])?) as u8;
        }
        Some(Self(sum))
    }

    /// The sum of a file's content.
    pub(super) fn of_file(path: &Path) -> std::io::Result<Self> {
        let mut file = File::open(path)?;
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 256 * 1024];
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(Self(hash.finalize().into())),
                n => hash.update(&buffer[..n]),
            }
        }
    }

    /// The sum of some bytes.
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The sums of several files, in their order, with as many threads as the machine has cores.
    pub(super) fn of_files(paths: &[PathBuf]) -> Vec<std::io::Result<Self>> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(paths.len());
        let next = AtomicUsize::new(0);
        let done = Mutex::new(Vec::with_capacity(paths.len()));
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some(path) = paths.get(index) else { break };
                        let sum = Self::of_file(path);
                        done.lock().expect("no thread panics holding it").push((index, sum));
                    }
                });
            }
        });
        let mut done = done.into_inner().expect("no thread panics holding it");
        done.sort_unstable_by_key(|(index, _)| *index);
        done.into_iter().map(|(_, sum)| sum).collect()
    }

    /// The sum that a release server publishes for the file `name`: alone (Kubernetes'
    /// `kubeadm.sha256`), or on a line with the name as `sha256sum` writes it (CRI-O).
    pub(super) fn published(text: &str, name: &str) -> Option<Self> {
        text.lines().find_map(|line| {
            let (sum, file) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            let file = file.trim_start().trim_start_matches('*').trim_end();
            let is_it = file.is_empty() || file.rsplit('/').next() == Some(name);
            is_it.then(|| Self::parse(sum)).flatten()
        })
    }
}

/// The content of a `SHA256SUMS`, and what is wrong with it.
pub(super) fn parse_sums(text: &str) -> (BTreeMap<PathBuf, Sum>, Vec<ValidationError>) {
    let (mut sums, mut faults) = (BTreeMap::new(), Vec::new());
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
            faults.push(ValidationError::BadLine {
                line: number,
                text: line.chars().take(120).collect(),
            });
            continue;
        };
        match sums.get(&path) {
            Some(other) if *other != sum => {
                faults.push(ValidationError::NamedTwice { line: number, path })
            }
            _ => drop(sums.insert(path, sum)),
        }
    }
    (sums, faults)
}

/// `path` without `./`, if it is relative and stays below the folder it is relative to.
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
    fn sums_are_those_of_sha256sum() {
        assert_eq!(Sum::of(b"hello").to_string(), HELLO);
        let dir = tempfile::tempdir().unwrap();
        let paths: Vec<_> = (0..9).map(|i| dir.path().join(i.to_string())).collect();
        for (path, i) in paths.iter().zip(0..) {
            std::fs::write(path, if i == 7 { "hello" } else { "other" }).unwrap();
        }
        std::fs::remove_file(&paths[3]).unwrap();
        let sums = Sum::of_files(&paths);
        assert_eq!(sums[7].as_ref().unwrap().to_string(), HELLO);
        assert_eq!(sums[0].as_ref().unwrap(), &Sum::of(b"other"));
        assert!(sums[3].is_err());
        assert!(Sum::of_files(&[]).is_empty());
    }

    #[test]
    fn reads_sums_of_any_case_and_nothing_else() {
        assert_eq!(Sum::parse(&HELLO.to_uppercase()), Some(Sum::of(b"hello")));
        assert_eq!(Sum::parse(&HELLO[1..]), None);
        assert_eq!(Sum::parse(&HELLO.replace('2', "g")), None);
        assert_eq!(Sum::parse(&"é".repeat(32)), None);
    }

    #[test]
    fn reads_what_servers_publish() {
        let sum = Some(Sum::of(b"hello"));
        assert_eq!(Sum::published(HELLO, "kubeadm"), sum);
        assert_eq!(Sum::published(&format!("{HELLO}\n"), "kubeadm"), sum);
        let lines = format!("{}  b.tar.gz\n{HELLO}  ./a.tar.gz\n", HELLO.replace('2', "3"));
        assert_eq!(Sum::published(&lines, "a.tar.gz"), sum);
        assert_eq!(Sum::published(&lines, "c.tar.gz"), None);
        assert_eq!(Sum::published("<html>not found</html>", "kubeadm"), None);
        assert_eq!(Sum::published("", "kubeadm"), None);
    }

    #[test]
    fn sha256sums_may_not_leave_the_folder() {
        let text = format!(
            "{HELLO}  ./bin/a b\n{HELLO} *bin/c\n\n{HELLO}  ../x\n{HELLO}  /etc/x\nnonsense\n"
        );
        let (sums, faults) = parse_sums(&text);
        assert_eq!(
            sums.keys().collect::<Vec<_>>(),
            [Path::new("bin/a b"), Path::new("bin/c")],
            "{faults:?}"
        );
        let lines: Vec<_> = faults
            .iter()
            .map(|fault| match fault {
                ValidationError::BadLine { line, .. } => *line,
                other => panic!("{other}"),
            })
            .collect();
        assert_eq!(lines, [4, 5, 6]);
    }

    #[test]
    fn a_file_named_twice_needs_one_sum() {
        let other = HELLO.replace('2', "3");
        let (_, faults) = parse_sums(&format!("{HELLO}  a\n{HELLO}  a\n{other}  a\n"));
        assert_eq!(faults, [ValidationError::NamedTwice { line: 3, path: "a".into() }]);
    }
}
