//! Names of holds on images of the user's store.

use super::{label, labels};
use crate::podman::ImageHold;
use crate::spec::ClusterName;

/// The number of characters of an image id in names, as in Podman's lists.
const SHORT_ID: usize = 12;

/// Returns the hold of a cluster on an image. `podman ps --all` and `podman images` show the names, so
/// they say which cluster keeps which image.
pub fn image_hold(cluster: &ClusterName, name: &str, id: &str) -> ImageHold {
    let short = id.get(..SHORT_ID).unwrap_or(id);
    let mut labels = labels(cluster);
    let own = [(label::ROLE, label::IMAGE_HOLD), (label::HELD_ID, id), (label::HELD_NAME, name)];
    labels.extend(own.map(|(key, value)| (key.to_owned(), value.to_owned())));
    // An id without a name has no repository. A port is not valid inside of a name.
    let repository = match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => name,
    };
    ImageHold {
        container: format!("{cluster}-holds-image-{short}"),
        image: id.to_owned(),
        repository: format!("{}{}", held_prefix(cluster), repository.replace([':', '@'], "_")),
        tag: short.to_owned(),
        labels,
    }
}

/// Returns the start of the names that a cluster's holds give to images.
pub fn held_prefix(cluster: &ClusterName) -> String {
    format!("{HELD}{cluster}/")
}

/// Returns the cluster whose hold gave this name to an image.
pub fn holding_cluster(image_name: &str) -> Option<ClusterName> {
    image_name.strip_prefix(HELD)?.split('/').next()?.parse().ok()
}

/// The start of the names of all held images.
const HELD: &str = "localhost/held-by-kipod-cluster/";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hold_names_the_cluster_and_the_image() {
        let cluster: ClusterName = "demo".parse().unwrap();
        let id = "57876eca9eeb0123456789";
        for (name, repository) in [
            ("localhost/app:dev", "localhost/app"),
            ("localhost:5001/team/app", "localhost_5001/team/app"),
            ("localhost:5001/app:1", "localhost_5001/app"),
            (id, id),
        ] {
            let hold = image_hold(&cluster, name, id);
            let expected =
                format!("localhost/held-by-kipod-cluster/demo/{repository}:57876eca9eeb");
            assert_eq!(hold.name(), expected);
            assert_eq!(hold.container, "demo-holds-image-57876eca9eeb");
            assert_eq!(holding_cluster(&hold.name()), Some(cluster.clone()));
        }
        assert_eq!(holding_cluster("localhost/app:dev"), None);
    }
}
