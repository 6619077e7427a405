//! Images a test needs on the nodes, asked for before it begins: a pod that waits for one says less,
//! and later.

use crate::cluster::Cluster;
use crate::error::SetupError;

/// Sees that every node has every image.
pub(crate) async fn check(cluster: &Cluster, wanted: &[&str]) -> Result<(), SetupError> {
    if wanted.is_empty() {
        return Ok(());
    }
    let failed = |source| SetupError::ImageList { source };
    let mut missing = Vec::new();
    for node in cluster.nodes().await.map_err(failed)? {
        let present = cluster.images(&node).await.map_err(failed)?;
        for image in wanted {
            if !present.iter().any(|found| is_same(found, image)) {
                missing.push(format!("`{image}` on node `{node}`"));
            }
        }
    }
    match missing.is_empty() {
        true => Ok(()),
        false => Err(SetupError::Images { missing }),
    }
}

/// Whether a node's name for an image is the one that is wanted: the tag `latest` may be left out,
/// and so may the registry of an image that was built here.
fn is_same(found: &str, wanted: &str) -> bool {
    let last = wanted.rsplit('/').next().unwrap_or(wanted);
    let tagged = match last.contains(':') || wanted.contains('@') {
        true => wanted.to_owned(),
        false => format!("{wanted}:latest"),
    };
    found == tagged || found.strip_prefix("localhost/") == Some(&tagged)
}

#[cfg(test)]
mod tests {
    use super::is_same;

    #[test]
    fn names_that_mean_the_same() {
        assert!(is_same("localhost/app:dev", "localhost/app:dev"));
        assert!(is_same("localhost/app:dev", "app:dev"));
        assert!(is_same("localhost/app:latest", "app"));
        assert!(is_same("registry:5000/app:latest", "registry:5000/app"));
        assert!(!is_same("localhost/app:dev", "app"));
        assert!(!is_same("localhost/other/app:dev", "app:dev"));
    }
}
