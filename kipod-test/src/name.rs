//! Names of namespaces and directories, derived from a test's path.

/// Maximum length of a namespace name (RFC 1123).
const MAX_LENGTH: usize = 63;

/// FNV-1a with 64 bits: short, and the same on every host and with every compiler, which the hashes
/// of the standard library do not guarantee. It does not have to resist attacks.
pub(crate) fn hash<'a>(parts: impl IntoIterator<Item = &'a str>) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for part in parts {
        // The zero byte distinguishes `ab`, `c` from `a`, `bc`.
        for byte in part.bytes().chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    hash
}

/// Returns a namespace name: the end of the test's path, and a suffix that is unique for the parts
/// of `unique`, such as the run and the attempt.
pub(crate) fn namespace(test: &str, unique: &[&str]) -> String {
    let suffix = format!("{:08x}", hash(unique.iter().copied().chain([test])) >> 32);
    let mut label = String::new();
    for c in test.chars() {
        match c.to_ascii_lowercase() {
            c @ ('a'..='z' | '0'..='9') => label.push(c),
            _ if !label.ends_with('-') => label.push('-'),
            _ => {}
        }
    }
    let label = label.trim_matches('-');
    let max = MAX_LENGTH - suffix.len() - 1;
    // The end of a path is more specific than its beginning.
    let label = label[label.len().saturating_sub(max)..].trim_matches('-');
    match label.is_empty() {
        true => format!("test-{suffix}"),
        false => format!("{label}-{suffix}"),
    }
}

/// Returns a directory name for the files of one test.
pub(crate) fn directory(test: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    test.replace("::", ".").chars().map(|c| if allowed(c) { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespace_is_a_valid_and_unique_label() {
        let one = namespace("tests::scales_up", &["run", "1"]);
        assert!(one.starts_with("tests-scales-up-"), "{one}");
        assert_ne!(one, namespace("tests::scales_up", &["run", "2"]));
        assert_ne!(one, namespace("tests::scales_up", &["other", "1"]));
        for test in ["", "::", "_x_", &"long::path_".repeat(20), "r#match", "fälle::case_1"] {
            let name = namespace(test, &["run"]);
            assert!(name.len() <= 63, "{name}");
            assert!(name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-')), "{name}");
            assert!(!name.starts_with('-') && !name.ends_with('-'), "{name}");
        }
        let long = namespace(&"long::path_".repeat(20), &["run"]);
        assert_eq!(long.len(), 63, "{long}");
    }

    #[test]
    fn hash_separates_its_parts() {
        assert_ne!(hash(["ab", "c"]), hash(["a", "bc"]));
        assert_eq!(hash(["kipod"]), hash(["kipod"]));
    }

    #[test]
    fn directory_has_no_separators() {
        assert_eq!(directory("it::a/b::case_1"), "it.a_b.case_1");
    }
}
