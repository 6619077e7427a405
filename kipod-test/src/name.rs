//! Names for things in a cluster that belong to one test.

/// The most characters a namespace's name may have (RFC 1123).
const LONGEST: usize = 63;

/// FNV-1a with 64 bits: short, and the same on every machine and with every compiler, which the
/// standard library's hashes do not promise. Nothing here has to withstand an attacker.
pub(crate) fn hash<'a>(parts: impl IntoIterator<Item = &'a str>) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for part in parts {
        // The zero keeps `ab`, `c` and `a`, `bc` apart.
        for byte in part.bytes().chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    hash
}

/// A namespace's name: the readable end of the test's path, and a tail that no other test, run or
/// attempt has.
pub(crate) fn namespace(test: &str, unique: &[&str]) -> String {
    let tail = format!("{:08x}", hash(unique.iter().copied().chain([test])) >> 32);
    let mut words = String::new();
    for c in test.chars() {
        match c.to_ascii_lowercase() {
            c @ ('a'..='z' | '0'..='9') => words.push(c),
            _ if !words.ends_with('-') => words.push('-'),
            _ => {}
        }
    }
    let words = words.trim_matches('-');
    let room = LONGEST - tail.len() - 1;
    // The end of a path says more than its beginning.
    let words = words[words.len().saturating_sub(room)..].trim_matches('-');
    match words.chars().next() {
        None => format!("test-{tail}"),
        // A name of digits alone looks like a number to YAML.
        Some(_) => format!("{words}-{tail}"),
    }
}

/// A name for files of one test, from its path.
pub(crate) fn folder(test: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    test.replace("::", ".").chars().map(|c| if plain(c) { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_are_labels_with_a_tail_of_their_own() {
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
    fn parts_do_not_run_into_each_other() {
        assert_ne!(hash(["ab", "c"]), hash(["a", "bc"]));
        assert_eq!(hash(["kipod"]), hash(["kipod"]));
    }

    #[test]
    fn folders_have_no_separators() {
        assert_eq!(folder("it::a/b::case_1"), "it.a_b.case_1");
    }
}
