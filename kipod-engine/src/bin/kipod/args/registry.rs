//! Arguments of commands for registries.

use clap::Args as ClapArgs;

#[derive(Debug, ClapArgs)]
pub(crate) struct CreateRegistryArgs {
    #[command(flatten)]
    pub(crate) registry: RegistryArg,
    /// Port on the host; 0 chooses a free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub(crate) port: u16,
    /// Registry image [default: docker.io/library/registry:3]
    #[arg(long, value_name = "IMAGE")]
    pub(crate) image: Option<String>,
}

/// The registry of a command.
#[derive(Debug, ClapArgs)]
pub(crate) struct RegistryArg {
    /// Registry name [default: kipod-registry]
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Registry name
    #[arg(short, long = "name", value_name = "NAME", hide = true, conflicts_with = "name")]
    name_option: Option<String>,
}

impl RegistryArg {
    /// Returns the name, if one was given.
    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref().or(self.name_option.as_deref())
    }
}
