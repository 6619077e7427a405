//! What a user changes in the documents that kubeadm reads.

use json_patch::PatchOperation;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::util::suggest::did_you_mean;

/// The documents that kubeadm reads: kind, group and versions. The last version is the one that
/// kipod writes.
const DOCUMENTS: [(&str, &str, &[&str]); 5] = [
    ("ClusterConfiguration", KUBEADM, KUBEADM_VERSIONS),
    ("InitConfiguration", KUBEADM, KUBEADM_VERSIONS),
    ("JoinConfiguration", KUBEADM, KUBEADM_VERSIONS),
    ("KubeletConfiguration", "kubelet.config.k8s.io", &["v1beta1"]),
    ("KubeProxyConfiguration", "kubeproxy.config.k8s.io", &["v1alpha1"]),
];
const KUBEADM: &str = "kubeadm.k8s.io";
const KUBEADM_VERSIONS: &[&str] = &["v1beta1", "v1beta2", "v1beta3", "v1beta4"];
/// Versions whose patches are applied: kubeadm reads the former no more, but kind writes it for
/// Kubernetes up to 1.35, and what kind's users patch in it has the same names in the latter.
const LIVE_VERSIONS: [&str; 2] = ["kubeadm.k8s.io/v1beta3", "kubeadm.k8s.io/v1beta4"];

/// Changes of the documents that kubeadm reads. Merge patches come before JSON patches, each in the
/// order they were given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KubeadmPatches {
    /// Merge patches (RFC 7386).
    pub merge: Vec<MergePatch>,
    /// JSON patches (RFC 6902).
    pub json: Vec<JsonPatch>,
}

/// Which documents a patch is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatchTarget {
    /// Their kind.
    pub kind: String,
    /// Their API version; `None` is any.
    pub api_version: Option<String>,
}

/// A merge patch, as it was written: one or more YAML documents. Two are equal that do the same,
/// wherever they were written.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MergePatch {
    /// Where it was written: the key, with the file's name and line.
    pub place: String,
    /// Its text.
    pub text: String,
    /// Its documents, each with what it is for.
    pub documents: Vec<(PatchTarget, Value)>,
}

impl PartialEq for MergePatch {
    fn eq(&self, other: &Self) -> bool {
        self.documents == other.documents
    }
}

impl Eq for MergePatch {}

/// A JSON patch. Two are equal that do the same, wherever they were written.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct JsonPatch {
    /// Where it was written: the key, with the file's name and line.
    pub place: String,
    /// Its text.
    pub text: String,
    /// What it is for.
    pub target: PatchTarget,
    /// What it does, in order.
    pub operations: Vec<PatchOperation>,
}

impl PartialEq for JsonPatch {
    fn eq(&self, other: &Self) -> bool {
        (&self.target, &self.operations) == (&other.target, &other.operations)
    }
}

impl Eq for JsonPatch {}

impl KubeadmPatches {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.merge.is_empty() && self.json.is_empty()
    }

    /// The place of each patch, with what it is for.
    pub fn targets(&self) -> impl Iterator<Item = (&str, &PatchTarget)> {
        let merge = self.merge.iter().flat_map(|patch| {
            patch.documents.iter().map(|(target, _)| (patch.place.as_str(), target))
        });
        merge.chain(self.json.iter().map(|patch| (patch.place.as_str(), &patch.target)))
    }
}

impl PatchTarget {
    /// Whether a document is one that the patch is for: its kind is the same, and its API version,
    /// where the patch names one. Of kubeadm's versions, the last two count as one.
    pub fn matches(&self, document: &Value) -> bool {
        let field = |name| document.get(name).and_then(Value::as_str);
        field("kind") == Some(&self.kind)
            && self.api_version.as_deref().is_none_or(|version| {
                field("apiVersion").is_some_and(|ours| {
                    ours == version
                        || (LIVE_VERSIONS.contains(&ours) && LIVE_VERSIONS.contains(&version))
                })
            })
    }

