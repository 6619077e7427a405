//! Patches of kubeadm's documents: whether they can be read, and are for documents that exist.

use crate::spec::{
    JsonPatch, KubeadmPatches, MergePatch, PatchTarget, Place, RawJsonPatch, RawPatches,
    ValidationError, Written,
};

/// The patches that were asked for.
pub(super) fn check(raw: &RawPatches, faults: &mut Vec<ValidationError>) -> KubeadmPatches {
    let merge = raw.merge.iter().filter_map(|patch| {
        let read = MergePatch::read(&patch.text, named(patch.place.as_ref()));
        told(read, patch.place.as_ref(), faults)
    });
    let merge = merge.collect();
    let json = raw.json.iter().filter_map(|patch| json_patch(patch, faults)).collect();
    KubeadmPatches { merge, json }
}

fn json_patch(raw: &RawJsonPatch, faults: &mut Vec<ValidationError>) -> Option<JsonPatch> {
    let place = raw.place.as_ref();
    let mut part = |name: &str, value: &Option<Written>| {
        if value.is_none() {
            faults.push(ValidationError::at(place, "kubeadm patch", format!("has no `{name}`")));
        }
        value.clone()
    };
    // Group and version may be left out together: any will do.
    let (kind, patch) = (part("kind", &raw.kind), part("patch", &raw.patch));
    let api_version = match (&raw.group, &raw.version) {
        (Some(group), Some(version)) => Some(format!("{}/{}", group.text, version.text)),
        (Some(one), None) | (None, Some(one)) => Some(one.text.clone()),
        (None, None) => None,
    };
    let target = PatchTarget { kind: kind?.text, api_version };
    let patch = patch?;
    told(JsonPatch::read(&patch.text, target, named(place)), place, faults)
}

/// Where a patch stands, for the words of a later fault.
fn named(place: Option<&Place>) -> String {
    place.map_or_else(|| "kubeadm patch".to_owned(), Place::to_string)
}

fn told<T>(
    read: Result<T, Vec<String>>,
    place: Option<&Place>,
    faults: &mut Vec<ValidationError>,
) -> Option<T> {
    match read {
        Ok(patch) => Some(patch),
        Err(wrong) => {
            faults.extend(
                wrong.into_iter().map(|wrong| ValidationError::at(place, "kubeadm patch", wrong)),
            );
            None
        }
    }
}
