//! `cargo xtask bench`: what the gateway costs, against nginx as a plain proxy, in one run.

mod contest;
mod gateway;
mod load;
mod measure;
mod nginx;
mod plan;
mod process;
mod report;
mod server;
mod simulator;
mod spread;

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::Command;

use clap::Args;

use self::contest::Contest;
use self::nginx::Nginx;
use self::plan::Plan;
use crate::console::{result, say};
use crate::failure::{Failure, Result, While};
use crate::step::run as run_command;
use crate::workspace::Workspace;

/// Measure the gateway against nginx, on loopback, in one run.
///
/// Processor time, added latency and memory of the gateway with everything on, as ratios to nginx as a plain proxy.
///
/// The upstream is the simulator, in its own process. Contestants take turns, round by round.
/// Processor time is what the kernel charged to all processes of a contestant, so a busy machine makes the
/// figures a little worse, not wrong. Takes about five minutes after the build.
#[derive(Args)]
pub(crate) struct Options {
    /// Two short rounds: shows that everything works, not figures worth keeping
    #[arg(long)]
    quick: bool,
    /// Instead of all that: a ledger with a year of a million calls, how fast questions about it are answered, and what
    /// they cost calls that are served meanwhile. Takes some minutes
    #[arg(long, conflicts_with_all = ["quick", "json"])]
    usage: bool,
    /// Instead of all that: a session of ten thousand turns, what calls that go on from it cost, and what it takes on
    /// disk. Takes some minutes
    #[arg(long, conflicts_with_all = ["quick", "json", "usage"])]
    sessions: bool,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
    /// Measure with the programs that are already built (the task restarts itself with this)
    #[arg(long, hide = true)]
    built: bool,
}

/// Descriptors that 1,000 streams need at most in one process, with room.
const DESCRIPTORS_MIN: u64 = 4096;

/// Builds optimised programs, this one included, then measures with them.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let long = [(options.usage, "year_of_calls"), (options.sessions, "long_session")];
    if let Some((_, example)) = long.into_iter().find(|(wanted, _)| *wanted) {
        let program = ["run", "--profile", "dist", "-p", "tollgate", "--example", example];
        return run_command(workspace.cargo().args(program));
    }
    if options.built {
        let report = Contest::hold(workspace, if options.quick { Plan::quick() } else { Plan::full() })?;
        if options.json {
            result(format_args!("{}", serde_json::to_string_pretty(&report).during("writing JSON")?));
        } else {
            result(format_args!("{}", report.markdown()));
        }
        return Ok(());
    }
    Nginx::ready()?;
    say(format_args!("building with the `dist` profile (some minutes the first time)"));
    let packages = ["-p", "tollgate", "-p", "hf-sim", "-p", "xtask"];
    run_command(workspace.cargo().args(["build", "--profile", "dist"]).args(packages))?;
    Err(Failure::new(format!("restarting optimised: {}", optimised(workspace, options)?.exec())))
}

/// This task again, from the optimised build, allowed to open enough descriptors.
fn optimised(workspace: &Workspace, options: &Options) -> Result<Command> {
    let program = workspace.binary("dist", "xtask");
    let mut command = match descriptors()? {
        (soft, _) if soft >= DESCRIPTORS_MIN => Command::new(program),
        (_, hard) if hard >= DESCRIPTORS_MIN => {
            let mut command = Command::new("prlimit");
            command.arg(format!("--nofile={hard}:{hard}")).arg(program);
            command
        }
        (_, hard) => {
            return Err(Failure::new(format!(
                "1,000 streams need {DESCRIPTORS_MIN} open files, the hard limit is {hard}: raise it (`ulimit -Hn`)"
            )));
        }
    };
    command.args(["bench", "--built"]);
    command.args(options.quick.then_some("--quick")).args(options.json.then_some("--json"));
    Ok(command)
}

/// The soft and the hard limit on open files.
fn descriptors() -> Result<(u64, u64)> {
    let limits = fs::read_to_string("/proc/self/limits").during("reading limits")?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let mut values =
        line.unwrap_or_default().split_whitespace().map(|value| value.parse().unwrap_or(u64::MAX));
    values
        .next()
        .zip(values.next())
        .ok_or_else(|| Failure::new("/proc/self/limits has no limit on open files"))
}
