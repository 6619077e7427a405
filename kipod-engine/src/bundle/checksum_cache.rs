//! The cache of checksums of unchanged files.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::checksum::Sum;
use crate::util::bounded::{self, TEXT_LIMIT};

/// Two changes of a file within one tick of the kernel's clock (at most 10 ms) can have the same
/// timestamps. Ten times that, as a safety margin.
const TICK: Duration = Duration::from_millis(100);

/// The metadata that identifies the content of a file: inode, size, and both times in nanoseconds. Only
/// the kernel sets the change time (ctime), so this detects a replacement with an older modification
/// time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fingerprint {
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Fingerprint {
    fn of(meta: &Metadata) -> Self {
        Self {
            inode: meta.ino(),
            size: meta.size(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        }
    }
}

/// The cached sums of one bundle directory, in a file in kipod's cache.
#[derive(Debug)]
pub(super) struct ChecksumCache {
    file: PathBuf,
    sums: BTreeMap<PathBuf, (Fingerprint, Sum)>,
}

impl ChecksumCache {
    /// Loads the cached sums of the files below `dir`. A cache that cannot be read is empty.
    pub(super) fn load(cache: &Path, dir: &Path) -> Self {
        let name = Sum::of(dir.as_os_str().as_bytes()).to_string();
        let file = cache.join("checked").join(&name[..32]);
        let text = bounded::read_text(&file, TEXT_LIMIT).unwrap_or_default();
        let sums = text.lines().filter_map(parse_line).collect();
        Self { file, sums }
    }

    /// Returns the cached sum of a file, if the file has not changed.
    pub(super) fn sum(&self, path: &Path, meta: &Metadata) -> Option<Sum> {
        let (fingerprint, sum) = self.sums.get(path)?;
        (*fingerprint == Fingerprint::of(meta)).then_some(*sum)
    }

    /// Adds a sum, if any later change of the file can be detected: `meta` must be from before `read`,
    /// the time the content was read, and the file's last change at least [`TICK`] older.
    pub(super) fn insert(&mut self, path: &Path, meta: &Metadata, read: SystemTime, sum: Sum) {
        let fingerprint = Fingerprint::of(meta);
        let since_epoch = |(seconds, nanos): (i64, i64)| {
            Some(Duration::new(seconds.try_into().ok()?, nanos.try_into().ok()?))
        };
        let changed = since_epoch(fingerprint.changed).map(|changed| UNIX_EPOCH + changed);
        let age = changed.and_then(|changed| read.duration_since(changed).ok());
        if age.is_some_and(|age| age > TICK) {
            self.sums.insert(path.to_owned(), (fingerprint, sum));
        } else {
            self.sums.remove(path);
        }
    }

    /// Saves the cache. A failure only costs time, so it is not an error.
    pub(super) fn save(&self) {
        let write = || {
            let dir = self.file.parent().expect("`file` is in a directory");
            std::fs::create_dir_all(dir)?;
            let mut new = tempfile::NamedTempFile::new_in(dir)?;
            for (path, (fingerprint, sum)) in &self.sums {
                let Some(path) = path.to_str().filter(|path| !path.contains('\n')) else {
                    continue;
                };
                let Fingerprint { inode, size, modified, changed } = fingerprint;
                let (m, c) = (modified, changed);
                writeln!(new, "{sum} {inode} {size} {} {} {} {} {path}", m.0, m.1, c.0, c.1)?;
            }
            new.persist(&self.file).map_err(|error| error.error)
        };
        let _ = write();
    }
}

pub(super) fn parse_line(line: &str) -> Option<(PathBuf, (Fingerprint, Sum))> {
    let mut words = line.splitn(8, ' ');
    let sum = Sum::parse(words.next()?)?;
    let mut number = || words.next()?.parse::<i64>().ok();
    let fingerprint = Fingerprint {
        inode: number()?.try_into().ok()?,
        size: number()?.try_into().ok()?,
        modified: (number()?, number()?),
        changed: (number()?, number()?),
    };
    Some((words.next()?.into(), (fingerprint, sum)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sum_is_cached_until_the_file_changes() {
        let (cache, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (path, relative) = (dir.path().join("a b"), Path::new("a b"));
        std::fs::write(&path, "one").unwrap();
        let meta = path.metadata().unwrap();
        let mut cached = ChecksumCache::load(cache.path(), dir.path());
        assert_eq!(cached.sum(relative, &meta), None);
        let changed = UNIX_EPOCH + Duration::new(meta.ctime() as u64, meta.ctime_nsec() as u32);
        cached.insert(relative, &meta, changed + TICK, Sum::of(b"one"));
        assert_eq!(cached.sum(relative, &meta), None, "changed too recently");
        cached.insert(relative, &meta, changed + 2 * TICK, Sum::of(b"one"));
        cached.save();

        let again = ChecksumCache::load(cache.path(), dir.path());
        assert_eq!(again.sum(relative, &meta), Some(Sum::of(b"one")));
        let elsewhere = ChecksumCache::load(cache.path(), Path::new("/elsewhere"));
        assert_eq!(elsewhere.sum(relative, &meta), None);

        // Same size, same modification time, other content.
        let other = dir.path().join("other");
        std::fs::write(&other, "two").unwrap();
        let file = std::fs::File::options().write(true).open(&other).unwrap();
        file.set_modified(meta.modified().unwrap()).unwrap();
        std::fs::rename(&other, &path).unwrap();
        assert_eq!(again.sum(relative, &path.metadata().unwrap()), None);
    }
}
