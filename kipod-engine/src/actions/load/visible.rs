//! Checks with CRI-O on each node that a loaded image resolves by the name used in pods.

use super::ImagesError;
use super::wanted::Wanted;
use crate::podman::Podman;
use crate::util::text::error_chain;

/// An image that a node does not see with the expected id.
#[derive(Debug)]
pub(in crate::actions) enum Missing {
    /// The node has no image of that name. Holds the message.
    Absent(String),
    /// The node has another image of that name. Holds the message.
    Other(String),
}

/// Fails if any image is missing.
pub(in crate::actions) fn verify(missing: Vec<Missing>) -> Result<(), ImagesError> {
    if missing.is_empty() {
        return Ok(());
    }
    let absent = missing.iter().any(|one| matches!(one, Missing::Absent(_)));
    let other = missing.iter().any(|one| matches!(one, Missing::Other(_)));
    let line = |missing| match missing {
        Missing::Absent(line) | Missing::Other(line) => line,
    };
    Err(ImagesError::NotVisible { errors: missing.into_iter().map(line).collect(), absent, other })
}

/// Returns the nodes that do not see the image with the expected id.
pub(in crate::actions) async fn missing(
    podman: &dyn Podman,
    nodes: &[String],
    image: &Wanted,
) -> Result<Vec<Missing>, ImagesError> {
    let queries = nodes.iter().map(|node| id(podman, node, &image.name));
    let found = futures_util::future::join_all(queries).await;
    let mut errors = Vec::new();
    for (node, found) in nodes.iter().zip(found) {
        let Wanted { name, id } = image;
        match found? {
            Some(found) if found == *id => {}
            Some(found) => errors.push(Missing::Other(format!(
                "node `{node}`: `{name}` has id {} instead of {}",
                short(&found),
                short(id),
            ))),
            None => errors.push(Missing::Absent(format!("node `{node}`: `{name}` not found"))),
        }
    }
    Ok(errors)
}

/// Returns the id of the image that a node has under a name.
async fn id(podman: &dyn Podman, node: &str, name: &str) -> Result<Option<String>, ImagesError> {
    let failed = |reason: String| ImagesError::Query {
        node: node.to_owned(),
        image: name.to_owned(),
        reason,
    };
    let template = ["--output", "go-template", "--template", "{{.status.id}}"];
    let command = [&["crictl", "inspecti"], &template[..], &[name]].concat();
    let output = podman.exec(node, &command).await.map_err(|error| failed(error_chain(&error)))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    let stderr = text(&output.stderr);
    match output.status {
        0 => Ok(Some(text(&output.stdout).trim_start_matches("sha256:").to_owned())),
        _ if stderr.contains("no such image") => Ok(None),
        _ => Err(failed(stderr)),
    }
}

/// Returns the first twelve characters of an id.
pub(in crate::actions) fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}
