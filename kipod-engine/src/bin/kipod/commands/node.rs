//! `kipod node`.

use kipod_engine::kubernetes::Role;
use kipod_engine::spec::ImageReference;
use kipod_engine::{Event, Events};

use crate::args::{AddNodeArgs, Node};
use crate::failure::Failure;
use crate::progress::Progress;
use crate::session::{cluster_name, open, open_cancellable, wait};

pub(crate) async fn run(args: &Node, progress: &'static Progress) -> Result<u8, Failure> {
    let (node, done) = match args {
        Node::Add(args) => return add(args, progress).await,
        Node::Delete(args) => (args, "deleted"),
        Node::Stop(args) => (args, "stopped"),
        Node::Start(args) => (args, "started"),
        Node::Pause(args) => (args, "paused"),
        Node::Unpause(args) => (args, "unpaused"),
    };
    let cluster = open(progress)?.cluster(&cluster_name(Some(&node.name))?)?;
    let node = node.node.as_str();
    match args {
        Node::Add(_) | Node::Delete(_) => cluster.remove_node(node).await?,
        Node::Stop(_) => cluster.stop_node(node).await?,
        Node::Start(_) => cluster.start_node(node).await?,
        Node::Pause(_) => cluster.pause_node(node).await?,
        Node::Unpause(_) => cluster.unpause_node(node).await?,
    }
    progress.send(Event::Note(format!("node `{node}` {done}")));
    Ok(0)
}

async fn add(args: &AddNodeArgs, progress: &'static Progress) -> Result<u8, Failure> {
    let name = cluster_name(Some(&args.name))?;
    let role = args.role.parse::<Role>();
    let role = role.map_err(|error| Failure::usage(format!("--role: {error}")))?;
    let image = args.image.as_deref().map(str::parse::<ImageReference>).transpose();
    let image = image.map_err(|error| Failure::usage(format!("--image: {error}")))?;
    let wait = wait(args.wait.as_deref())?;
    let mut addition = open_cancellable(progress)?.cluster(&name)?.add_node(role);
    if let Some(image) = image {
        addition = addition.image(image);
    }
    if let Some(wait) = wait {
        addition = addition.wait(wait);
    }
    let node = addition.await?;
    progress.send(Event::Note(format!("node `{node}` added")));
    Ok(0)
}
