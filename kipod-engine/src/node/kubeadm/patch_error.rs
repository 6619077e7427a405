//! Errors of patches.

/// A patch that cannot be applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{location}: cannot patch {kind} of node `{node}`")]
#[non_exhaustive]
pub struct PatchError {
    /// The location of the patch in the configuration.
    pub location: String,
    /// The kind of the patched document.
    pub kind: String,
    /// The node that reads the document.
    pub node: String,
    /// The cause.
    #[source]
    pub cause: Box<PatchCause>,
}

/// The reason why a patch cannot be applied. Paths are JSON pointers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatchCause {
    /// The patch merges a list into a value of another type.
    #[error("`{path}` is not a list in the document")]
    NotAListInDocument {
        /// The value's path.
        path: String,
    },
    /// A value in the patch has to be a list.
    #[error("`{path}` is not a list")]
    NotAList {
        /// The value's path.
        path: String,
    },
    /// Arguments in the patch have to be a list or a mapping.
    #[error("`{path}` is neither a list nor a mapping")]
    NotArguments {
        /// The value's path.
        path: String,
    },
    /// An argument in the patch has no name.
    #[error("`{path}` has an item without a `name`")]
    UnnamedArgument {
        /// The path of the list.
        path: String,
    },
    /// An argument in the patch has a list or a mapping as its value.
    #[error("`{path}`: the value of `{name}` is not text")]
    ArgumentValue {
        /// The path of the arguments.
        path: String,
        /// The argument's name.
        name: String,
    },
    /// The patch contradicts a key of the configuration.
    #[error(
        "the patch sets `{name}` to `{value}`, but `{key}` of the configuration sets it to `{configured}`"
    )]
    Conflict {
        /// The feature gate, API or label.
        name: String,
        /// The value in the patch.
        value: String,
        /// The key of the configuration.
        key: &'static str,
        /// The value in the configuration.
        configured: String,
    },
    /// An operation of a JSON patch failed.
    #[error("operation {number} (`{operation} {path}`): {reason}")]
    Operation {
        /// The operation's number, starting with 1.
        number: usize,
        /// The operation: `add`, `remove`, `replace`, `move`, `copy` or `test`.
        operation: String,
        /// The operation's path.
        path: String,
        /// The reason.
        reason: &'static str,
    },
}
