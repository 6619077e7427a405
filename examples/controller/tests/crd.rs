//! Compares the CRD in the repository with the Rust type. Needs no cluster.

use controller::Site;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;

#[test]
fn crd_file_matches_the_rust_type() {
    let file = include_str!("../crds/site.yaml");
    let file: CustomResourceDefinition = serde_saphyr::from_str(file).unwrap();
    assert_eq!(
        file,
        Site::crd(),
        "run `cargo run -p controller -- crd > examples/controller/crds/site.yaml`"
    );
}
