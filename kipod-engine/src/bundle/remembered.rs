//! Checksums that need not be computed again, because the file has not changed since.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Sum;

/// Two changes of a file within the kernel's clock tick (10 ms at most) can leave the same times. Ten
/// times that, for good measure.
const TICK: Duration = Duration::from_millis(100);

/// What a file looked like when its sum was computed: inode, size, and both times to the nanosecond.
/// Nobody but the kernel sets the time of change (ctime), so a file with an older modification time
/// put in the place of another is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Look {
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Look {
    fn of(meta: &Metadata) -> Self {
        Self {
            inode: meta.ino(),
            size: meta.size(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        }
    }
}

/// The remembered sums of one bundle folder, in a file of kipod's cache.
#[derive(Debug)]
pub(super) struct Remembered {
    file: PathBuf,
    sums: BTreeMap<PathBuf, (Look, Sum)>,
}

impl Remembered {
    /// What the cache knows about the files below `dir`: nothing, if it cannot be read.
    pub(super) fn load(cache: &Path, dir: &Path) -> Self {
        let name = Sum::of(dir.as_os_str().as_bytes()).to_string();
        let file = cache.join("checked").join(&name[..32]);
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let sums = text.lines().filter_map(parse_line).collect();
        Self { file, sums }
    }

    /// The sum of a file, if it looks the same as when the sum was computed.
    pub(super) fn sum(&self, path: &Path, meta: &Metadata) -> Option<Sum> {
        let (look, sum) = self.sums.get(path)?;
        (*look == Look::of(meta)).then_some(*sum)
    }

    /// Remembers a sum, if a later change of the file is sure to be seen: `meta` must be older than
    /// `read`, when reading of the content began, and the file's last change must be older by
    /// [`TICK`] at least.
    pub(super) fn insert(&mut self, path: &Path, meta: &Metadata, read: SystemTime, sum: Sum) {
        let look = Look::of(meta);
        let since_epoch = |(seconds, nanos): (i64, i64)| {
            Some(Duration::new(seconds.try_into().ok()?, nanos.try_into().ok()?))
        };
        let changed = since_epoch(look.changed).map(|changed| UNIX_EPOCH + changed);
        let age = changed.and_then(|changed| read.duration_since(changed).ok());
        if age.is_some_and(|age| age > TICK) {
            self.sums.insert(path.to_owned(), (look, sum));
        } else {
            self.sums.remove(path);
        }
    }

    /// Writes it back. A cache that cannot be written costs time and nothing else, so a failure is
    /// no error.
    pub(super) fn save(&self) {
        let write = || {
            let dir = self.file.parent().expect("`file` was joined to a folder");
            std::fs::create_dir_all(dir)?;
            let mut new = tempfile::NamedTempFile::new_in(dir)?;
            for (path, (look, sum)) in &self.sums {
                let Some(path) = path.to_str().filter(|path| !path.contains('\n')) else {
                    continue;
                };
                let Look { inode, size, modified, changed } = look;
                let (m, c) = (modified, changed);
                writeln!(new, "{sum} {inode} {size} {} {} {} {} {path}", m.0, m.1, c.0, c.1)?;
            }
            new.persist(&self.file).map_err(|error| error.error)
        };
        let _ = write();
    }
}

fn parse_line(line: &str) -> Option<(PathBuf, (Look, Sum))> {
    let mut words = line.splitn(8, ' ');
    let sum = Sum::parse(words.next()?)?;
    let mut number = || words.next()?.parse::<i64>().ok();
    let look = Look {
        inode: number()?.try_into().ok()?,
        size: number()?.try_into().ok()?,
        modified: (number()?, number()?),
        changed: (number()?, number()?),
    };
    Some((words.next()?.into(), (look, sum)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_until_the_file_changes() {
        let (cache, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (path, relative) = (dir.path().join("a b"), Path::new("a b"));
        std::fs::write(&path, "one").unwrap();
        let meta = path.metadata().unwrap();
        let mut remembered = Remembered::load(cache.path(), dir.path());
        assert_eq!(remembered.sum(relative, &meta), None);
        let changed = UNIX_EPOCH + Duration::new(meta.ctime() as u64, meta.ctime_nsec() as u32);
        remembered.insert(relative, &meta, changed + TICK, Sum::of(b"one"));
        assert_eq!(remembered.sum(relative, &meta), None, "too new to be sure");
        remembered.insert(relative, &meta, changed + 2 * TICK, Sum::of(b"one"));
        remembered.save();

        let again = Remembered::load(cache.path(), dir.path());
        assert_eq!(again.sum(relative, &meta), Some(Sum::of(b"one")));
        let elsewhere = Remembered::load(cache.path(), Path::new("/elsewhere"));
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
