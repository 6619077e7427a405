//! Validation of patches of the kubeadm configuration: syntax and targets.

use crate::spec::problem::Problem;
use crate::spec::{
    JsonPatch, KubeadmPatches, Location, MergePatch, PatchTarget, RawJsonPatch, RawPatches,
    RawValue, ValidationError, ValidationErrors,
};

impl KubeadmPatches {
    /// Parses a merge patch: YAML with the `kind` of the object to patch.
    ///
    /// # Errors
    ///
    /// All errors at once.
    ///
    /// ```
    /// use kipod_engine::spec::KubeadmPatches;
    ///
    /// let errors = KubeadmPatches::merge("maxPods: 20").unwrap_err();
    /// assert!(errors.to_string().contains("the patch has no `kind`"), "{errors}");
    /// ```
    pub fn merge(yaml: impl Into<String>) -> Result<Self, ValidationErrors> {
        let mut errors = Vec::new();
        let raw = RawPatches { merge: vec![yaml.into().into()], json: Vec::new() };
        let patches = check(&raw, &mut errors);
        ValidationErrors::new(errors).map_or(Ok(patches), Err)
    }
}

/// Validates patches.
pub(super) fn check(raw: &RawPatches, errors: &mut Vec<ValidationError>) -> KubeadmPatches {
    let merge = raw.merge.iter().filter_map(|patch| {
        let parsed = MergePatch::parse(&patch.text, shown(patch.location.as_ref()));
        valid(parsed, patch.location.as_ref(), errors)
    });
    let merge = merge.collect();
    let json = raw.json.iter().filter_map(|patch| json_patch(patch, errors)).collect();
    KubeadmPatches { merge, json }
}

fn json_patch(raw: &RawJsonPatch, errors: &mut Vec<ValidationError>) -> Option<JsonPatch> {
    let location = raw.location.as_ref();
    let mut required = |name: &str, value: &Option<RawValue>| {
        if value.is_none() {
            let message = format!("missing `{name}`");
            errors.push(ValidationError::at(location, "kubeadm patch", message));
        }
        value.clone()
    };
    let (kind, patch) = (required("kind", &raw.kind), required("patch", &raw.patch));
    // Without group and version, the patch applies to every API version.
    let api_version = match (&raw.group, &raw.version) {
        (Some(group), Some(version)) => Some(format!("{}/{}", group.text, version.text)),
        (Some(one), None) | (None, Some(one)) => Some(one.text.clone()),
        (None, None) => None,
    };
    let target = PatchTarget { kind: kind?.text, api_version };
    let patch = patch?;
    valid(JsonPatch::parse(&patch.text, target, shown(location)), location, errors)
}

/// Returns the location of a patch as text, for later messages.
fn shown(location: Option<&Location>) -> String {
    location.map_or_else(|| "kubeadm patch".to_owned(), Location::to_string)
}

fn valid<T>(
    parsed: Result<T, Vec<Problem>>,
    location: Option<&Location>,
    errors: &mut Vec<ValidationError>,
) -> Option<T> {
    match parsed {
        Ok(patch) => Some(patch),
        Err(problems) => {
            errors.extend(
                problems
                    .iter()
                    .map(|problem| ValidationError::at(location, "kubeadm patch", problem)),
            );
            None
        }
    }
}
