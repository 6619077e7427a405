//! How a command fails: what it says, what the user can do, and the exit status.

use kipod_engine::{
    Hint, actions, bundle, cluster, gc, kubeconfig, node_image, podman, registry, spec,
};

/// A command's failure, ready to be shown.
#[derive(Debug)]
pub(crate) struct Failure {
    text: String,
    hint: Option<String>,
    code: u8,
}

impl Failure {
    /// A failure that says `text`.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), hint: None, code: 1 }
    }

    /// With a hint on a line of its own.
    pub(crate) fn hint(mut self, hint: Option<impl Into<String>>) -> Self {
        self.hint = hint.map(Into::into);
        self
    }

    /// With another exit status than 1.
    pub(crate) fn code(mut self, code: u8) -> Self {
        self.code = code;
        self
    }

    /// Prints it to standard error, and answers the exit status.
    pub(crate) fn report(self) -> std::process::ExitCode {
        eprintln!("error: {}", self.text);
        if let Some(hint) = self.hint {
            eprintln!("hint: {hint}");
        }
        std::process::ExitCode::from(self.code)
    }
}

/// Errors that know a hint.
macro_rules! hinted {
    ($($error:ty),+ $(,)?) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                let hint = error.hint().map(|hint| hint.to_string());
                Self::new(error.to_string()).hint(hint)
            }
        })+
    };
}

/// Errors that say all there is to say.
macro_rules! plain {
    ($($error:ty),+ $(,)?) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::new(error.to_string())
            }
        })+
    };
}

hinted!(
    cluster::ExportError,
    cluster::OpenError,
    cluster::RecordError,
    cluster::RemoveError,
    node_image::NodeImageError,
    node_image::BuildError,
    bundle::BundleError,
    podman::PodmanError,
    gc::PruneError,
);

impl From<registry::RegistryError> for Failure {
    fn from(error: registry::RegistryError) -> Self {
        let interrupted = matches!(error, registry::RegistryError::Cancelled { .. });
        let hint = error.hint();
        Self::new(error.to_string()).hint(hint).code(if interrupted { 130 } else { 1 })
    }
}

plain!(cluster::LogsError, registry::RegistryNameError, spec::NameError, std::io::Error);

impl From<kipod_engine::DirsError> for Failure {
    fn from(error: kipod_engine::DirsError) -> Self {
        Self::new(error.to_string()).hint(Some(error.hint()))
    }
}

impl From<kubeconfig::KubeconfigError> for Failure {
    fn from(error: kubeconfig::KubeconfigError) -> Self {
        let hint = error.hint();
        Self::new(error.to_string()).hint(Some(hint))
    }
}

impl From<actions::CreateError> for Failure {
    fn from(error: actions::CreateError) -> Self {
        // As a shell says of a program that ended by SIGINT.
        let code = if matches!(error, actions::CreateError::Cancelled { .. }) { 130 } else { 1 };
        let hint = error.hint();
        Self::new(error.to_string()).hint(hint).code(code)
    }
}

impl From<actions::ChangeError> for Failure {
    fn from(error: actions::ChangeError) -> Self {
        let interrupted = matches!(
            error,
            actions::ChangeError::NotReady(actions::CreateError::Cancelled { .. })
                | actions::ChangeError::Images(actions::ImagesError::Cancelled { .. })
        );
        let hint = error.hint();
        Self::new(error.to_string()).hint(hint).code(if interrupted { 130 } else { 1 })
    }
}

impl From<spec::ValidationErrors> for Failure {
    fn from(faults: spec::ValidationErrors) -> Self {
        // Bad words on the command line end as clap's own do.
        Self::new(faults.to_string().trim_start_matches("error: ")).code(2)
    }
}
