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

/// Time before another try after a failure, where the refresh does not come sooner.
const RETRY_AFTER: Duration = Duration::from_secs(15);

/// Puts the stored copies in place, so that a start without network serves.
pub async fn load_copies(catalogue: &Catalogue, upstreams: &Upstreams, ledger: &Ledger) {
    for upstream in listed(upstreams) {
        load_copy(catalogue, upstream, ledger).await;
    }
}

/// Refreshes every provider's listing until the future is dropped. It never ends by itself.
pub async fn run(catalogue: Arc<Catalogue>, upstreams: Upstreams, ledger: Ledger, clock: Clock) {
    let syncs = listed(&upstreams).map(|upstream| async {
        loop {
            let wait = match fetch(&catalogue, upstream, &ledger, &clock).await {
                Ok(()) => upstream.config.refresh,
                Err(reason) => {
                    warn!(provider = %upstream.config.id, reason, "catalogue not refreshed");
                    RETRY_AFTER.min(upstream.config.refresh)
                }
            };
            tokio::time::sleep(wait).await;
        }
    });
    futures_util::future::join_all(syncs).await;
    // Without any provider that has a list there is nothing to do.
    std::future::pending::<()>().await;
}

fn listed(upstreams: &Upstreams) -> impl Iterator<Item = &Upstream> {
    upstreams.iter().filter(|upstream| upstream.config.catalogue != CatalogueKind::None)
}

async fn load_copy(catalogue: &Catalogue, upstream: &Upstream, ledger: &Ledger) {
    let id = &upstream.config.id;
    match ledger.load_catalogue(id).await {
        Ok(Some(copy)) => match parse(upstream.config.catalogue, &copy.body) {
            Ok(models) => {
                info!(provider = %id, models = models.len(), "catalogue loaded from the last good copy");
                catalogue.replace(id, &models, copy.fetched_at_ms);
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
    let now_ms = clock.now_ms();
    catalogue.replace(id, &models, now_ms);
    info!(provider = %id, models = models.len(), "catalogue refreshed");
    ledger.save_catalogue(id, body, now_ms).await.map_err(|error| format!("the copy was not stored: {error}"))
}

fn parse(kind: CatalogueKind, body: &[u8]) -> Result<Vec<ListedModel>, CatalogueError> {
    match kind {
        CatalogueKind::HuggingFace => parse_hugging_face(body),
        CatalogueKind::OpenAi | CatalogueKind::None => parse_openai(body),
    }
}
