//! Enough of tar to say that a file is a whole uncompressed archive.

use std::io::{Read, Seek, SeekFrom};

/// What is wrong with an archive.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TarFault {
    /// No `ustar` magic where POSIX wants it.
    NotTar,
    /// It does not end in the two zero blocks that every archive ends in.
    Truncated,
}

/// One tar block.
const BLOCK: u64 = 512;

/// Checks an archive of `len` bytes.
pub(super) fn check(
    file: &mut (impl Read + Seek),
    len: u64,
) -> std::io::Result<Result<(), TarFault>> {
    let mut block = [0; BLOCK as usize];
    if len < BLOCK {
        return Ok(Err(TarFault::NotTar));
    }
    file.read_exact(&mut block)?;
    if &block[257..262] != b"ustar" {
        return Ok(Err(TarFault::NotTar));
    }
    if !len.is_multiple_of(BLOCK) || len < 3 * BLOCK {
        return Ok(Err(TarFault::Truncated));
    }
    let mut end = [1; 2 * BLOCK as usize];
    file.seek(SeekFrom::Start(len - 2 * BLOCK))?;
    file.read_exact(&mut end)?;
    Ok(if end.iter().all(|byte| *byte == 0) { Ok(()) } else { Err(TarFault::Truncated) })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn check_bytes(bytes: &[u8]) -> Result<(), TarFault> {
        check(&mut Cursor::new(bytes), bytes.len() as u64).unwrap()
    }

    #[test]
    fn whole_archives_only() {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(1000);
        builder.append_data(&mut header, "layer", &[1; 1000][..]).unwrap();
        let bytes = builder.into_inner().unwrap();
        assert_eq!(check_bytes(&bytes), Ok(()));
        assert_eq!(check_bytes(&bytes[..bytes.len() - 512]), Err(TarFault::Truncated));
        assert_eq!(check_bytes(&bytes[..1000]), Err(TarFault::Truncated));
        assert_eq!(check_bytes(&[0x1f; 2048]), Err(TarFault::NotTar));
        assert_eq!(check_bytes(b""), Err(TarFault::NotTar));
    }
}
