//! `tollgate audit`: every invariant of the ledger, checked on its database file.

use std::path::PathBuf;

use clap::Args;

use super::{Failure, Out};

/// `tollgate audit`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct AuditArgs {
    /// The configuration file; by default TOLLGATE_CONFIG, else ./tollgate.toml when it exists.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the database is. [default: the current folder]
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// Print one line of JSON.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
It reads the database without changing it. The exit code is 0 only when every invariant holds.

Examples:
  tollgate audit
  tollgate audit --data-dir /var/lib/tollgate --json";

/// Audits, tells, and fails when an invariant is broken.
pub(super) fn audit(_args: &AuditArgs, _out: &mut Out) -> Result<(), Failure> {
    Err(Failure::new("this build has no audit"))
}
