//! The `images` option: a check before the test begins. Without it, a missing image shows only as a
//! pod that does not start.

use crate::cluster::Cluster;
use crate::error::Error;

/// Returns the images that nodes lack, as `` `IMAGE` on node `NODE` ``.
pub(crate) async fn missing(cluster: &Cluster, images: &[&str]) -> Result<Vec<String>, Error> {
    let mut missing = Vec::new();
    if images.is_empty() {
        return Ok(missing);
    }
    for node in cluster.nodes().await? {
        let present = cluster.images(&node).await?;
        for image in images {
            if !present.iter().any(|name| is_same(name, image)) {
                missing.push(format!("`{image}` on node `{node}`"));
            }
        }
    }
    Ok(missing)
}

/// Returns whether a node's image name is the one in the option, which may omit the tag `latest`
/// and the registry `localhost` of locally built images.
fn is_same(name: &str, option: &str) -> bool {
    let last = option.rsplit('/').next().unwrap_or(option);
    let tagged = match last.contains(':') || option.contains('@') {
        true => option.to_owned(),
        false => format!("{option}:latest"),
    };
    name == tagged || name.strip_prefix("localhost/") == Some(&tagged)
}

#[cfg(test)]
mod tests {
    use super::is_same;

    #[test]
    fn is_same_adds_the_default_tag_and_registry() {
        assert!(is_same("localhost/app:dev", "localhost/app:dev"));
        assert!(is_same("localhost/app:dev", "app:dev"));
        assert!(is_same("localhost/app:latest", "app"));
        assert!(is_same("registry:5000/app:latest", "registry:5000/app"));
        assert!(!is_same("localhost/app:dev", "app"));
        assert!(!is_same("localhost/other/app:dev", "app:dev"));
    }
}
