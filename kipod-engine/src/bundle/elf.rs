//! A check that a file is a complete ELF program for an architecture.

use std::io::{Read, Seek, SeekFrom};

use super::arch::Arch;

/// An error of a program.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ElfError {
    /// Not a 64-bit little-endian ELF file, or neither an executable nor a shared object.
    NotAProgram,
    /// Another architecture: the `e_machine`.
    OtherMachine(u16),
    /// The file is shorter than this offset, which its headers refer to.
    Truncated(u64),
}

/// Size of an ELF64 file header, and of one program header.
const FILE_HEADER: usize = 64;
const PROGRAM_HEADER: usize = 56;

/// Checks a program of `len` bytes. The offsets are those of ELF64 headers in the System V ABI.
pub(super) fn check(
    file: &mut (impl Read + Seek),
    len: u64,
    arch: Arch,
) -> std::io::Result<Result<(), ElfError>> {
    let mut head = [0; FILE_HEADER];
    match file.read_exact(&mut head) {
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            return Ok(Err(ElfError::NotAProgram));
        }
        other => other?,
    }
    let u16_at = |bytes: &[u8], at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
    let u64_at = |bytes: &[u8], at: usize| {
        u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
    };
    let (class_64, little_endian, executable, shared) = (2, 1, 2, 3);
    let kind = u16_at(&head, 16);
    if &head[..4] != b"\x7fELF"
        || head[4] != class_64
        || head[5] != little_endian
        || (kind != executable && kind != shared)
    {
        return Ok(Err(ElfError::NotAProgram));
    }
    let machine = u16_at(&head, 18);
    if Arch::from_elf(machine) != Some(arch) {
        return Ok(Err(ElfError::OtherMachine(machine)));
    }
    let table = |offset: u64, size: u16, count: u16| {
        if count == 0 { 0 } else { offset.saturating_add(u64::from(size) * u64::from(count)) }
    };
    let (programs, size, count) = (u64_at(&head, 32), u16_at(&head, 54), u16_at(&head, 56));
    let sections = table(u64_at(&head, 40), u16_at(&head, 58), u16_at(&head, 60));
    let mut needed = sections.max(table(programs, size, count));
    if needed <= len && usize::from(size) >= PROGRAM_HEADER {
        for index in 0..count {
            file.seek(SeekFrom::Start(programs + u64::from(index) * u64::from(size)))?;
            let mut header = [0; PROGRAM_HEADER];
            file.read_exact(&mut header)?;
            needed = needed.max(u64_at(&header, 8).saturating_add(u64_at(&header, 32)));
        }
    }
    Ok(if needed > len { Err(ElfError::Truncated(needed)) } else { Ok(()) })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn check_bytes(bytes: &[u8], arch: Arch) -> Result<(), ElfError> {
        check(&mut Cursor::new(bytes), bytes.len() as u64, arch).unwrap()
    }

    #[test]
    fn truncated_program_is_rejected() {
        let bytes = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let host = Arch::host().unwrap();
        let other = if host == Arch::Amd64 { Arch::Arm64 } else { Arch::Amd64 };
        assert_eq!(check_bytes(&bytes, host), Ok(()));
        assert!(matches!(check_bytes(&bytes, other), Err(ElfError::OtherMachine(_))));
        assert!(matches!(
            check_bytes(&bytes[..bytes.len() / 2], host),
            Err(ElfError::Truncated(_))
        ));
    }

    #[test]
    fn other_files_are_rejected() {
        for bytes in [&b""[..], b"#!/bin/sh\n", &[0x7f; 100]] {
            assert_eq!(check_bytes(bytes, Arch::Amd64), Err(ElfError::NotAProgram));
        }
    }
}
