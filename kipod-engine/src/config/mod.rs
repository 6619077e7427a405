//! Configuration files: kind's `kind.x-k8s.io/v1alpha4` as it stands, and kipod's own
//! `kipod.io/v1alpha1`, which has the same nouns and a few more.
//!
//! [`read`] turns a text into a [`RawSpec`] whose values know where they stand, so that
//! [`Config::check`] tells all that is wrong, with the text and with what it asks for, at once and
//! with line and column. [`print()`] writes
//! a cluster in kipod's format, with every default filled in; [`migrate`] turns kind's format into
//! kipod's, comments included. [`schema`] is kipod's format as a JSON schema, for editors.
//!
//! ```
//! use kipod_engine::config;
//!
//! let text = "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnetworking:\n  podSubnets: 10.1.0.0/16\n";
//! let faults = config::read(text, "cluster.yaml").check().unwrap_err();
//! assert_eq!(
//!     faults.iter().next().unwrap().to_string(),
//!     "cluster.yaml:4:3: networking.podSubnets: there is no such field; did you mean `podSubnet`?"
//! );
//! ```

mod at;
mod expand;
mod fields;
mod format;
mod kind;
mod migrate;
mod print;
mod read;
mod schema;
mod shape;
#[cfg(test)]
mod tests;

use crate::spec::{ClusterSpec, Place, Position, RawSpec, ValidationError, ValidationErrors};
use crate::util::timeouts::Timeouts;
use crate::util::yaml::{self, Flaw, Mark, Node, Value};

use at::At;
use fields::{KIND, KIND_CLUSTER, KIPOD, KIPOD_CLUSTER};
use format::Kind;

pub use migrate::migrate;
pub use print::print;
pub use schema::schema;

/// What a file asks for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Config {
    /// It, unchecked. What was typed beside the file is put in here.
    pub raw: RawSpec,
    /// Where kipod took something for something else, to make sense of kind's format. Each is a
    /// line.
    pub remarks: Vec<String>,
    /// What is wrong with the text.
    faults: Vec<ValidationError>,
}

impl Config {
    /// Checks all of it.
    ///
    /// # Errors
    ///
    /// With all that is wrong at once, with the text and with the values, in the order of the file.
    pub fn check(&self) -> Result<ClusterSpec, ValidationErrors> {
        self.check_for(Timeouts::default())
    }

    /// The same for a machine that is so many times slower than usual, as [`RawSpec::check_for`] has it.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    pub fn check_for(&self, timeouts: Timeouts) -> Result<ClusterSpec, ValidationErrors> {
        let mut faults = self.faults.clone();
        match self.raw.check_for(timeouts) {
            Ok(spec) if faults.is_empty() => return Ok(spec),
            Ok(_) => {}
            Err(wrong) => faults.extend(wrong.iter().cloned()),
        }
        faults.sort_by_key(|fault| fault.position.as_ref().map(|at| (at.line, at.column)));
        faults.dedup();
        Err(ValidationErrors::new(faults).expect("there was one to begin with"))
    }
}

/// Reads a configuration file of either format; `file` is what it is called in faults. What is wrong
/// with it is told by [`Config::check`].
pub fn read(text: &str, file: &str) -> Config {
    let (document, faults) = tree(text, file);
    match document {
        Some(Document { root, remarks, .. }) => {
            Config { raw: read::cluster(&At::root(file, &root)), remarks, faults }
        }
        None => Config { faults, ..Config::default() },
    }
}

/// A file as a tree of kipod's format.
struct Document {
    root: Node,
    /// Comments behind the last node.
    comments: Vec<String>,
    /// Whether it was of kind's format.
    is_kinds: bool,
    remarks: Vec<String>,
}

/// Reads a file as a tree of kipod's format, with all that does not fit that or kind's. There is no
/// tree where nothing can be said of its content.
fn tree(text: &str, file: &str) -> (Option<Document>, Vec<ValidationError>) {
    let position = |mark: Mark| {
        let (line, column) = (mark.line.max(1), mark.column.max(1));
        Position { file: file.to_owned(), line, column }
    };
    let fault = |mark: Mark, message: &str| ValidationError {
        position: Some(position(mark)),
        place: String::new(),
        message: message.to_owned(),
    };
    let flawed = |flaw: &Flaw| fault(flaw.mark, &flaw.message);
    let (document, flaws) = yaml::read(text);
    let mut faults: Vec<ValidationError> = flaws.iter().map(flawed).collect();
    let Some(root) = document.root else {
        if faults.is_empty() {
            faults.push(fault(Mark::default(), "there is nothing in it"));
        }
        return (None, faults);
    };
    let (mut root, flaws) = expand::expand(root);
    faults.extend(flaws.iter().map(flawed));
    if !matches!(root.value, Value::Map(_)) {
        faults.push(fault(root.mark, "its top is not a mapping"));
        return (None, faults);
    }
    let Some(version) = version(&At::root(file, &root), &mut faults) else {
        return (None, faults);
    };
    let is_kinds = version == KIND;
    let object = if is_kinds { &KIND_CLUSTER } else { &KIPOD_CLUSTER };
    shape::check(&At::root(file, &root), Kind::Object(object), &mut faults);
    let mut remarks = Vec::new();
    if is_kinds {
        let changes = kind::to_kipod(&mut root);
        remarks.extend(changes.into_iter().map(|change| {
            Place { key: change.key, position: position(change.mark) }
                .fault(change.message)
                .to_string()
        }));
    }
    (Some(Document { root, comments: document.comments, is_kinds, remarks }), faults)
}

/// The API version, if it is one that can be read.
fn version(at: &At<'_>, faults: &mut Vec<ValidationError>) -> Option<&'static str> {
    let text = |name| at.field(name).and_then(|at| at.text());
    match text("kind") {
        Some(kind) if kind.text == "Cluster" => {}
        Some(kind) => {
            faults.push(kind.fault("kind", format!("`{}` is not `Cluster`", kind.text)));
        }
        None => faults.push(at.fault("there is no `kind: Cluster` in it")),
    }
    let Some(version) = text("apiVersion") else {
        faults.push(at.fault(format!("there is no `apiVersion` in it: `{KIND}` or `{KIPOD}`")));
        return None;
    };
    let known = [KIND, KIPOD].into_iter().find(|known| *known == version.text);
    if known.is_none() {
        let message = format!(
            "`{}` is not an API version that kipod reads: `{KIND}` and `{KIPOD}` are",
            version.text
        );
        faults.push(version.fault("apiVersion", message));
    }
    known
}
