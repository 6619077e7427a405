//! Arguments of commands for configuration files.

use std::path::PathBuf;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print a complete configuration with defaults in kipod's format
    Print {
        /// Configuration file of kipod or kind, or `-` for standard input [default: none, for the
        /// default cluster]
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Validate a configuration file of kipod or kind
    ///
    /// Exit status: 0 valid, 2 invalid.
    Validate {
        /// File, or `-` for standard input
        file: PathBuf,
    },
    /// Convert a configuration file of kind to kipod's format
    Migrate {
        /// File, or `-` for standard input
        file: PathBuf,
    },
    /// Print the JSON schema of kipod's format, for editors
    Schema,
}
