//! `tollgate check`: what the configuration comes to, and whether every provider answers.

mod describe;
mod probe;
#[cfg(test)]
mod tests;

use clap::Args;
use futures_util::future::join_all;
use serde::Serialize;

use crate::config::Config;
use crate::ledger::plans_not_stored;
use crate::out::Out;
use crate::plans::PlanBook;

use super::Failure;
use super::serve::ConfigArgs;
use super::table::pairs;
use probe::Probe;

/// `tollgate check`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Only read the configuration; ask no provider.
    #[arg(long)]
    offline: bool,
    /// Print one line of JSON.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
It shows no secret, and no provider charges for what it asks.

Examples:
  tollgate check
  tollgate check --config /etc/tollgate.toml
  tollgate check --offline --json";

#[derive(Debug, Serialize)]
struct Report<'a> {
    ok: bool,
    file: Option<String>,
    warnings: &'a [String],
    providers: &'a [Probe],
}

/// Checks, tells, and fails when a provider has a problem.
pub(super) async fn check(args: &CheckArgs, out: &mut Out) -> Result<(), Failure> {
    let config = args.config.load()?;
    let probes =
        if args.offline { Vec::new() } else { join_all(config.providers.iter().map(probe::probe)).await };
    let ok = probes.iter().all(|probe| probe.ok);
    let warnings: Vec<String> = config.warnings.iter().cloned().chain(missing_plans(&config)).collect();
    if args.json {
        let file = config.file.as_ref().map(|path| path.display().to_string());
        out.json(&Report { ok, file, warnings: &warnings, providers: &probes });
    } else {
        out.line(&tell(&config, &warnings, &probes));
    }
    if ok { Ok(()) } else { Err(Failure::told()) }
}

/// Plans that accounts are on and that nothing has any more. A store that is not there yet has no accounts.
fn missing_plans(config: &Config) -> Vec<String> {
    let path = &config.store.path;
    if !path.is_file() {
        return Vec::new();
    }
    let named = match plans_not_stored(path) {
        Ok(named) => named,
        Err(error) => return vec![format!("the store was not read: {error}")],
    };
    let book = PlanBook::new(config.plans.iter().cloned());
    let missing =
        named.into_iter().filter(|(name, _)| name.parse().ok().and_then(|name| book.get(&name)).is_none());
    let tell = |(name, accounts): (String, u32)| {
        format!("the plan '{name}' of {accounts} accounts does not exist: their calls are refused")
    };
    missing.map(tell).collect()
}

fn tell(config: &Config, warnings: &[String], probes: &[Probe]) -> String {
    let mut rows = describe::describe(config);
    rows.extend(warnings.iter().map(|warning| ("warning".to_owned(), warning.clone())));
    for probe in probes {
        let verdict = if probe.ok { "ok" } else { "PROBLEM" };
        rows.push((format!("probe {}", probe.id), format!("{verdict}: {}", probe.message)));
    }
    let rows: Vec<(&str, String)> = rows.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    pairs(&rows)
}
