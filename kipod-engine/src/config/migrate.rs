//! From kind's format to kipod's.

use super::{Document, read, tree};
use crate::spec::{ValidationError, ValidationErrors};
use crate::util::yaml;

/// Turns a file of kind's format into one of kipod's that asks for the same cluster, and answers the
/// text, with a remark for each place where it says something else than before. Comments stay;
/// anchors and aliases are written out. A file of kipod's format stays as it is.
///
/// # Errors
///
/// With all that cannot be carried over, and all that is wrong.
///
/// ```
/// use kipod_engine::config;
///
/// let old = "# mine\nkind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes:\n- role: worker # one\n- {}\n";
/// let (new, remarks) = config::migrate(old, "kind.yaml").unwrap();
/// assert_eq!(
///     new,
///     "# mine\nkind: Cluster\napiVersion: kipod.io/v1alpha1\nnodes:\n- role: worker # one\n- {}\n"
/// );
/// assert!(remarks.is_empty());
/// ```
pub fn migrate(text: &str, file: &str) -> Result<(String, Vec<String>), ValidationErrors> {
    let before = read(text, file).check()?;
    let failed = |message: String| {
        let fault = ValidationError { position: None, place: file.to_owned(), message };
        ValidationErrors::new(vec![fault]).expect("it is one")
    };
    let (Some(Document { root, comments, is_kinds, remarks }), _) = tree(text, file) else {
        return Err(failed("there is nothing in it".to_owned()));
    };
    if !is_kinds {
        return Ok((text.to_owned(), remarks));
    }
    let document = yaml::Document { root: Some(root), comments };
    let written = yaml::write(&document).map_err(failed)?;
    // Nobody is given another cluster than the one that was asked for.
    match read(&written, file).check() {
        Ok(after) if after == before => Ok((written, remarks)),
        Ok(_) => Err(failed("it would ask for another cluster in kipod's format".to_owned())),
        Err(faults) => Err(faults),
    }
}
