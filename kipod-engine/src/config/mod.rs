//! Configuration files in kind's format, `kind.x-k8s.io/v1alpha4`, and in kipod's own format,
//! `kipod.io/v1alpha1`, which has the same fields and a few more.
//!
//! [`read`] reads a file, and [`Config::check`] validates it with all errors at once, each with line and
//! column. `print` prints a cluster in kipod's format, including defaults. `migrate` converts
//! kind's format to kipod's and keeps comments. `schema` returns the JSON schema of kipod's format.
//!
//! ```
//! use kipod_engine::config;
//!
//! let text = "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnetworking:\n  podSubnets: 10.1.0.0/16\n";
//! let errors = config::read(text, "cluster.yaml").check().unwrap_err();
//! assert_eq!(
//!     errors.iter().next().unwrap().to_string(),
//!     "cluster.yaml:4:3: networking.podSubnets: unknown field; did you mean `podSubnet`?"
//! );
//! ```

mod cursor;
mod expand;
mod fields;
mod from_kind;
mod migrate;
mod print;
mod schema;
mod structure;
mod tables;
#[cfg(test)]
mod tests;
mod to_raw;

use crate::spec::{ClusterSpec, Location, Position, RawSpec, ValidationError, ValidationErrors};
use crate::util::timeouts::Timeouts;
use crate::util::yaml::{self, Mark, Node, SyntaxError, Value};

use cursor::Cursor;
use fields::{KIND, KIND_CLUSTER, KIPOD, KIPOD_CLUSTER};
use tables::Kind;

pub use migrate::migrate;
pub use print::print;
pub use schema::schema;

/// A configuration file that was read.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Config {
    /// The unvalidated specification. The values of flags are set here.
    #[doc(hidden)]
    pub raw: RawSpec,
    /// Warnings about values of kind's format that were replaced, one line each.
    pub warnings: Vec<String>,
    /// The errors of syntax and structure.
    errors: Vec<ValidationError>,
}

impl Config {
    /// Validates the file.
    ///
    /// # Errors
    ///
    /// All errors at once, in the order of the file.
    pub fn check(&self) -> Result<ClusterSpec, ValidationErrors> {
        self.check_for(Timeouts::default())
    }

    /// Validates the file like [`check`](Self::check) for a slower host: the default timeout is
    /// multiplied by the factor.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    pub fn check_for(&self, timeouts: Timeouts) -> Result<ClusterSpec, ValidationErrors> {
        let mut errors = self.errors.clone();
        match self.raw.check_for(timeouts) {
            Ok(spec) if errors.is_empty() => return Ok(spec),
            Ok(_) => {}
            Err(wrong) => errors.extend(wrong.iter().cloned()),
        }
        errors.sort_by_key(|error| error.position.as_ref().map(|at| (at.line, at.column)));
        errors.dedup();
        Err(ValidationErrors::new(errors).expect("there is at least one error"))
    }
}

/// The limit of a configuration file: 1 MiB. A file with 250 nodes that all have mounts, ports, labels and
/// patches is a quarter of it.
pub const LIMIT: u64 = 1 << 20;

/// Reads a configuration file of either format. `file` is its name in errors, which [`Config::check`]
/// returns.
pub fn read(text: &str, file: &str) -> Config {
    let (document, errors) = tree(text, file);
    match document {
        Some(Document { root, warnings, .. }) => {
            Config { raw: to_raw::cluster(&Cursor::root(file, &root)), warnings, errors }
        }
        None => Config { errors, ..Config::default() },
    }
}

/// A file as a tree of kipod's format.
struct Document {
    root: Node,
    /// The comments after the last node.
    comments: Vec<String>,
    /// `true` for a file of kind's format.
    is_kind: bool,
    warnings: Vec<String>,
}

/// Reads a file as a tree of kipod's format, with all errors of syntax and structure. There is no tree
/// if its content is unreadable.
fn tree(text: &str, file: &str) -> (Option<Document>, Vec<ValidationError>) {
    let position = |mark: Mark| {
        let (line, column) = (mark.line.max(1), mark.column.max(1));
        Position { file: file.to_owned(), line, column }
    };
    let error_at = |mark: Mark, message: &str| {
        Location { key: String::new(), position: position(mark) }.error(message)
    };
    let convert = |error: &SyntaxError| error_at(error.mark, &error.message);
    let (document, syntax_errors) = yaml::read(text);
    let mut errors: Vec<ValidationError> = syntax_errors.iter().map(convert).collect();
    let Some(root) = document.root else {
        if errors.is_empty() {
            errors.push(error_at(Mark::default(), "the file is empty"));
        }
        return (None, errors);
    };
    let (mut root, expand_errors) = expand::expand(root);
    errors.extend(expand_errors.iter().map(convert));
    if !matches!(root.value, Value::Map(_)) {
        errors.push(error_at(root.mark, "the top level must be a mapping"));
        return (None, errors);
    }
    let Some(version) = version(&Cursor::root(file, &root), &mut errors) else {
        return (None, errors);
    };
    let is_kind = version == KIND;
    let object = if is_kind { &KIND_CLUSTER } else { &KIPOD_CLUSTER };
    structure::check(&Cursor::root(file, &root), Kind::Object(object), &mut errors);
    let mut warnings = Vec::new();
    if is_kind {
        let changes = from_kind::to_kipod(&mut root);
        warnings.extend(changes.into_iter().map(|change| {
            Location { key: change.key, position: position(change.mark) }
                .error(change.message)
                .to_string()
        }));
    }
    (Some(Document { root, comments: document.comments, is_kind, warnings }), errors)
}

/// Returns the API version; `None` if it is unknown.
fn version(at: &Cursor<'_>, errors: &mut Vec<ValidationError>) -> Option<&'static str> {
    let text = |name| at.field(name).and_then(|at| at.text());
    match text("kind") {
        Some(kind) if kind.text == "Cluster" => {}
        Some(kind) => {
            errors.push(kind.error("kind", format!("`{}` is not `Cluster`", kind.text)));
        }
        None => errors.push(at.error("missing `kind: Cluster`")),
    }
    let Some(version) = text("apiVersion") else {
        errors.push(at.error(format!("missing `apiVersion`: expected `{KIND}` or `{KIPOD}`")));
        return None;
    };
    let known = [KIND, KIPOD].into_iter().find(|known| *known == version.text);
    if known.is_none() {
        let message =
            format!("unknown API version `{}`: expected `{KIND}` or `{KIPOD}`", version.text);
        errors.push(version.error("apiVersion", message));
    }
    known
}
