//! Where commands write: results to standard output, everything else to standard error.

use std::fmt;
use std::io::{self, Write};

use serde::Serialize;

/// The two output streams.
pub struct Out {
    results: Box<dyn Write + Send>,
    complaints: Box<dyn Write + Send>,
}

impl Out {
    /// The process's own.
    #[must_use]
    pub fn stdio() -> Out {
        Out::to(io::stdout(), io::stderr())
    }

    /// Any two writers.
    #[must_use]
    pub fn to(results: impl Write + Send + 'static, complaints: impl Write + Send + 'static) -> Out {
        Out { results: Box::new(results), complaints: Box::new(complaints) }
    }

    /// Writes one result line and flushes it, so that a program on a pipe sees it at once.
    ///
    /// A reader that has gone (`tollgate activity | head`) is no error.
    pub fn line(&mut self, text: &str) {
        let _ = writeln!(self.results, "{text}").and_then(|()| self.results.flush());
    }

    /// Writes a piece of a line and flushes it: an answer is shown as it streams.
    pub fn text(&mut self, text: &str) {
        let _ = write!(self.results, "{text}").and_then(|()| self.results.flush());
    }

    /// Writes `value` as one line of JSON.
    pub fn json(&mut self, value: &impl Serialize) {
        match serde_json::to_string(value) {
            Ok(text) => self.line(&text),
            Err(error) => self.complain(&format!("cannot write JSON: {error}")),
        }
    }

    /// Writes one line to standard error.
    pub fn complain(&mut self, text: &str) {
        let _ = writeln!(self.complaints, "{text}").and_then(|()| self.complaints.flush());
    }
}

impl fmt::Debug for Out {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Out")
    }
}
