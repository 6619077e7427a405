//! The text of a kubeconfig, without parsing it.

use std::io::{self, ErrorKind};
use std::path::Path;

use crate::util::bounded::{self, TEXT_LIMIT};

/// Returns whether a file contains `name` as a word. A path at which there is no kubeconfig, such as that
/// of a directory, a device or a file above 16 MiB, does not.
pub(super) fn mentions(path: &Path, name: &str) -> io::Result<bool> {
    let bytes = match bounded::read(path, TEXT_LIMIT) {
        Ok(bytes) => bytes,
        Err(error) => {
            return match error.kind() {
                ErrorKind::NotFound
                | ErrorKind::NotADirectory
                | ErrorKind::IsADirectory
                | ErrorKind::InvalidInput
                | ErrorKind::FileTooLarge => Ok(false),
                _ => Err(error),
            };
        }
    };
    let is_part = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'-');
    let is_word = |at: usize| {
        let before = at.checked_sub(1).and_then(|at| bytes.get(at));
        !is_part(before) && !is_part(bytes.get(at + name.len()))
    };
    let mut words = bytes.windows(name.len()).enumerate();
    Ok(words.any(|(at, word)| word == name.as_bytes() && is_word(at)))
}
