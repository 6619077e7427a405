//! Migration from kind's format to kipod's.

use super::{Document, read, tree};
use crate::spec::{ValidationError, ValidationErrors};
use crate::util::yaml;

/// Converts a file of kind's format to kipod's for the same cluster. Returns the text, and a warning for
/// each changed value. Comments are kept; anchors and aliases are expanded. A file of kipod's format
/// is not changed.
///
/// # Errors
///
/// All errors of the file, including fields that kipod does not support.
///
/// ```
/// use kipod_engine::config;
///
/// let old = "# mine\nkind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes:\n- role: worker # one\n- {}\n";
/// let (new, warnings) = config::migrate(old, "kind.yaml").unwrap();
/// assert_eq!(
///     new,
///     "# mine\nkind: Cluster\napiVersion: kipod.io/v1alpha1\nnodes:\n- role: worker # one\n- {}\n"
/// );
/// assert!(warnings.is_empty());
/// ```
pub fn migrate(text: &str, file: &str) -> Result<(String, Vec<String>), ValidationErrors> {
    let before = read(text, file).check()?;
    let failed = |message: &str| ValidationErrors::from(ValidationError::at(None, file, message));
    let (Some(Document { root, comments, is_kind, warnings }), _) = tree(text, file) else {
        return Err(failed("the file is empty"));
    };
    if !is_kind {
        return Ok((text.to_owned(), warnings));
    }
    let document = yaml::Document { root: Some(root), comments };
    let written = yaml::write(&document).map_err(|error| failed(&error.to_string()))?;
    // The result must describe the same cluster.
    match read(&written, file).check() {
        Ok(after) if after == before => Ok((written, warnings)),
        Ok(_) => Err(failed("kipod's format cannot describe the same cluster")),
        Err(errors) => Err(errors),
    }
}
