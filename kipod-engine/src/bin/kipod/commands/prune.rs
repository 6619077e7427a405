//! `kipod prune`.

use kipod_engine::{Event, Events, gc};

use super::print;
use crate::args::PruneArgs;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::session::Session;

pub(crate) async fn run(args: &PruneArgs, progress: &Progress) -> Result<u8, Failure> {
    let session = Session::open(progress).await?;
    let pruned = gc::prune(&session.service, &session.dirs, args.dry_run).await?;
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
