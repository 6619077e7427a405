//! Helpers without knowledge of Kubernetes or Podman: directories, text, blocking work, commands.

mod blocking;
pub(crate) mod dirs;
pub(crate) mod text;
pub(crate) mod time_factor;
pub(crate) mod yaml;

pub(crate) use blocking::blocking;
