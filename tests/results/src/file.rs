//! The results file.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::{ParseError, TestResult};

/// Environment variable with the path of the results file.
pub const VARIABLE: &str = "KIPOD_RESULTS";

/// A file of results. Several processes may append to it at the same time.
#[derive(Debug, Clone)]
pub struct ResultsFile {
    path: PathBuf,
}

impl ResultsFile {
    /// Creates a handle for the file at `path`. The file need not exist.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Returns the file that [`VARIABLE`] names, or `None` if the variable is unset or empty.
    pub fn from_env() -> Option<Self> {
        std::env::var_os(VARIABLE).filter(|path| !path.is_empty()).map(Self::new)
    }

    /// Returns the path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a result, in a single write.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened or written.
    pub fn append(&self, result: &TestResult) -> io::Result<()> {
        let mut file = OpenOptions::new().create(true).append(true).open(&self.path)?;
        file.write_all(format!("{result}\n").as_bytes())
    }

    /// Reads all results. A file that does not exist has none.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or a line is not a result.
    pub fn read(&self) -> Result<Vec<TestResult>, ReadError> {
        let text = match fs::read_to_string(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            text => text.map_err(|source| ReadError::Io { path: self.path.clone(), source })?,
        };
        let results = text.lines().enumerate().map(|(index, line)| {
            let located =
                |source| ReadError::Line { path: self.path.clone(), line: index + 1, source };
            line.parse().map_err(located)
        });
        results.collect()
    }
}

/// A results file that cannot be read.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReadError {
    /// The file cannot be read.
    Io {
        /// Path of the file.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
    /// A line is not a result.
    Line {
        /// Path of the file.
        path: PathBuf,
        /// Line number, from 1.
        line: usize,
        /// Cause.
        source: ParseError,
    },
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { path, .. } => write!(f, "failed to read `{}`", path.display()),
            Self::Line { path, line, .. } => write!(f, "`{}`, line {line}", path.display()),
        }
    }
}

impl std::error::Error for ReadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::Line { source, .. } => Some(source),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Outcome;

    #[test]
    fn appended_results_are_read_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let file = ResultsFile::new(dir.path().join("results"));
        assert_eq!(file.read().unwrap(), []);
        let results =
            ["first", "second"].map(|name| TestResult::new(Outcome::NotRun, "s", name, "r"));
        for result in &results {
            file.append(result).unwrap();
        }
        assert_eq!(file.read().unwrap(), results);
    }

    #[test]
    fn a_bad_line_is_an_error_with_its_number() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("results");
        fs::write(&path, "RESULT\tpassed\ts\tn\t\nnoise\n").unwrap();
        let error = ResultsFile::new(&path).read().unwrap_err();
        assert_eq!(error.to_string(), format!("`{}`, line 2", path.display()));
    }
}
