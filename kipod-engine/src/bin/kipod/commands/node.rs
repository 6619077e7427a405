//! `kipod node`.

use kipod_engine::actions::{self, AddRequest, NodeAction};
use kipod_engine::plan::Machine;
use kipod_engine::spec::ImageReference;
use kipod_engine::{Event, Events};

use crate::args::{AddNodeArgs, Node, NodeArgs};
use crate::failure::Failure;
use crate::progress::Progress;
use crate::session::{Session, cluster_name, stop_on_signals, time_factor, wait};

pub(crate) async fn run(args: &Node, progress: &'static Progress) -> Result<u8, Failure> {
    let (args, action, done) = match args {
        Node::Add(args) => return add(args, progress).await,
        Node::Delete(args) => return delete(args, progress).await,
        Node::Stop(args) => (args, NodeAction::Stop, "stopped"),
        Node::Start(args) => (args, NodeAction::Start, "started"),
        Node::Pause(args) => (args, NodeAction::Pause, "paused"),
        Node::Unpause(args) => (args, NodeAction::Unpause, "unpaused"),
    };
    act(args, action, done, progress).await
}

async fn act(
    args: &NodeArgs,
    action: NodeAction,
    done: &str,
    progress: &'static Progress,
) -> Result<u8, Failure> {
    let name = cluster_name(Some(&args.name))?;
    let session = Session::open(progress).await?;
    actions::node(session.context(), &name, &args.node, action).await?;
    progress.send(Event::Note(format!("node `{}` is {done}", args.node)));
    Ok(0)
}

async fn add(args: &AddNodeArgs, progress: &'static Progress) -> Result<u8, Failure> {
    let name = cluster_name(Some(&args.name))?;
    let wrong = |fault: String| Failure::new(fault).code(2);
    let role = args.role.parse().map_err(|fault| wrong(format!("--role: {fault}")))?;
    let image = args.image.as_deref().map(str::parse::<ImageReference>).transpose();
    let image = image.map_err(|fault| wrong(format!("--image: {fault}")))?;
    let time_factor = time_factor()?;
    let wait = wait(args.wait.as_deref(), time_factor)?;
    let cancel = stop_on_signals(progress)?;
    let report = super::create::check(progress).await?;
    let mut machine = Machine::from_facts(&report.facts);
    machine.time_factor = time_factor;
    let now = report.facts.clock as i64;
    let session = Session::open(progress).await?;
    let request = AddRequest { cluster: name, role, image, machine, wait, now, cancel };
    let node = actions::add_node(session.context(), &request).await?;
    progress.send(Event::Note(format!("node `{node}` is added")));
    Ok(0)
}

async fn delete(args: &NodeArgs, progress: &'static Progress) -> Result<u8, Failure> {
    let name = cluster_name(Some(&args.name))?;
    let session = Session::open(progress).await?;
    actions::remove_node(session.context(), &name, &args.node).await?;
    progress.send(Event::Note(format!("node `{}` is deleted", args.node)));
    Ok(0)
}
