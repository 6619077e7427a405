//! Test results of this repository: one line format, and the reports that are made of it.
//!
//! Tests and scripts append results to the file that the variable [`VARIABLE`] names, one line each:
//!
//! ```text
//! RESULT <TAB> passed | failed | known-failure | not-run <TAB> suite <TAB> name <TAB> reason
//! ```
//!
//! Rust code writes them with [`ResultsFile::append`] or [`require!`](crate::require), shell scripts
//! with the functions in `.ci/results`. The `kipod-results` program reads them: for the summary of
//! `.ci/run`, and for the cells of `docs/machines.tsv`.

mod cell;
mod file;
mod libtest;
mod report;
mod result;
mod summary;
mod table;

pub use cell::{Cell, CellError, Environment};
pub use file::{ReadError, ResultsFile, VARIABLE};
pub use libtest::{Libtest, read_libtest};
pub use report::report_not_run;
pub use result::{Outcome, ParseError, TestResult};
pub use summary::{summarize, totals};
pub use table::{merge, render};
