//! Patches of the kubeadm configuration.

use json_patch::PatchOperation;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::patch_fields::{unknown_fields, unknown_in_operation};
use super::problem::Problem;
use crate::util::suggest::did_you_mean;

/// The objects of the kubeadm configuration: kind, group and versions. kipod writes the last version.
const DOCUMENTS: [(&str, &str, &[&str]); 5] = [
    ("ClusterConfiguration", KUBEADM, KUBEADM_VERSIONS),
    ("InitConfiguration", KUBEADM, KUBEADM_VERSIONS),
    ("JoinConfiguration", KUBEADM, KUBEADM_VERSIONS),
    ("KubeletConfiguration", "kubelet.config.k8s.io", &["v1beta1"]),
    ("KubeProxyConfiguration", "kubeproxy.config.k8s.io", &["v1alpha1"]),
];
const KUBEADM: &str = "kubeadm.k8s.io";
const KUBEADM_VERSIONS: &[&str] = &["v1beta1", "v1beta2", "v1beta3", "v1beta4"];
/// The versions whose patches are applied. kubeadm no longer reads the first, but kind writes it for
/// Kubernetes up to 1.35, and the fields that users of kind patch have the same names in both.
const LIVE_VERSIONS: [&str; 2] = ["kubeadm.k8s.io/v1beta3", "kubeadm.k8s.io/v1beta4"];

/// Patches of the kubeadm configuration. Merge patches are applied before JSON patches, each in order.
///
/// [`ClusterSpecBuilder::kubeadm_patch`](super::ClusterSpecBuilder::kubeadm_patch) adds a patch for all
/// nodes. A node can have further ones:
///
/// ```
/// use kipod_engine::spec::{KubeadmPatches, NodeSpec};
/// use kipod_engine::{ClusterSpec, Role};
///
/// let mut node = NodeSpec::new(Role::Worker);
/// node.kubeadm_patches = KubeadmPatches::merge("kind: KubeletConfiguration\nmaxPods: 20")?;
/// let spec = ClusterSpec::builder("demo").node(node).build()?;
/// assert!(spec.kubeadm_patches.is_empty() && !spec.nodes[1].kubeadm_patches.is_empty());
/// # Ok::<(), kipod_engine::spec::ValidationErrors>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KubeadmPatches {
    /// Merge patches (RFC 7386).
    pub(crate) merge: Vec<MergePatch>,
    /// JSON patches (RFC 6902).
    pub(crate) json: Vec<JsonPatch>,
}

/// The objects that a patch applies to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PatchTarget {
    /// The kind.
    pub kind: String,
    /// The API version; `None` matches every version.
    pub api_version: Option<String>,
}

/// A merge patch: one or more YAML documents. Two patches are equal if their documents are, wherever they
/// are defined.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MergePatch {
    /// The location of the patch: file, line and key.
    #[serde(rename = "place")]
    pub location: String,
    /// The text.
    pub text: String,
    /// The documents with their targets.
    pub(crate) documents: Vec<(PatchTarget, Value)>,
}

impl PartialEq for MergePatch {
    fn eq(&self, other: &Self) -> bool {
        self.documents == other.documents
    }
}

impl Eq for MergePatch {}

/// A JSON patch. Two patches are equal if their targets and operations are, wherever they are defined.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct JsonPatch {
    /// The location of the patch: file, line and key.
    #[serde(rename = "place")]
    pub location: String,
    /// The text.
    pub text: String,
    /// The objects that the patch applies to.
    pub target: PatchTarget,
    /// The operations, in order.
    pub(crate) operations: Vec<PatchOperation>,
}

impl PartialEq for JsonPatch {
    fn eq(&self, other: &Self) -> bool {
        (&self.target, &self.operations) == (&other.target, &other.operations)
    }
}

impl Eq for JsonPatch {}

impl KubeadmPatches {
    /// Returns whether there are no patches.
    pub fn is_empty(&self) -> bool {
        self.merge.is_empty() && self.json.is_empty()
    }

    /// Iterates over the targets, each with the location of its patch.
    pub(crate) fn targets(&self) -> impl Iterator<Item = (&str, &PatchTarget)> {
        let merge = self.merge.iter().flat_map(|patch| {
            patch.documents.iter().map(|(target, _)| (patch.location.as_str(), target))
        });
        merge.chain(self.json.iter().map(|patch| (patch.location.as_str(), &patch.target)))
    }
}

impl PatchTarget {
    /// Returns whether the patch applies to a document: the kinds are equal, and the API versions if the
    /// patch has one. The last two versions of kubeadm's group count as equal.
    pub(crate) fn matches(&self, document: &Value) -> bool {
        let field = |name| document.get(name).and_then(Value::as_str);
        field("kind") == Some(&self.kind)
            && self.api_version.as_deref().is_none_or(|version| {
                field("apiVersion").is_some_and(|ours| {
                    ours == version
                        || (LIVE_VERSIONS.contains(&ours) && LIVE_VERSIONS.contains(&version))
                })
            })
    }

