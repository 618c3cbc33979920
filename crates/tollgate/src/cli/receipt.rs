//! `tollgate receipt`: show.

use clap::{Args, Subcommand};
use domain::CallId;

use crate::out::Out;
use crate::view::{ReceiptView, Thousandths};

use super::Failure;
use super::remote::RemoteArgs;
use super::table::{pairs, table};

/// `tollgate receipt …`.
#[derive(Args, Debug)]
#[command(arg_required_else_help = true, after_help = EXAMPLES)]
pub(super) struct ReceiptArgs {
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(subcommand)]
    action: Action,
}

const EXAMPLES: &str = "\
Examples:
  tollgate receipt show call_0198…

tollgate activity lists the receipts of many calls.";

#[derive(Debug, Subcommand)]
enum Action {
    /// Show one receipt with everything on it.
    #[command(after_help = EXAMPLES)]
    Show {
        /// The call's id, from x-tollgate-call-id: call_…
        call: CallId,
    },
}

/// Does it.
pub(super) async fn receipt(args: &ReceiptArgs, out: &mut Out) -> Result<(), Failure> {
    let remote = args.remote.connect()?;
    match &args.action {
        Action::Show { call } => remote.get(&format!("/admin/receipts/{call}")).await?.show(out, describe),
    }
}

/// Receipts for people, one per line.
pub(super) fn table_of(receipts: &[ReceiptView]) -> String {
    let headings = ["call", "started", "model", "provider", "outcome", "in", "out", "total ms", "charge"];
    let rows = receipts.iter().map(|receipt| {
        vec![
            receipt.call_id.clone(),
            receipt.started_at.clone(),
            receipt.model_asked.clone(),
            provider(receipt),
            receipt.outcome.clone(),
            receipt.usage.input_tokens.to_string(),
            receipt.usage.output_tokens.to_string(),
            text(receipt.total_ms.as_ref()),
            receipt.charge.clone(),
        ]
    });
    table(&headings, &headings[5..], rows.collect())
}

/// One receipt for people. Public to the demo, which shows the one it made.
pub(super) fn describe(receipt: &ReceiptView) -> String {
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "–".to_owned());
    let tokens = &receipt.usage;
    pairs(&[
        ("call", receipt.call_id.clone()),
        ("account", receipt.account_id.clone()),
        ("key", receipt.key_id.clone()),
        ("started", receipt.started_at.clone()),
        ("model", format!("{} → {}", receipt.model_asked, or_none(&receipt.model_served))),
        ("provider", provider(receipt)),
        ("because", receipt.route_reason.clone()),
        ("outcome", format!("{} (HTTP {}, {} attempts)", receipt.outcome, receipt.status, receipt.attempts)),
        ("error", or_none(&receipt.error_code)),
        ("finish", or_none(&receipt.finish_reason)),
        ("input", format!("{} tokens, {} of them cached", tokens.input_tokens, tokens.cached_input_tokens)),
        ("output", format!("{} tokens, {} of them reasoning", tokens.output_tokens, tokens.reasoning_tokens)),
        ("counted", format!("{}, rule {}", receipt.usage_source, receipt.rule)),
        ("price", price(receipt)),
        ("hold", receipt.hold.clone()),
        ("charge", receipt.charge.clone()),
        ("uncollected", receipt.uncollected.clone()),
        ("first token", format!("{} ms", text(receipt.first_token_ms.as_ref()))),
        ("total", format!("{} ms", text(receipt.total_ms.as_ref()))),
        ("speed", format!("{} output tokens/s", text(receipt.output_tokens_per_second.as_ref()))),
    ])
}

fn provider(receipt: &ReceiptView) -> String {
    match (&receipt.provider, &receipt.inference_provider) {
        (Some(provider), Some(inner)) => format!("{provider}/{inner}"),
        (Some(provider), None) => provider.clone(),
        (None, _) => "–".to_owned(),
    }
}

fn price(receipt: &ReceiptView) -> String {
    match &receipt.price {
        Some(price) => format!("{} in, {} out, USD per million tokens", price.input, price.output),
        None => "unknown".to_owned(),
    }
}

fn text(number: Option<&Thousandths>) -> String {
    number.map_or_else(|| "–".to_owned(), ToString::to_string)
}
