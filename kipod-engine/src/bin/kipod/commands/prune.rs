//! `kipod prune`.

use kipod_engine::{Event, Events};

use super::print;
use crate::args::PruneArgs;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::session::open;

pub(crate) async fn run(args: &PruneArgs, progress: &'static Progress) -> Result<u8, Failure> {
    let pruned = open(progress)?.prune(args.dry_run).await?;
    let verb = if args.dry_run { "would remove" } else { "removed" };
    for line in &pruned.kept {
        progress.send(Event::Note(format!("kept: {line}")));
    }
    if pruned.removed.is_empty() && pruned.errors.is_empty() {
        progress.send(Event::Note("nothing to prune".to_owned()));
    }
    print(&pruned.removed.iter().map(|line| format!("{verb} {line}\n")).collect::<String>())?;
    match pruned.errors.is_empty() {
        true => Ok(0),
        false => Err(Failure::new(pruned.errors.join("\nerror: "))),
    }
}
