//! `kipod load`.

use std::io::IsTerminal;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use kipod_engine::actions::{ImageSource, LoadedImage};
use kipod_engine::podman::Archive;
use kipod_engine::{Event, Events};

use crate::args::Load;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::session::{cluster_name, open_cancellable};

pub(crate) async fn run(args: &Load, progress: &'static Progress) -> Result<u8, Failure> {
    let (source, into) = match args {
        Load::Image(args) => (ImageSource::Store(args.images.clone()), &args.into),
        Load::ImageArchive(args) => (ImageSource::Archive(archive(&args.file)?), &args.into),
    };
    let name = cluster_name(Some(&into.name))?;
    let cluster = open_cancellable(progress)?.cluster(&name)?;
    let loaded = cluster.load(source, into.nodes.clone()).await?;
    let cluster = cluster.name();
    for LoadedImage { name, id, copied, .. } in &loaded.images {
        let id = id.get(..12).unwrap_or(id);
        progress.send(Event::Note(match copied {
            true => format!("loaded `{name}` ({id}) into cluster `{cluster}`"),
            false => format!("`{name}` ({id}) is already present in cluster `{cluster}`"),
        }));
    }
    // Kubernetes completes a short name with Docker Hub's.
    if loaded.images.iter().any(|image| image.name.starts_with("localhost/")) {
        progress
            .send(Event::Note("pods must use the full image name, with `localhost/`".to_owned()));
    }
    for node in &loaded.stopped {
        progress.send(Event::Warning(format!(
            "node `{node}` is not running: it will see the images when it starts"
        )));
    }
    Ok(0)
}

fn archive(file: &Path) -> Result<Archive, Failure> {
    if file == Path::new("-") {
        if std::io::stdin().is_terminal() {
            return Err(Failure::usage("standard input is a terminal")
                .hint(Some("pipe one in: `podman save IMAGE | kipod load image-archive -`")));
        }
        return Ok(Archive::Stdin);
    }
    // Podman runs in another process and reads the archive several times.
    if file.metadata().is_ok_and(|found| found.file_type().is_fifo()) {
        return Err(Failure::usage(format!("archive `{}` is a pipe", file.display()))
            .hint(Some("use `-` to read standard input".to_owned())));
    }
    match std::fs::File::open(file) {
        // An absolute path, since Podman would take a name such as `http:x` for a transport.
        Ok(_) => Ok(Archive::File(std::path::absolute(file)?)),
        Err(error) => Err(Failure::new(format!("archive `{}`: {error}", file.display()))),
    }
}
