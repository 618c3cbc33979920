//! Keeps the catalogue fresh in the background: one fetch per provider at a time, the last good copy in the store.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tracing::{info, warn};
use wire::catalogue::{CatalogueError, ListedModel, parse_hugging_face, parse_openai};

use super::Catalogue;
use crate::clock::Clock;
use crate::config::CatalogueKind;
use crate::ledger::Ledger;
use crate::upstream::{Upstream, Upstreams};

/// Time between two fetches. Hugging Face's own clients cache its list as long.
const REFRESH_EVERY: Duration = Duration::from_secs(300);

/// Time before another try after a failure.
const RETRY_AFTER: Duration = Duration::from_secs(15);

/// Loads the last good copies, then refreshes every provider's listing until the task is dropped.
pub async fn run(catalogue: Arc<Catalogue>, upstreams: Upstreams, ledger: Ledger, clock: Clock) {
    let syncs = upstreams.iter().filter(|upstream| upstream.config.catalogue != CatalogueKind::None).map(
        |upstream| async {
            load_copy(&catalogue, upstream, &ledger).await;
            loop {
                let wait = match fetch(&catalogue, upstream, &ledger, &clock).await {
                    Ok(()) => REFRESH_EVERY,
                    Err(reason) => {
                        warn!(provider = %upstream.config.id, reason, "catalogue not refreshed");
                        RETRY_AFTER
                    }
                };
                tokio::time::sleep(wait).await;
            }
        },
    );
    futures_util::future::join_all(syncs).await;
}

/// Puts the stored copy in place, so that a start without network serves.
async fn load_copy(catalogue: &Catalogue, upstream: &Upstream, ledger: &Ledger) {
    let id = &upstream.config.id;
    match ledger.load_catalogue(id).await {
        Ok(Some(copy)) => match parse(upstream.config.catalogue, &copy.body) {
            Ok(models) => {
                info!(provider = %id, models = models.len(), "catalogue loaded from the last good copy");
                catalogue.replace(id, &models);
            }
            Err(error) => warn!(provider = %id, %error, "the stored catalogue is not readable"),
        },
        Ok(None) => {}
        Err(error) => warn!(provider = %id, %error, "the stored catalogue could not be loaded"),
    }
}

async fn fetch(
    catalogue: &Catalogue,
    upstream: &Upstream,
    ledger: &Ledger,
    clock: &Clock,
) -> Result<(), String> {
    let id = &upstream.config.id;
    let body: Bytes = upstream.models().await?;
    let models = parse(upstream.config.catalogue, &body).map_err(|error| error.to_string())?;
    if models.is_empty() {
        // An empty list would take every model away; a provider that really has none needs no catalogue.
        return Err("the list is empty".to_owned());
    }
    catalogue.replace(id, &models);
    info!(provider = %id, models = models.len(), "catalogue refreshed");
    ledger
        .save_catalogue(id, body, clock.now_ms())
        .await
        .map_err(|error| format!("the copy was not stored: {error}"))
}

fn parse(kind: CatalogueKind, body: &[u8]) -> Result<Vec<ListedModel>, CatalogueError> {
    match kind {
        CatalogueKind::HuggingFace => parse_hugging_face(body),
        CatalogueKind::OpenAi | CatalogueKind::None => parse_openai(body),
    }
}
