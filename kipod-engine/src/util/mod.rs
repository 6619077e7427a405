//! Helpers that do not depend on clusters: directories, files, ports, text, labels, blocking
//! work.

mod blocking;
pub mod bounded;
pub(crate) mod dirs;
pub(crate) mod fs;
mod hint;
pub mod labels;
pub(crate) mod platform;
pub(crate) mod ports;
pub(crate) mod retry;
pub(crate) mod string_enum;
pub(crate) mod suggest;
#[allow(unreachable_pub, reason = "re-exported by `podman` and the crate")]
pub mod text;
pub(crate) mod timeout_factor;
pub(crate) mod timeouts;
mod variables;

pub(crate) mod yaml;

pub(crate) use blocking::blocking;
pub use hint::Hint;
pub use variables::variable;
