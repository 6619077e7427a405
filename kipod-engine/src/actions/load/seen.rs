//! What nodes see: CRI-O's own word, under the name that pods use.

use super::ImagesError;
use super::wanted::Wanted;
use crate::podman::Podman;

/// A node that does not have an image as it is wanted.
#[derive(Debug)]
pub(in crate::actions) enum Missing {
    /// It has nothing under the name: a line that says so.
    Absent(String),
    /// It has another image under the name: a line that says so.
    Other(String),
}

/// What nodes lack, if it is anything.
pub(in crate::actions) fn refuse(missing: Vec<Missing>) -> Result<(), ImagesError> {
    if missing.is_empty() {
        return Ok(());
    }
    let absent = missing.iter().any(|one| matches!(one, Missing::Absent(_)));
    let other = missing.iter().any(|one| matches!(one, Missing::Other(_)));
    let line = |missing| match missing {
        Missing::Absent(line) | Missing::Other(line) => line,
    };
    Err(ImagesError::Unseen { faults: missing.into_iter().map(line).collect(), absent, other })
}

/// Which of the nodes do not have the image as it is wanted.
pub(in crate::actions) async fn missing(
    podman: &dyn Podman,
    nodes: &[String],
    image: &Wanted,
) -> Result<Vec<Missing>, ImagesError> {
    let asked = nodes.iter().map(|node| id(podman, node, &image.name));
    let found = futures_util::future::join_all(asked).await;
    let mut faults = Vec::new();
    for (node, found) in nodes.iter().zip(found) {
        let Wanted { name, id } = image;
        match found? {
            Some(found) if found == *id => {}
            Some(found) => faults.push(Missing::Other(format!(
                "node `{node}`: `{name}` is another image, {} and not {}",
                short(&found),
                short(id),
            ))),
            None => faults.push(Missing::Absent(format!("node `{node}`: there is no `{name}`"))),
        }
    }
    Ok(faults)
}

/// The id of what a node knows by a name.
async fn id(podman: &dyn Podman, node: &str, name: &str) -> Result<Option<String>, ImagesError> {
    let failed =
        |reason: String| ImagesError::Ask { node: node.to_owned(), image: name.to_owned(), reason };
    let template = ["--output", "go-template", "--template", "{{.status.id}}"];
    let command = [&["crictl", "inspecti"], &template[..], &[name]].concat();
    let output = podman.exec(node, &command).await.map_err(|error| failed(error.to_string()))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    let said = text(&output.stderr);
    match output.status {
        0 => Ok(Some(text(&output.stdout).trim_start_matches("sha256:").to_owned())),
        _ if said.contains("no such image") => Ok(None),
        _ => Err(failed(said)),
    }
}

/// As much of an id as people read.
pub(in crate::actions) fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}
