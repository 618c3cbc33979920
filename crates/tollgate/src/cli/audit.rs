//! `tollgate audit`: every invariant of the ledger, checked on its database file.

use std::path::PathBuf;

use clap::Args;

use crate::config::{Config, Overrides};
use crate::ledger::{self, AuditReport};
use crate::out::Out;

use super::Failure;
use super::table::pairs;

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
pub(super) fn audit(args: &AuditArgs, out: &mut Out) -> Result<(), Failure> {
    let overrides = Overrides { data_dir: args.data_dir.clone(), ..Overrides::default() };
    let config = Config::load(args.config.as_deref(), &overrides)?;
    let report = ledger::audit(&config.store.path).map_err(Failure::new)?;
    if args.json {
        out.json(&report);
    } else {
        out.line(&describe(&report));
    }
    if report.ok { Ok(()) } else { Err(Failure::told()) }
}

fn describe(report: &AuditReport) -> String {
    let verdict = if report.ok { "ok: every invariant holds" } else { "BROKEN" };
    let mut rows = vec![
        ("audit", verdict.to_owned()),
        ("accounts", report.accounts.to_string()),
        ("calls", report.calls.to_string()),
        ("granted", report.granted.to_string()),
        ("available", report.available.to_string()),
        ("held", report.held.to_string()),
        ("spent", report.spent.to_string()),
    ];
    rows.extend(report.violations.iter().map(|violation| ("violation", violation.clone())));
    pairs(&rows)
}
