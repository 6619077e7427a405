//! `kipod check`.

use std::io::IsTerminal;

use kipod_engine::host::{HostFacts, Report};
use kipod_engine::plan::Machine;

use super::{print, print_json};
use crate::args::{CheckArgs, Output};
use crate::failure::Failure;
use crate::session::node_image_fact;

pub(crate) async fn run(args: &CheckArgs) -> Result<u8, Failure> {
    let mut facts = HostFacts::probe().await;
    let driver = Machine::from_facts(&facts).storage_driver;
    facts.node_image = node_image_fact(&args.image, driver).await;
    let report = Report::of(facts);
    match args.output.output {
        Output::Text => {
            let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            print(&report.text(colour))?
        }
        Output::Json => print_json(&report)?,
    };
    Ok(report.verdict.exit_code() as u8)
}