    /// Returns whether no supported kubeadm reads the API version.
    pub(crate) fn is_outdated(&self) -> bool {
        self.api_version.as_deref().is_some_and(|version| {
            version.starts_with(KUBEADM) && !LIVE_VERSIONS.contains(&version)
        })
    }

    /// Checks that kubeadm has such objects.
    fn check(&self) -> Result<(), Problem> {
        let Self { kind, api_version } = self;
        let Some((_, group, versions)) = DOCUMENTS.iter().find(|(known, ..)| known == kind) else {
            let kinds = DOCUMENTS.map(|(known, ..)| known);
            let suggestion = did_you_mean(kind, kinds);
            let message =
                format!("`{kind}` is not a kind of the kubeadm configuration{suggestion}");
            return Err(Problem(message));
        };
        match api_version {
            Some(version) if !versions.iter().any(|one| *version == format!("{group}/{one}")) => {
                let newest = versions.last().map_or("", |newest| newest);
                Err(Problem(format!(
                    "`{version}` is not an API version of {kind}: use `{group}/{newest}`"
                )))
            }
            _ => Ok(()),
        }
    }
}

impl MergePatch {
    /// Parses a patch.
    ///
    /// # Errors
    ///
    /// All problems of the patch.
    pub(super) fn parse(text: &str, location: String) -> Result<Self, Vec<Problem>> {
        let documents = documents(text).map_err(|problem| vec![problem])?;
        let mut problems = Vec::new();
        let mut read = Vec::new();
        for (index, document) in documents.into_iter().enumerate() {
            let Value::Object(fields) = &document else {
                let message = format!("document {} of the patch is not a mapping", index + 1);
                problems.push(Problem(message));
                continue;
            };
            let text = |name| fields.get(name).and_then(Value::as_str).map(str::to_owned);
            let Some(kind) = text("kind") else {
                problems.push(Problem("the patch has no `kind` of the object to patch".to_owned()));
                continue;
            };
            let target = PatchTarget { kind, api_version: text("apiVersion") };
            match target.check() {
                Ok(()) => {
                    if !target.is_outdated() {
                        let unknown = unknown_fields(&target.kind, &document);
                        problems.extend(unknown.into_iter().map(Problem));
                    }
                    read.push((target, document));
                }
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() && read.is_empty() {
            problems.push(Problem("the patch is empty".to_owned()));
        }
        let text = text.to_owned();
        match problems.is_empty() {
            true => Ok(Self { location, text, documents: read }),
            false => Err(problems),
        }
    }
}

impl JsonPatch {
    /// Parses a patch.
    ///
    /// # Errors
    ///
    /// All problems of the patch.
    pub(super) fn parse(
        text: &str,
        target: PatchTarget,
        location: String,
    ) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        problems.extend(target.check().err());
        let mut operations = Vec::new();
        match documents(text).map(|mut all| (all.len() == 1).then(|| all.remove(0))) {
            Ok(Some(Value::Array(list))) => {
                for (index, operation) in list.into_iter().enumerate() {
                    let path = operation["path"].as_str().unwrap_or_default();
                    let unknown = match target.is_outdated() {
                        true => Vec::new(),
                        false => unknown_in_operation(&target.kind, path, operation.get("value")),
                    };
                    let number = index + 1;
                    match serde_json::from_value(operation) {
                        Ok(operation) => {
                            let problem = |text| Problem(format!("operation {number}: {text}"));
                            problems.extend(unknown.into_iter().map(problem));
                            operations.push(operation);
                        }
                        Err(error) => {
                            problems.push(Problem(format!("operation {number}: {error}")));
                        }
                    }
                }
            }
            Ok(_) => problems.push(Problem("the patch is not a list of operations".to_owned())),
            Err(problem) => problems.push(problem),
        }
        let text = text.to_owned();
        match problems.is_empty() {
            true => Ok(Self { location, text, target, operations }),
            false => Err(problems),
        }
    }
}

/// Parses the non-empty documents of a text.
fn documents(text: &str) -> Result<Vec<Value>, Problem> {
    let all: Vec<Value> = serde_saphyr::from_multiple(text).map_err(|error| {
        let error = error.without_snippet();
        let line =
            error.location().map(|location| format!("line {} of the patch: ", location.line()));
        let reason = error.to_string();
        // The reason ends with the location.
        let reason = reason.lines().next().unwrap_or_default();
        let reason = reason.split_once(" at line ").map_or(reason, |(reason, _)| reason);
        Problem(format!("{}{reason}", line.unwrap_or_default()))
    })?;
    Ok(all.into_iter().filter(|document| !document.is_null()).collect())
}
