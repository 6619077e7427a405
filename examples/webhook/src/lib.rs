//! A validating webhook for pods: every image has a tag, and it is not `latest`.

mod server;

use k8s_openapi::api::core::v1::Pod;
use kube::core::admission::{AdmissionRequest, AdmissionResponse};

pub use server::serve;

/// Whether a pod may be created.
pub fn validate(request: &AdmissionRequest<Pod>) -> AdmissionResponse {
    let response = AdmissionResponse::from(request);
    let spec = request.object.as_ref().and_then(|pod| pod.spec.as_ref());
    let containers = spec
        .into_iter()
        .flat_map(|spec| spec.init_containers.iter().flatten().chain(&spec.containers));
    let floating: Vec<&str> =
        containers.filter_map(|one| one.image.as_deref()).filter(|image| floats(image)).collect();
    match floating[..] {
        [] => response,
        _ => response.deny(format!("images need a tag other than latest: {}", floating.join(", "))),
    }
}

/// Whether an image's name may mean another image tomorrow.
fn floats(image: &str) -> bool {
    let name = image.rsplit('/').next().unwrap_or(image);
    !image.contains('@') && name.split_once(':').is_none_or(|(_, tag)| tag == "latest")
}

#[cfg(test)]
mod tests {
    use super::floats;

    #[test]
    fn tags_and_digests_are_fixed() {
        for image in ["nginx", "nginx:latest", "registry:5000/nginx", "registry:5000/nginx:latest"]
        {
            assert!(floats(image), "{image}");
        }
        for image in ["nginx:1.29", "registry:5000/nginx:1.29", "nginx@sha256:0123"] {
            assert!(!floats(image), "{image}");
        }
    }
}
