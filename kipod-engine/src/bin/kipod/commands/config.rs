//! `kipod config`, and the reading of configuration files.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use kipod_engine::config::{self, Config};
use kipod_engine::plan::check_patches;
use kipod_engine::{Event, Events, bounded};

use super::print;
use crate::args::ConfigCommand;
use crate::failure::Failure;
use crate::progress::Progress;

pub(crate) fn run(args: &ConfigCommand, progress: &Progress) -> Result<u8, Failure> {
    match args {
        ConfigCommand::Print { config } => {
            let config = match config {
                Some(path) => read(path)?,
                None => Config::default(),
            };
            let spec = config.check()?;
            warn(&config.warnings, progress);
            warn(&spec.warnings(), progress);
            print(&config::print(&spec))
        }
        ConfigCommand::Validate { file } => {
            let config = read(file)?;
            let spec = config.check()?;
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            check_patches(&spec, i64::try_from(now).unwrap_or_default())?;
            warn(&config.warnings, progress);
            warn(&spec.warnings(), progress);
            progress.send(Event::Note(format!("`{}` is valid", file.display())));
            Ok(0)
        }
        ConfigCommand::Migrate { file } => {
            let (text, name) = text(file)?;
            let (migrated, warnings) = config::migrate(&text, &name)?;
            warn(&warnings, progress);
            print(&migrated)
        }
        ConfigCommand::Schema => print(&config::schema()),
    }
}

/// Reads a configuration file; `-` is standard input.
pub(super) fn read(path: &Path) -> Result<Config, Failure> {
    let (text, name) = text(path)?;
    Ok(config::read(&text, &name))
}

/// Reports warnings of a configuration.
pub(super) fn warn(warnings: &[String], progress: &Progress) {
    for warning in warnings {
        progress.send(Event::Warning(warning.clone()));
    }
}

/// Returns the text of a file and its name for messages.
fn text(path: &Path) -> Result<(String, String), Failure> {
    let (read, name) = if path == Path::new("-") {
        let read = bounded::read_stream(std::io::stdin().lock(), config::LIMIT);
        (read, "standard input".to_owned())
    } else {
        (bounded::read(path, config::LIMIT), path.display().to_string())
    };
    let bytes = read.map_err(|error| {
        Failure::usage(format!("cannot read the configuration file `{name}`: {error}"))
    })?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Failure::usage(format!("the configuration file `{name}` is not UTF-8 text, at byte {at}"))
    })?;
    Ok((text, name))
}
