//! `kipod load`.

use std::io::IsTerminal;
use std::path::Path;

use kipod_engine::actions::{self, ImageSource, LoadRequest, LoadedImage};
use kipod_engine::podman::Archive;
use kipod_engine::{Event, Events};

use crate::args::Load;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::session::{Session, cluster_name, stop_on_signals};

pub(crate) async fn run(args: &Load, progress: &'static Progress) -> Result<u8, Failure> {
    let (source, into) = match args {
        Load::Image(args) => (ImageSource::Store(args.images.clone()), &args.into),
        Load::ImageArchive(args) => (ImageSource::Archive(archive(&args.file)?), &args.into),
    };
    let cluster = cluster_name(Some(&into.name))?;
    let cancel = stop_on_signals(progress)?;
    let session = Session::open(progress).await?;
    let request = LoadRequest { cluster, source, nodes: into.nodes.clone(), cancel };
    let loaded = actions::load_images(session.context(), &request).await?;
    let cluster = &request.cluster;
    for LoadedImage { name, id, copied } in &loaded.images {
        let id = id.get(..12).unwrap_or(id);
        progress.send(Event::Note(match copied {
            true => format!("loaded `{name}` ({id}) into cluster `{cluster}`"),
            false => format!(
                "`{name}` ({id}) is in cluster `{cluster}` already: there is nothing to load"
            ),
        }));
    }
    // Kubernetes reads a short name as one of Docker Hub.
    if loaded.images.iter().any(|image| image.name.starts_with("localhost/")) {
        progress.send(Event::Note(
            "pods find an image by its whole name, `localhost/` included".to_owned(),
        ));
    }
    for node in &loaded.asleep {
        progress.send(Event::Warning(format!(
            "node `{node}` does not run and could not be asked: it sees the images when it starts"
        )));
    }
    Ok(0)
}

fn archive(file: &Path) -> Result<Archive, Failure> {
    if file == Path::new("-") {
        if std::io::stdin().is_terminal() {
            return Err(Failure::new("standard input is a terminal, and no archive")
                .hint(Some("pipe one in: `podman save IMAGE | kipod load image-archive -`"))
                .code(2));
        }
        return Ok(Archive::Stdin);
    }
    match std::fs::File::open(file) {
        // Podman is run in the same folder, and yet has no say in what a name like `http:x` means.
        Ok(_) => Ok(Archive::File(std::path::absolute(file)?)),
        Err(error) => Err(Failure::new(format!("archive `{}`: {error}", file.display()))),
    }
}
