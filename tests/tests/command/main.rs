//! The `kipod` command where Podman is not needed, or not installed.
//!
//! | file | subject |
//! |---|---|
//! | `arguments` | help, invalid arguments, exit statuses, `version`, `completion` |
//! | `check` | the format of `kipod check --output json` |
//! | `config` | configuration files: `kipod config`, and errors in the file for `--config` |
//! | `no_podman` | commands without Podman, or with an unusable one |
//! | `records` | `get` and `export` with records only |

mod arguments;
mod check;
mod config;
mod no_podman;
mod records;
mod support;
