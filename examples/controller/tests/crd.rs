//! The CRD in the repository is the one of the type.

use controller::Site;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;

#[test]
fn the_crd_in_the_repository_is_that_of_the_type() {
    let written = include_str!("../crds/site.yaml");
    let written: CustomResourceDefinition = serde_saphyr::from_str(written).unwrap();
    assert_eq!(
        written,
        Site::crd(),
        "`cargo run -p controller -- crd > examples/controller/crds/site.yaml` writes it anew"
    );
}
