//! Processor architectures, as the release servers of Kubernetes name them.

/// An architecture with published programs of Kubernetes and CRI-O.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Arch {
    /// 64-bit x86 (`x86_64`).
    Amd64,
    /// 64-bit Arm (`aarch64`).
    Arm64,
}

/// An architecture without component bundles.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no component bundle for architecture `{name}`, only for `amd64` and `arm64`")]
pub struct UnsupportedArch {
    /// Rust's name of the architecture.
    name: String,
}

impl Arch {
    /// Returns the architecture this program was built for. Nodes have the same.
    ///
    /// # Errors
    ///
    /// When it is neither `x86_64` nor `aarch64`.
    pub fn host() -> Result<Self, UnsupportedArch> {
        Self::from_rust(std::env::consts::ARCH)
    }

    fn from_rust(name: &str) -> Result<Self, UnsupportedArch> {
        match name {
            "x86_64" => Ok(Self::Amd64),
            "aarch64" => Ok(Self::Arm64),
            other => Err(UnsupportedArch { name: other.to_owned() }),
        }
    }

    /// Returns `amd64` or `arm64`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    /// Returns the architecture of an ELF header's `e_machine` (`EM_X86_64`, `EM_AARCH64`).
    pub(super) fn from_elf(machine: u16) -> Option<Self> {
        match machine {
            62 => Some(Self::Amd64),
            183 => Some(Self::Arm64),
            _ => None,
        }
    }
}

impl std::fmt::Display for Arch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rust_names_become_release_names() {
        assert_eq!(Arch::from_rust("x86_64").unwrap().name(), "amd64");
        assert_eq!(Arch::from_rust("aarch64").unwrap().name(), "arm64");
        let error = Arch::from_rust("riscv64").unwrap_err();
        assert_eq!(
            error.to_string(),
            "no component bundle for architecture `riscv64`, only for `amd64` and `arm64`"
        );
    }
}
