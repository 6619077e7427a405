//! The kernel and its modules.

use std::collections::BTreeMap;

use serde::Serialize;

/// The kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Kernel {
    /// The release that `uname -r` prints.
    pub release: String,
    /// The first two numbers of the release.
    pub version: Option<(u32, u32)>,
    /// `true` if loading modules is disabled (sysctl `kernel.modules_disabled`).
    pub modules_disabled: bool,
    /// `true` if the module `ip_vs` is loaded or built in. Nodes cannot load kernel modules.
    pub ip_vs: bool,
    /// The modules that clusters use, by name.
    pub modules: BTreeMap<String, ModuleState>,
}

/// The state of a kernel module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ModuleState {
    /// Built into the kernel.
    BuiltIn,
    /// Loaded.
    Loaded,
    /// Installed and not loaded.
    Loadable,
    /// Neither built in nor installed.
    Missing,
    /// Unknown: there is neither a module directory nor a kernel configuration.
    Unknown,
}

impl Kernel {
    /// Returns whether the kernel has at least this version.
    pub fn at_least(&self, major: u32, minor: u32) -> bool {
        self.version.is_some_and(|version| version >= (major, minor))
    }

    /// Returns the state of a module; [`ModuleState::Unknown`] if it is not in
    /// [`modules`](Self::modules).
    pub fn module(&self, name: &str) -> ModuleState {
        self.modules.get(name).copied().unwrap_or(ModuleState::Unknown)
    }
}
