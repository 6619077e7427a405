//! What can be wrong with the content of a component bundle.

use std::path::PathBuf;

use super::{Arch, Sum};

/// One thing that is wrong in a component bundle. Paths are relative to the bundle's folder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValidationError {
    /// A required file, or one that `SHA256SUMS` names, is not there.
    #[error("`{}` is missing", .path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// A folder, socket or the like where a file should be.
    #[error("`{}` is not a file", .path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// A program without the permission to be run.
    #[error("`{}` is not executable (mode {mode:04o})", .path.display())]
    NotExecutable {
        /// The program.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Not a 64-bit ELF program: a script, an error page, an empty file.
    #[error("`{}` is not a 64-bit ELF program", .path.display())]
    NotAProgram {
        /// The file.
        path: PathBuf,
    },
    /// A program for another machine.
    #[error("`{}` is a program for {found}, nodes here need {expected}", .path.display())]
    WrongArch {
        /// The program.
        path: PathBuf,
        /// An architecture's name, or `ELF machine N`.
        found: String,
        /// This machine's.
        expected: Arch,
    },
    /// Not an uncompressed tar archive.
    #[error("`{}` is not an uncompressed tar archive", .path.display())]
    NotTar {
        /// The file.
        path: PathBuf,
    },
    /// A program or archive whose end is missing.
    #[error("`{}` is cut off after {len} bytes{}", .path.display(), needed_text(*.needed))]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        len: u64,
        /// How large its own headers say it is at least, in bytes, where they do.
        needed: Option<u64>,
    },
    /// Content that does not match `SHA256SUMS`.
    #[error("`{}` has SHA-256 {found}, expected {expected}", .path.display())]
    Checksum {
        /// The file.
        path: PathBuf,
        /// What `SHA256SUMS` says.
        expected: Sum,
        /// What the file has.
        found: Sum,
    },
    /// A required file that `SHA256SUMS` does not name.
    #[error("`{}` is not named in `SHA256SUMS`", .path.display())]
    Unlisted {
        /// The file.
        path: PathBuf,
    },
    /// A line of `SHA256SUMS` that is not a checksum and a path below the folder.
    #[error("line {line} of `SHA256SUMS` is not a checksum and a path in the bundle: `{text}`")]
    BadLine {
        /// Counted from 1.
        line: usize,
        /// The line's first 120 characters.
        text: String,
    },
    /// A file with two different checksums.
    #[error("line {line} of `SHA256SUMS` has another checksum for `{}`", .path.display())]
    NamedTwice {
        /// Counted from 1.
        line: usize,
        /// The file.
        path: PathBuf,
    },
    /// The operating system would not let it be read.
    #[error("`{}` cannot be read: {message}", .path.display())]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// The operating system's words.
        message: String,
    },
}

fn needed_text(needed: Option<u64>) -> String {
    needed.map_or_else(String::new, |needed| format!(" of at least {needed}"))
}
