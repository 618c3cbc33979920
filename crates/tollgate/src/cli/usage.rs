//! `tollgate usage`: what calls came to, interval by interval; and the rebuild of the rollups.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use crate::out::Out;
use crate::view::{QuantilesView, RebuiltView, Thousandths, UsageView};

use super::Failure;
use super::activity::CallsArgs;
use super::remote::RemoteArgs;
use super::table::table;

/// `tollgate usage`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub(super) struct UsageArgs {
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    calls: CallsArgs,
    /// How long each line is.
    #[arg(long, value_enum, default_value_t = Interval::Day)]
    interval: Interval,
    /// What the lines stand for.
    #[arg(long, value_enum, default_value_t = GroupBy::None)]
    by: GroupBy,
}

const EXAMPLES: &str = "\
Examples:
  tollgate usage
  tollgate usage --account acct_0198… --interval month --by model --from 2026-01-01
  tollgate usage rebuild";

#[derive(Debug, Subcommand)]
enum Action {
    /// Compute the rollups anew from the receipts that are still there.
    #[command(after_help = EXAMPLES)]
    Rebuild,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Interval {
    Hour,
    Day,
    Month,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum GroupBy {
    None,
    Key,
    Model,
    Provider,
}

/// Shows the series, or rebuilds.
pub(super) async fn usage(args: &UsageArgs, out: &mut Out) -> Result<(), Failure> {
    let remote = args.remote.connect()?;
    if let Some(Action::Rebuild) = args.action {
        return remote.post("/admin/usage/rebuild", &json!({})).await?.show(out, rebuilt);
    }
    let word = |value: Option<clap::builder::PossibleValue>| value.map(|value| value.get_name().to_owned());
    let mut query = args.calls.query("/admin/usage");
    query.add("interval", word(args.interval.to_possible_value()).as_deref());
    query.add("group_by", word(args.by.to_possible_value()).as_deref());
    remote.get(&query.into_path()).await?.show(out, describe)
}

fn describe(usage: &UsageView<String>) -> String {
    let headings =
        ["start", "group", "requests", "errors", "in", "out", "cost", "cached", "first ms", "tokens/s"];
    let rows = usage.data.iter().map(|point| {
        vec![
            point.start.clone(),
            point.group.clone().unwrap_or_else(|| "–".to_owned()),
            point.requests.to_string(),
            point.errors.to_string(),
            point.tokens.input_tokens.to_string(),
            point.tokens.output_tokens.to_string(),
            point.cost.clone(),
            text(point.cache_hit_share.as_ref()),
            quantiles(&point.first_token_ms),
            quantiles(&point.output_tokens_per_second),
        ]
    });
    let listed = table(&headings, &headings[2..], rows.collect());
    format!(
        "{listed}\n\nTimes are UTC; milliseconds to the first token and tokens per second are p50/p90/p99."
    )
}

fn rebuilt(rebuilt: &RebuiltView) -> String {
    format!("{} receipts read, {} rows mended", rebuilt.receipts, rebuilt.mended)
}

fn quantiles(quantiles: &QuantilesView) -> String {
    let [p50, p90, p99] = [&quantiles.p50, &quantiles.p90, &quantiles.p99].map(|value| text(value.as_ref()));
    format!("{p50}/{p90}/{p99}")
}

fn text(number: Option<&Thousandths>) -> String {
    number.map_or_else(|| "–".to_owned(), ToString::to_string)
}
