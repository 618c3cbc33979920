//! `tollgate demo`: one real call through the whole gateway, its receipt, and the balance before and after.
//!
//! Nothing needs to be set up. Without a Hugging Face token the upstream is the built-in simulator of its router.

mod call;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use domain::{AccountKind, Money};
use hf_sim::{HfSim, Latency, SimConfig};
use thiserror::Error;

use crate::app::{self, StartError};
use crate::config::{ApiKey, BaseUrl, CatalogueKind, Config};
use crate::entropy::Entropy;
use crate::first_start::{CallMade, Owner, Ready, make_owner};
use crate::gateway::Gateway;
use crate::ledger::{LedgerError, StoredReceipt};
use crate::out::Out;

/// What the demo's account is granted.
const GRANT: &str = "1.00";

/// The simulator's pace: about that of a hosted model, so that the stream can be watched.
const PACE: Latency = Latency { first_token: Duration::from_millis(150), gap: Duration::from_millis(15) };

/// Why the demo failed.
#[derive(Debug, Error)]
pub enum DemoError {
    /// The gateway did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The demo's account could not be made.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The simulator did not start, or signals cannot be heard.
    #[error("{0}")]
    System(#[from] io::Error),
}

/// Starts the gateway, makes the call, tells of it, and serves until a signal comes. `false` if calls were left open.
pub async fn run(mut config: Config, json: bool, out: &mut Out) -> Result<bool, DemoError> {
    let simulator = if has_token(&config) { None } else { Some(simulate(&mut config)?) };
    if config.admin.key.is_none() {
        // The demo shows an admin key at each start; one that was made at the first could not be shown again.
        let secret = crate::keys::Secret::generate(&Entropy::System).map_err(LedgerError::from)?;
        config.admin.key = ApiKey::new(secret.expose());
    }
    let running = app::start(config).await?;
    let owner = make_owner(&running, "demo", AccountKind::Prepaid).await?;
    let amount: Money = GRANT.parse().unwrap_or(Money::ZERO);
    running.gateway.ledger.grant(owner.account, amount, "demo").await?;
    let ready = Ready::new(&running, Some(&owner));
    let gateway = Arc::clone(&running.gateway);
    let told = async {
        let mut ready = ready;
        if !json {
            introduce(simulator.as_ref(), &gateway, out);
        }
        let made = call::make(&gateway, &ready.url, &owner, (!json).then_some(&mut *out)).await;
        match made {
            Ok(made) => {
                if !json {
                    show_receipt(&made, out);
                }
                ready.call = Some(summary(&made));
            }
            Err(reason) => out.complain(&format!("The demo's call failed: {reason}")),
        }
        if json {
            out.json(&ready);
        } else {
            show_how_to_go_on(&ready, &owner, out);
        }
    };
    Ok(app::until_stopped(running, told).await?)
}

/// Whether a real Hugging Face token is configured.
fn has_token(config: &Config) -> bool {
    config.providers.iter().any(|row| row.catalogue == CatalogueKind::HuggingFace && row.api_key.is_some())
}

/// Starts the simulator and points the Hugging Face provider and the Hub at it.
fn simulate(config: &mut Config) -> io::Result<HfSim> {
    let simulator = HfSim::start(SimConfig { latency: PACE, ..SimConfig::default() })?;
    for row in &mut config.providers {
        if row.catalogue == CatalogueKind::HuggingFace {
            row.base_url = BaseUrl::parse(&simulator.base_url()).map_err(io::Error::other)?;
            row.api_key = ApiKey::new("hf_demo");
        }
    }
    let hub_url = format!("http://{}", simulator.addr());
    config.tokenizers.hub_url = BaseUrl::parse(&hub_url).map_err(io::Error::other)?;
    // The simulator's tokenizers are not those of the models that they are called after.
    config.tokenizers.folder = config.tokenizers.folder.with_file_name("tokenizers-of-the-simulator");
    Ok(simulator)
}

fn introduce(simulator: Option<&HfSim>, gateway: &Gateway, out: &mut Out) {
    let upstream = match simulator {
        Some(simulator) => format!(
            "the built-in simulator of the Hugging Face router at {}\n           (set HF_TOKEN or HUG_API_KEY to use the real one)",
            simulator.base_url()
        ),
        None => "the Hugging Face router, with your token".to_owned(),
    };
    out.line(&format!("Upstream   {upstream}"));
    out.line(&format!("Ledger     {}", gateway.config.store.path.display()));
    out.line("");
}

fn summary(made: &call::Made) -> CallMade {
    CallMade {
        call_id: made.receipt.receipt.call.to_string(),
        cost: made.receipt.charge.to_string(),
        balance_before: made.before.available.to_string(),
        balance_after: made.after.available.to_string(),
    }
}

fn show_receipt(made: &call::Made, out: &mut Out) {
    let StoredReceipt { receipt, hold, charge, .. } = &made.receipt;
    let provider = receipt.provider.as_deref().unwrap_or("–");
    let inner = receipt.inference_provider.as_deref().unwrap_or("–");
    let speed = receipt.output_milli_tokens_per_second().unwrap_or(0) / 1000;
    let first_token_ms = receipt.first_token_us.unwrap_or(0) / 1000;
    let price = receipt.price.map_or_else(String::new, |price| {
        format!(" at ${} in, ${} out per million", price.input, price.output)
    });
    out.line("");
    out.line("");
    out.line("Receipt");
    out.line(&format!("  call       {}", receipt.call));
    out.line(&format!("  served by  {provider} / {inner}: {}", receipt.route_reason));
    out.line(&format!(
        "  tokens     {} in, {} out ({}){price}",
        receipt.usage.input,
        receipt.usage.output,
        receipt.usage_source.as_str()
    ));
    out.line(&format!("  held       ${hold} before it was sent"));
    out.line(&format!(
        "  charged    ${charge} (outcome {}, rule {})",
        receipt.outcome.as_str(),
        receipt.rule.as_str()
    ));
    out.line(&format!(
        "  speed      first token after {first_token_ms} ms, {speed} tokens/s, {} ms in all",
        receipt.total_us / 1000
    ));
    out.line(&format!("  balance    ${} before, ${} after", made.before.available, made.after.available));
}

fn show_how_to_go_on(ready: &Ready, owner: &Owner, out: &mut Out) {
    let url = &ready.url;
    let key = owner.secret.expose();
    out.line("");
    out.line(&format!("Serving    {url}/v1"));
    out.line(&format!("API key    {key}"));
    out.line(&format!("Admin      {}/admin", ready.admin_url));
    out.line(&format!("Admin key  {}", ready.admin_key.as_deref().unwrap_or("–")));
    out.line("");
    out.line("Try it:");
    out.line(&format!("  curl {url}/v1/chat/completions -H 'Authorization: Bearer {key}' \\"));
    out.line("    -H 'Content-Type: application/json' \\");
    out.line(&format!(
        "    -d '{{\"model\":\"{}\",\"messages\":[{{\"role\":\"user\",\"content\":\"Hello!\"}}]}}'",
        call::MODEL
    ));
    out.line("");
    out.line("Ctrl-C stops it.");
}
