//! A check that a file is a complete uncompressed tar archive.

use std::io::{Read, Seek, SeekFrom};

/// An error of an archive.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TarError {
    /// No `ustar` magic.
    NotTar,
    /// The two zero blocks at the end are missing.
    Truncated,
}

/// The size of a tar block.
const BLOCK: u64 = 512;

/// Checks an archive of `len` bytes.
pub(super) fn check(
    file: &mut (impl Read + Seek),
    len: u64,
) -> std::io::Result<Result<(), TarError>> {
    let mut block = [0; BLOCK as usize];
    if len < BLOCK {
        return Ok(Err(TarError::NotTar));
    }
    file.read_exact(&mut block)?;
    if &block[257..262] != b"ustar" {
        return Ok(Err(TarError::NotTar));
    }
    if !len.is_multiple_of(BLOCK) || len < 3 * BLOCK {
        return Ok(Err(TarError::Truncated));
    }
    let mut end = [1; 2 * BLOCK as usize];
    file.seek(SeekFrom::Start(len - 2 * BLOCK))?;
    file.read_exact(&mut end)?;
    Ok(if end.iter().all(|byte| *byte == 0) { Ok(()) } else { Err(TarError::Truncated) })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn check_bytes(bytes: &[u8]) -> Result<(), TarError> {
        check(&mut Cursor::new(bytes), bytes.len() as u64).unwrap()
    }

    #[test]
    fn incomplete_archives_are_rejected() {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(1000);
        builder.append_data(&mut header, "layer", &[1; 1000][..]).unwrap();
        let bytes = builder.into_inner().unwrap();
        assert_eq!(check_bytes(&bytes), Ok(()));
        assert_eq!(check_bytes(&bytes[..bytes.len() - 512]), Err(TarError::Truncated));
        assert_eq!(check_bytes(&bytes[..1000]), Err(TarError::Truncated));
        assert_eq!(check_bytes(&[0x1f; 2048]), Err(TarError::NotTar));
        assert_eq!(check_bytes(b""), Err(TarError::NotTar));
    }
}
