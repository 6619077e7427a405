//! The `kipod` command where it needs no Podman, or finds none.
//!
//! | file | about |
//! |---|---|
//! | `words` | what is typed: help, faults, exit statuses, `version`, `completion` |
//! | `check` | the shape of `kipod check --output json` |
//! | `config` | configuration files: `kipod config`, and `--config` with what is wrong in it |
//! | `no_podman` | every command on a machine without Podman |
//! | `records` | what `get` says of the records alone |

mod check;
mod config;
mod home;
mod no_podman;
mod records;
mod words;
