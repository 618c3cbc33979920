//! Progress for people goes to standard error, results to standard output, so that `--json` stays clean.

use std::fmt::Arguments;
use std::io::{self, Write};

/// Writes one line of progress. A closed terminal is no reason to fail a task.
pub(crate) fn say(line: Arguments<'_>) {
    let _closed = writeln!(io::stderr().lock(), "{line}");
}

/// Writes one line of a task's result.
pub(crate) fn result(line: Arguments<'_>) {
    let _closed = writeln!(io::stdout().lock(), "{line}");
}
