//! `kipod check`.

use std::io::IsTerminal;

use kipod_engine::variable;

use super::{print, print_json};
use crate::args::{CheckArgs, Output};
use crate::failure::Failure;
use crate::progress::Progress;
use crate::session::open;

pub(crate) async fn run(args: &CheckArgs, progress: &'static Progress) -> Result<u8, Failure> {
    let image = args.image.parse();
    let image = image.map_err(|error| Failure::usage(format!("--image: {error}")))?;
    let report = open(progress)?.check(&image).await;
    match args.output.output {
        Output::Text => {
            let colour = std::io::stdout().is_terminal() && variable("NO_COLOR").is_none();
            print(&report.text(colour))?
        }
        Output::Json => print_json(&report)?,
    };
    Ok(report.verdict.exit_code() as u8)
}
