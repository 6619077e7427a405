//! Rendering of events: one line per step, with its duration.

use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use kipod_engine::{Event, Events, variable};

/// Amount of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verbosity {
    /// Errors and warnings.
    Quiet,
    /// Also steps and notes.
    Normal,
    /// Also details.
    Verbose,
}

/// Writes events to standard error; results go to standard output.
pub(crate) struct Progress {
    verbosity: Verbosity,
    terminal: bool,
    spinner: Mutex<Option<ProgressBar>>,
}

impl Progress {
    pub(crate) fn new(verbosity: Verbosity) -> Self {
        let terminal = std::io::stderr().is_terminal()
            && variable("TERM").is_some_and(|term| term != "dumb")
            && variable("CI").is_none();
        Self { verbosity, terminal, spinner: Mutex::new(None) }
    }

    fn line(&self, text: &str) {
        let spinner = self.spinner.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        match &*spinner {
            Some(bar) => bar.suspend(|| write_line(text)),
            None => write_line(text),
        }
    }

    fn stop(&self) {
        if let Some(bar) = self.spinner.lock().unwrap_or_else(|e| e.into_inner()).take() {
            bar.finish_and_clear();
        }
    }

    fn spin(&self, text: &str) {
        self.stop();
        let bar = ProgressBar::new_spinner()
            .with_style(ProgressStyle::default_spinner())
            .with_message(text.to_owned());
        bar.enable_steady_tick(Duration::from_millis(100));
        *self.spinner.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(bar);
    }
}

impl Events for Progress {
    fn send(&self, event: Event) {
        let normal = self.verbosity >= Verbosity::Normal;
        match event {
            Event::Started(step) if normal && self.terminal => self.spin(step.text()),
            Event::Finished(step, time) if normal => {
                self.stop();
                write_line(&format!(" ✓ {} ({:.1} s)", step.text(), time.as_secs_f64()));
            }
            Event::Progress(step, text) if normal && self.terminal => {
                self.spin(&format!("{}: {text}", step.text()));
            }
            Event::Progress(step, text) if self.verbosity == Verbosity::Verbose => {
                self.line(&format!("   {}: {text}", step.text()));
            }
            Event::Note(text) if normal => self.line(&text),
            Event::Warning(text) => self.line(&format!("warning: {text}")),
            Event::Detail(text) if self.verbosity == Verbosity::Verbose => {
                self.line(&format!("   {text}"));
            }
            _ => {}
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Writes a line. A closed pipe is not an error.
fn write_line(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
