//! `kipod check`.

use std::io::IsTerminal;

use kipod_engine::host;

use super::{print, print_json};
use crate::args::{CheckArgs, Output};
use crate::failure::Failure;
use crate::session::node_image_fact;

pub(crate) async fn run(args: &CheckArgs) -> Result<u8, Failure> {
    let report = host::check(node_image_fact(&args.image).await).await;
    match args.output.output {
        Output::Text => {
            let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            print(&report.text(colour))?
        }
        Output::Json => print_json(&report)?,
    };
    Ok(report.verdict.exit_code() as u8)
}
