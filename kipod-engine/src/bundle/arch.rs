//! Processor architectures, as Kubernetes' release servers name them.

use super::BundleError;

/// An architecture that Kubernetes and CRI-O publish programs for and kipod knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Arch {
    /// 64-bit x86, `x86_64` elsewhere.
    Amd64,
    /// 64-bit Arm, `aarch64` elsewhere.
    Arm64,
}

impl Arch {
    /// The architecture this program was built for, which is the one nodes run on.
    ///
    /// # Errors
    ///
    /// When it is neither `x86_64` nor `aarch64`.
    pub fn host() -> Result<Self, BundleError> {
        Self::from_rust(std::env::consts::ARCH)
    }

    fn from_rust(name: &str) -> Result<Self, BundleError> {
        match name {
            "x86_64" => Ok(Self::Amd64),
            "aarch64" => Ok(Self::Arm64),
            other => Err(BundleError::UnknownArch { arch: other.to_owned() }),
        }
    }

    /// `amd64` or `arm64`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    /// The architecture that an ELF header's `e_machine` stands for (`EM_X86_64`, `EM_AARCH64`).
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
    fn rust_names_become_upstream_names() {
        assert_eq!(Arch::from_rust("x86_64").unwrap().name(), "amd64");
        assert_eq!(Arch::from_rust("aarch64").unwrap().name(), "arm64");
        let error = Arch::from_rust("riscv64").unwrap_err();
        assert_eq!(
            error.to_string(),
            "there is no component bundle for architecture `riscv64`, only for `amd64` and `arm64`"
        );
    }
}
