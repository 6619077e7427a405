//! The versions kipod pins, read at compile time from `versions.toml` beside this crate.
//!
//! ```
//! assert!(kipod_images::versions::KUBERNETES.starts_with('v'));
//! ```

/// The file, as it is in the repository.
pub const FILE: &str = include_str!("../versions.toml");

/// The Kubernetes version of a node image by default, such as `v1.36.2`.
pub const KUBERNETES: &str = value(FILE, "kubernetes");

/// The CRI-O version that goes with [`KUBERNETES`], such as `v1.36.3`.
pub const CRIO: &str = value(FILE, "cri-o");

/// The image a node image is built on by default: Debian.
pub const BASE_DEBIAN: &str = value(FILE, "base-debian");

/// The image a Fedora node image is built on.
pub const BASE_FEDORA: &str = value(FILE, "base-fedora");

/// The image of what provisions the volumes of the default StorageClass.
pub const LOCAL_PATH_PROVISIONER: &str = value(FILE, "local-path-provisioner");

/// The image whose shell makes and removes the folders of those volumes.
pub const BUSYBOX: &str = value(FILE, "busybox");

/// The image of what `kubectl top` asks.
pub const METRICS_SERVER: &str = value(FILE, "metrics-server");

/// The value of `key`. A key that is not there does not compile, which is the point of doing this
/// without a parser that would have to fail at run time (and would be this crate's one dependency).
const fn value(file: &'static str, key: &str) -> &'static str {
    let bytes = file.as_bytes();
    let mut line = 0;
    while line < bytes.len() {
        let (mut end, mut quote) = (line, [0; 2]);
        let mut quotes = 0;
        while end < bytes.len() && bytes[end] != b'\n' {
            if bytes[end] == b'"' && quotes < 2 {
                quote[quotes] = end;
                quotes += 1;
            }
            end += 1;
        }
        if quotes == 2 && is_key(bytes, line, key.as_bytes()) {
            return file.split_at(quote[1]).0.split_at(quote[0] + 1).1;
        }
        line = end + 1;
    }
    panic!("versions.toml does not have that key")
}

/// Whether the line at `start` begins with `key =`.
const fn is_key(bytes: &[u8], start: usize, key: &[u8]) -> bool {
    let mut i = 0;
    while i < key.len() {
        if start + i >= bytes.len() || bytes[start + i] != key[i] {
            return false;
        }
        i += 1;
    }
    start + i + 1 < bytes.len() && bytes[start + i] == b' ' && bytes[start + i + 1] == b'='
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_value_by_its_whole_key() {
        let file = "# cri-o = \"no\"\ncri-o-x = \"no\"\n\ncri-o = \"v1\" # as \"tested\"\n";
        assert_eq!(value(file, "cri-o"), "v1");
        assert_eq!(value("a = \"1\"\nb = \"2\"", "b"), "2");
    }

    #[test]
    #[should_panic(expected = "does not have that key")]
    fn a_missing_key_does_not_pass() {
        value("a = \"1\"\n", "b");
    }

    #[test]
    fn every_line_of_the_file_is_one_of_the_constants() {
        let values: Vec<&str> = FILE
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(|line| line.split('"').nth(1).expect("a quoted value"))
            .collect();
        let constants = [
            KUBERNETES,
            CRIO,
            BASE_DEBIAN,
            BASE_FEDORA,
            LOCAL_PATH_PROVISIONER,
            BUSYBOX,
            METRICS_SERVER,
        ];
        assert_eq!(values, constants);
    }

    #[test]
    fn cri_o_is_of_the_same_minor_version_as_kubernetes() {
        let minor = |version: &str| version.rsplit_once('.').map(|(minor, _)| minor.to_owned());
        assert_eq!(minor(CRIO), minor(KUBERNETES));
    }
}
