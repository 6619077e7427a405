//! A validating webhook for pods: every image needs a digest, or a tag other than `latest`.

mod server;

use k8s_openapi::api::core::v1::Pod;
use kube::core::admission::{AdmissionRequest, AdmissionResponse};

pub use server::serve;

/// Allows a pod unless one of its images may change.
pub fn validate(request: &AdmissionRequest<Pod>) -> AdmissionResponse {
    let response = AdmissionResponse::from(request);
    let spec = request.object.as_ref().and_then(|pod| pod.spec.as_ref());
    let containers = spec
        .into_iter()
        .flat_map(|spec| spec.init_containers.iter().flatten().chain(&spec.containers));
    let images = containers.filter_map(|container| container.image.as_deref());
    let mutable: Vec<&str> = images.filter(|image| is_mutable(image)).collect();
    match mutable[..] {
        [] => response,
        _ => response.deny(format!("images need a tag other than latest: {}", mutable.join(", "))),
    }
}

/// Returns whether a reference has neither a digest nor a tag other than `latest`.
fn is_mutable(image: &str) -> bool {
    let name = image.rsplit('/').next().unwrap_or(image);
    !image.contains('@') && name.split_once(':').is_none_or(|(_, tag)| tag == "latest")
}

#[cfg(test)]
mod tests {
    use super::is_mutable;

    #[test]
    fn only_tags_and_digests_are_immutable() {
        for image in ["nginx", "nginx:latest", "registry:5000/nginx", "registry:5000/nginx:latest"]
        {
            assert!(is_mutable(image), "{image}");
        }
        for image in ["nginx:1.29", "registry:5000/nginx:1.29", "nginx@sha256:0123"] {
            assert!(!is_mutable(image), "{image}");
        }
    }
}
