//! SHA-256 sums of files, and their published form.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use sha2::{Digest, Sha256};

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
    /// Parses 64 hexadecimal digits.
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

    /// Computes the sum of a file.
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

    /// Computes the sum of some bytes.
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Computes the sums of several files, in their order, with a thread for each processor core.
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

    /// Parses the sum that a release server publishes for the file `name`: only the sum (Kubernetes'
    /// `kubeadm.sha256`), or a line of `sha256sum` with the name (CRI-O).
    pub(super) fn published(text: &str, name: &str) -> Option<Self> {
        text.lines().find_map(|line| {
            let (sum, file) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            let file = file.trim_start().trim_start_matches('*').trim_end();
            let is_it = file.is_empty() || file.rsplit('/').next() == Some(name);
            is_it.then(|| Self::parse(sum)).flatten()
        })
    }
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
    fn parse_accepts_64_digits_of_any_case() {
        assert_eq!(Sum::parse(&HELLO.to_uppercase()), Some(Sum::of(b"hello")));
        assert_eq!(Sum::parse(&HELLO[1..]), None);
        assert_eq!(Sum::parse(&HELLO.replace('2', "g")), None);
        assert_eq!(Sum::parse(&"é".repeat(32)), None);
    }

    #[test]
    fn published_accepts_both_formats() {
        let sum = Some(Sum::of(b"hello"));
        assert_eq!(Sum::published(HELLO, "kubeadm"), sum);
        assert_eq!(Sum::published(&format!("{HELLO}\n"), "kubeadm"), sum);
        let lines = format!("{}  b.tar.gz\n{HELLO}  ./a.tar.gz\n", HELLO.replace('2', "3"));
        assert_eq!(Sum::published(&lines, "a.tar.gz"), sum);
        assert_eq!(Sum::published(&lines, "c.tar.gz"), None);
        assert_eq!(Sum::published("<html>not found</html>", "kubeadm"), None);
        assert_eq!(Sum::published("", "kubeadm"), None);
    }
}
