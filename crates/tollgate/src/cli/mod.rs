//! The command line: what `tollgate` can be asked to do.
//!
//! `serve`, `demo`, `check` and `audit` work on this machine. The others ask a running gateway over its admin API and
//! print tables for people or, with `--json`, exactly what the gateway answered. Exit codes: 0 done, 1 failed, 2 not
//! understood.

mod account;
mod activity;
mod audit;
mod check;
mod credit;
mod failure;
mod http;
mod invite;
mod key;
mod key_flags;
mod plan;
mod query;
mod receipt;
mod remote;
mod serve;
mod table;
#[cfg(test)]
mod tests;
mod usage;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use failure::Failure;

use crate::out::Out;

/// An LLM gateway with exact credits: one OpenAI-compatible API in front of Hugging Face and any other provider.
#[derive(Debug, Parser)]
#[command(name = "tollgate", version, arg_required_else_help = true, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  tollgate demo                      See it work: nothing to set up
  tollgate serve                     Start the gateway (tollgate.toml, environment and .env are read)
  tollgate check                     Is the configuration right, and do the providers answer?
  tollgate account create team-blue  Then: tollgate credit grant, tollgate key create";

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the gateway.
    Serve(serve::ServeArgs),
    /// Start the gateway, make an account and a key, stream one answer, show its receipt, and keep serving.
    Demo(serve::DemoArgs),
    /// Check the configuration and probe every provider.
    Check(check::CheckArgs),
    /// Check every invariant of the ledger on its database file, and print the totals.
    Audit(audit::AuditArgs),
    /// Accounts: who pays.
    Account(account::AccountArgs),
    /// Plans: what accounts and their keys may use.
    Plan(plan::PlanArgs),
    /// Keys: who may call.
    Key(key::KeyArgs),
    /// Credit: what an account may spend.
    Credit(credit::CreditArgs),
    /// Invites: who may sign up.
    Invite(invite::InviteArgs),
    /// Receipts: what calls cost.
    Receipt(receipt::ReceiptArgs),
    /// Activity: calls one by one, with filters.
    Activity(activity::ActivityArgs),
    /// Usage: what calls came to, by hour, day or month.
    Usage(usage::UsageArgs),
}

/// Does what `arguments` ask (the program's name first) and returns the exit code.
#[must_use]
pub fn run<I, T>(arguments: I) -> ExitCode
where
    I: IntoIterator<Item = T>,
    T: Into<OsString> + Clone,
{
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        // Help and version come this way too, and succeed. A closed pipe is nobody's fault.
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let mut out = Out::stdio();
    match dispatch(cli.command, &mut out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.tell(&mut out);
            ExitCode::FAILURE
        }
    }
}

fn dispatch(command: Command, out: &mut Out) -> Result<(), Failure> {
    match command {
        Command::Serve(args) => serve::serve(&args, out),
        Command::Demo(args) => serve::demo(&args, out),
        Command::Check(args) => block_on(check::check(&args, out)),
        Command::Audit(args) => audit::audit(&args, out),
        Command::Account(args) => block_on(account::account(&args, out)),
        Command::Plan(args) => block_on(plan::plan(&args, out)),
        Command::Key(args) => block_on(key::key(&args, out)),
        Command::Credit(args) => block_on(credit::credit(&args, out)),
        Command::Invite(args) => block_on(invite::invite(&args, out)),
        Command::Receipt(args) => block_on(receipt::receipt(&args, out)),
        Command::Activity(args) => block_on(activity::activity(&args, out)),
        Command::Usage(args) => block_on(usage::usage(&args, out)),
    }
}

/// Runs a command on this thread.
fn block_on<T>(command: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::new(format!("cannot start: {error}")))?.block_on(command)
}
