//! Devices of the host that nodes use.

use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

/// The extended attribute with the access control list of a file.
const ACL: &str = "system.posix_acl_access";
/// Tags of its entries. Source: Linux' `include/uapi/linux/posix_acl.h`.
const ACL_USER: u16 = 0x02;
const ACL_MASK: u16 = 0x10;
/// Reading and writing, in the permission bits of others and in those of an entry.
const READ_WRITE: u32 = 0o6;

/// Returns the reason why nodes of the user `uid` cannot use a device. Podman itself resolves names of the
/// Container Device Interface.
pub(super) fn problem(device: &str, uid: u32) -> Option<String> {
    if !device.starts_with('/') {
        return None;
    }
    let path = Path::new(device);
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Some("this host does not have it".to_owned());
        }
        Err(error) => return Some(error.to_string()),
    };
    let kind = metadata.file_type();
    if !kind.is_char_device() && !kind.is_block_device() {
        return Some("it is not a device".to_owned());
    }
    (!usable(metadata.mode(), metadata.uid(), path, uid)).then(|| {
        format!(
            "you may not use it, or only as a member of a group, and rootless containers do not have your groups: run `sudo setfacl -m u:{uid}:rw {device}`"
        )
    })
}

/// Returns whether the user may read or write a device without groups, which a container does not have.
fn usable(mode: u32, owner: u32, path: &Path, uid: u32) -> bool {
    match owner == uid {
        true => mode >> 6 & READ_WRITE != 0,
        false => mode & READ_WRITE != 0 || acl_allows(&acl(path), uid),
    }
}

fn acl(path: &Path) -> Vec<u8> {
    let mut bytes = vec![0; 1024];
    // Without a list, or without support for lists, the mode decides.
    let length = rustix::fs::getxattr(path, ACL, &mut bytes[..]).unwrap_or(0);
    bytes.truncate(length);
    bytes
}

/// Returns whether an access control list allows the user to read or to write.
fn acl_allows(acl: &[u8], uid: u32) -> bool {
    // A version of four bytes, then entries: tag, permissions and id, little-endian.
    let entries = acl.get(4..).unwrap_or_default().as_chunks::<8>().0;
    let entries = entries.iter().map(|&[t0, t1, p0, p1, a, b, c, d]| {
        let (tag, permissions) = (u16::from_le_bytes([t0, t1]), u16::from_le_bytes([p0, p1]));
        (tag, u32::from(permissions), u32::from_le_bytes([a, b, c, d]))
    });
    let (mut user, mut mask) = (0, READ_WRITE);
    for (tag, permissions, id) in entries {
        match tag {
            ACL_USER if id == uid => user = permissions,
            ACL_MASK => mask = permissions,
            _ => {}
        }
    }
    user & mask & READ_WRITE != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_has_to_be_usable_without_groups() {
        let uid = 4_000_000;
        assert_eq!(problem("/dev/null", uid), None);
        assert_eq!(problem("vendor.com/gpu=all", uid), None);
        assert_eq!(problem("/dev/none", uid).unwrap(), "this host does not have it");
        assert_eq!(problem("/dev/shm", uid).unwrap(), "it is not a device");
        let path = Path::new("/dev/null");
        assert!(!usable(0o020_660, 0, path, uid));
        assert!(usable(0o020_660, uid, path, uid));
        assert!(usable(0o020_006, 0, path, uid));
        // The permissions of the owner are its own, also where others have more.
        assert!(!usable(0o020_006, uid, path, uid));
    }

    #[test]
    fn access_control_list_counts_for_the_user() {
        let entry = |tag: u16, permissions: u16, id: u32| {
            [tag.to_le_bytes(), permissions.to_le_bytes()]
                .concat()
                .into_iter()
                .chain(id.to_le_bytes())
        };
        let acl = |user: u16, mask: u16| {
            let entries = entry(0x01, 6, u32::MAX)
                .chain(entry(ACL_USER, user, 1000))
                .chain(entry(0x04, 0, u32::MAX))
                .chain(entry(ACL_MASK, mask, u32::MAX));
            [2, 0, 0, 0].into_iter().chain(entries).collect::<Vec<u8>>()
        };
        assert!(acl_allows(&acl(6, 6), 1000));
        assert!(!acl_allows(&acl(6, 6), 1001));
        assert!(!acl_allows(&acl(6, 0), 1000));
        assert!(!acl_allows(&acl(0, 6), 1000));
        assert!(!acl_allows(&[], 1000));
    }
}