    /// Whether no kubeadm that kipod runs reads documents of that version.
    pub fn is_outdated(&self) -> bool {
        self.api_version.as_deref().is_some_and(|version| {
            version.starts_with(KUBEADM) && !LIVE_VERSIONS.contains(&version)
        })
    }

    /// Checks that there are such documents.
    fn check(&self) -> Result<(), String> {
        let Self { kind, api_version } = self;
        let Some((_, group, versions)) = DOCUMENTS.iter().find(|(known, ..)| known == kind) else {
            let kinds = DOCUMENTS.map(|(known, ..)| known);
            let meant = did_you_mean(kind, kinds);
            return Err(format!("`{kind}` is no kind of document that kubeadm reads{meant}"));
        };
        match api_version {
            Some(version) if !versions.iter().any(|one| *version == format!("{group}/{one}")) => {
                let newest = versions.last().map_or("", |newest| newest);
                Err(format!("`{version}` is no API version of {kind}: `{group}/{newest}` is"))
            }
            _ => Ok(()),
        }
    }
}

impl MergePatch {
    /// Reads a patch; `place` is where it was written.
    ///
    /// # Errors
    ///
    /// With all that is wrong with it.
    pub(super) fn read(text: &str, place: String) -> Result<Self, Vec<String>> {
        let documents = documents(text).map_err(|fault| vec![fault])?;
        let mut faults = Vec::new();
        let mut read = Vec::new();
        for (index, document) in documents.into_iter().enumerate() {
            let Value::Object(fields) = &document else {
                faults.push(format!("document {} of the patch is not a mapping", index + 1));
                continue;
            };
            let text = |name| fields.get(name).and_then(Value::as_str).map(str::to_owned);
            let Some(kind) = text("kind") else {
                faults.push("the patch has no `kind`, which says what document it is for".into());
                continue;
            };
            let target = PatchTarget { kind, api_version: text("apiVersion") };
            match target.check() {
                Ok(()) => read.push((target, document)),
                Err(fault) => faults.push(fault),
            }
        }
        if faults.is_empty() && read.is_empty() {
            faults.push("the patch is empty".into());
        }
        let text = text.to_owned();
        if faults.is_empty() { Ok(Self { place, text, documents: read }) } else { Err(faults) }
    }
}

impl JsonPatch {
    /// Reads a patch; `place` is where it was written.
    ///
    /// # Errors
    ///
    /// With all that is wrong with it.
    pub(super) fn read(
        text: &str,
        target: PatchTarget,
        place: String,
    ) -> Result<Self, Vec<String>> {
        let mut faults = Vec::new();
        faults.extend(target.check().err());
        let mut operations = Vec::new();
        match documents(text).map(|mut all| (all.len() == 1).then(|| all.remove(0))) {
            Ok(Some(Value::Array(list))) => {
                for (index, operation) in list.into_iter().enumerate() {
                    match serde_json::from_value(operation) {
                        Ok(operation) => operations.push(operation),
                        Err(error) => faults.push(format!("operation {}: {error}", index + 1)),
                    }
                }
            }
            Ok(_) => faults.push("the patch is not a list of operations".into()),
            Err(fault) => faults.push(fault),
        }
        let text = text.to_owned();
        if faults.is_empty() { Ok(Self { place, text, target, operations }) } else { Err(faults) }
    }
}

/// The documents of a text, without those that say nothing.
fn documents(text: &str) -> Result<Vec<Value>, String> {
    let all: Vec<Value> = serde_saphyr::from_multiple(text).map_err(|error| {
        let error = error.without_snippet();
        let line =
            error.location().map(|location| format!("line {} of the patch: ", location.line()));
        let reason = error.to_string();
        // The location, which is known already, stands behind the reason.
        let reason = reason.lines().next().unwrap_or_default();
        let reason = reason.split_once(" at line ").map_or(reason, |(reason, _)| reason);
        format!("{}{reason}", line.unwrap_or_default())
    })?;
    Ok(all.into_iter().filter(|document| !document.is_null()).collect())
}
