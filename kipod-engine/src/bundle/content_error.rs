//! Errors of the content of a component bundle.

use std::path::PathBuf;

use super::arch::Arch;
use super::checksum::Sum;

/// One error of the content of a component bundle. Paths are relative to the bundle's directory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContentError {
    /// A required file, or one that `SHA256SUMS` lists, does not exist.
    #[error("`{}` is missing", .path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// A directory, socket or the like in place of a file.
    #[error("`{}` is not a file", .path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// A program without execute permission.
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
    /// A program for another architecture.
    #[error("`{}` is a program for {found}, nodes need {expected}", .path.display())]
    WrongArch {
        /// The program.
        path: PathBuf,
        /// An architecture's name, or `ELF machine N`.
        found: String,
        /// The architecture of this host.
        expected: Arch,
    },
    /// Not an uncompressed tar archive.
    #[error("`{}` is not an uncompressed tar archive", .path.display())]
    NotTar {
        /// The file.
        path: PathBuf,
    },
    /// A program or an archive that is incomplete.
    #[error("`{}` is truncated after {len} bytes{}", .path.display(), needed_text(*.needed))]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        len: u64,
        /// The minimum size in bytes according to its headers, if they contain one.
        needed: Option<u64>,
    },
    /// Content that does not match `SHA256SUMS`.
    #[error("`{}` has SHA-256 {found}, expected {expected}", .path.display())]
    Checksum {
        /// The file.
        path: PathBuf,
        /// The sum in `SHA256SUMS`.
        expected: Sum,
        /// The sum of the file.
        found: Sum,
    },
    /// A required file that `SHA256SUMS` does not list.
    #[error("`{}` is not listed in `SHA256SUMS`", .path.display())]
    Unlisted {
        /// The file.
        path: PathBuf,
    },
    /// A line of `SHA256SUMS` that is not a checksum and a path in the bundle.
    #[error("line {line} of `SHA256SUMS` is not a checksum and a path in the bundle: `{text}`")]
    InvalidLine {
        /// The line number, starting at 1.
        line: usize,
        /// The first characters of the line.
        text: String,
    },
    /// A file that `SHA256SUMS` lists with two different checksums.
    #[error("line {line} of `SHA256SUMS` has another checksum for `{}`", .path.display())]
    Conflict {
        /// The line number, starting at 1.
        line: usize,
        /// The file.
        path: PathBuf,
    },
    /// A file that cannot be read.
    #[error("`{}` cannot be read: {message}", .path.display())]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// The message of the operating system.
        message: String,
    },
}

fn needed_text(needed: Option<u64>) -> String {
    needed.map_or_else(String::new, |needed| format!(" of at least {needed}"))
}
