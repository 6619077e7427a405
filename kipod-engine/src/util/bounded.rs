//! Bounded reading: a file that is a device, a FIFO, a directory or too large is an error, and never blocks
//! or takes the memory of the host.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

/// The limit for files that users or other programs write: 16 MiB. Generated kubeconfigs, the lists of
/// images in a store, and kernel module lists are below 2 MiB.
pub const TEXT_LIMIT: u64 = 16 << 20;

/// Reads a regular file of at most `limit` bytes, following symbolic links.
///
/// # Errors
///
/// If the file cannot be read, is not a regular file, or is larger.
pub fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    read_opened(&mut open(path, OFlags::empty())?, limit)
}

/// Reads a text in UTF-8 as [`read`] does.
///
/// # Errors
///
/// As [`read`], and if the file is not UTF-8.
pub fn read_text(path: &Path, limit: u64) -> io::Result<String> {
    text(read(path, limit)?)
}

/// Reads a text that other, less privileged programs can replace, such as those in a node. A symbolic link
/// could name a file of the user that they cannot read themselves, so it is an error.
///
/// # Errors
///
/// As [`read`], and if the file is a symbolic link. Invalid UTF-8 is replaced.
pub fn read_untrusted(path: &Path, limit: u64) -> io::Result<String> {
    let bytes = read_opened(&mut open(path, OFlags::NOFOLLOW)?, limit)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Reads a stream of at most `limit` bytes to its end.
///
/// # Errors
///
/// If the stream cannot be read, or is longer.
pub fn read_stream(stream: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stream.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        let message = format!("it is larger than {}", size(limit));
        return Err(io::Error::new(ErrorKind::FileTooLarge, message));
    }
    Ok(bytes)
}

/// Opens a file without blocking. Opening a FIFO would wait for a writer, and opening a terminal would make
/// it the controlling one.
fn open(path: &Path, flags: OFlags) -> io::Result<File> {
    let flags = (flags | OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// Reads an open file as [`read`] does.
///
/// # Errors
///
/// As [`read`].
pub fn read_opened(file: &mut File, limit: u64) -> io::Result<Vec<u8>> {
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(io::Error::new(ErrorKind::IsADirectory, "it is a directory"));
    }
    if !metadata.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it is not a regular file"));
    }
    read_stream(file, limit)
}

fn text(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        io::Error::new(ErrorKind::InvalidData, format!("it is not UTF-8 text, at byte {at}"))
    })
}

fn size(bytes: u64) -> String {
    match bytes {
        bytes if bytes >= 1 << 20 => format!("{} MiB", bytes >> 20),
        bytes if bytes >= 1 << 10 => format!("{} KiB", bytes >> 10),
        bytes => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(path: &Path) -> String {
        read(path, 1 << 20).unwrap_err().to_string()
    }

    fn fifo(directory: &Path) -> std::path::PathBuf {
        let fifo = directory.join("fifo");
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, mode).unwrap();
        fifo
    }

    #[test]
    fn read_follows_links_to_regular_files() {
        let directory = tempfile::tempdir().unwrap();
        let [file, link] = ["file", "link"].map(|name| directory.path().join(name));
        std::fs::write(&file, "text").unwrap();
        std::os::unix::fs::symlink("file", &link).unwrap();
        assert_eq!(read(&link, 4).unwrap(), b"text");
        assert_eq!(read_text(&link, 4).unwrap(), "text");
    }

    #[test]
    fn read_rejects_fifos_devices_and_directories() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(error(&fifo(directory.path())), "it is not a regular file");
        assert_eq!(error(Path::new("/dev/zero")), "it is not a regular file");
        assert_eq!(error(directory.path()), "it is a directory");
    }

    #[test]
    fn read_rejects_files_above_the_limit() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("large");
        let file = File::create(&path).unwrap();
        file.set_len(1 << 20).unwrap();
        assert_eq!(read(&path, 1 << 20).unwrap().len(), 1 << 20);
        file.set_len((1 << 20) + 1).unwrap();
        assert_eq!(error(&path), "it is larger than 1 MiB");
        // Sparse: more than the memory of the host.
        file.set_len(1 << 42).unwrap();
        assert_eq!(error(&path), "it is larger than 1 MiB");
    }

    #[test]
    fn read_text_rejects_other_encodings() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("latin-1");
        std::fs::write(&path, b"caf\xe9").unwrap();
        assert_eq!(read_text(&path, 9).unwrap_err().to_string(), "it is not UTF-8 text, at byte 3");
    }

    #[test]
    fn read_untrusted_rejects_links() {
        let directory = tempfile::tempdir().unwrap();
        let [file, link] = ["file", "link"].map(|name| directory.path().join(name));
        std::fs::write(&file, b"caf\xe9").unwrap();
        std::os::unix::fs::symlink("file", &link).unwrap();
        assert_eq!(read_untrusted(&file, 9).unwrap(), "caf\u{fffd}");
        assert!(read_untrusted(&link, 9).is_err());
        assert!(read_untrusted(&fifo(directory.path()), 9).is_err());
    }

    #[test]
    fn read_stream_is_bounded() {
        assert_eq!(read_stream(&b"1234"[..], 4).unwrap(), b"1234");
        let error = read_stream(std::io::repeat(0), 4).unwrap_err();
        assert_eq!(error.to_string(), "it is larger than 4 bytes");
    }

    #[test]
    fn files_of_proc_are_read() {
        // They are regular files of size 0.
        assert!(
            read_text(Path::new("/proc/self/status"), TEXT_LIMIT).unwrap().starts_with("Name:")
        );
    }
}
