//! Everything that the workers of one simulator share.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};

use hyper::header::HeaderValue;
use tokio::sync::watch;

use crate::catalogue::{Listing, Status};
use crate::config::{Latency, SimConfig, UnmappedError};
use crate::prompt_cache::PromptCache;
use crate::record::Recorder;
use crate::rules::Rules;

pub(crate) struct State {
    pub(crate) seed: u64,
    pub(crate) latency: Latency,
    pub(crate) unmapped_error: UnmappedError,
    pub(crate) rules: Rules,
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) prompt_cache: PromptCache,
    listing: RwLock<Arc<Listing>>,
    /// The names that hold nothing any more.
    released: watch::Sender<BTreeSet<String>>,
}

impl State {
    pub(crate) fn new(config: SimConfig) -> Self {
        Self {
            seed: config.seed,
            latency: config.latency,
            unmapped_error: config.unmapped_error,
            rules: Rules::default(),
            recorder: Arc::new(Recorder::new(config.record)),
            prompt_cache: PromptCache::default(),
            listing: RwLock::new(Arc::new(Listing::new(config.catalogue))),
            released: watch::Sender::default(),
        }
    }

    pub(crate) fn listing(&self) -> Arc<Listing> {
        Arc::clone(&self.listing.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Lets go what is held by this name, now and later.
    pub(crate) fn release(&self, name: &str) {
        self.released.send_modify(|names| _ = names.insert(name.to_owned()));
    }

    /// Returns once this name is released.
    pub(crate) async fn released(&self, name: &str) {
        // The sender is here, so this is no error.
        let _ = self.released.subscribe().wait_for(|names| names.contains(name)).await;
    }

    /// Forgets all scripts, how often directives were used, and what was released.
    pub(crate) fn clear_scripts(&self) {
        self.rules.clear();
        self.released.send_replace(BTreeSet::new());
    }

    /// Whether there is such a pair.
    pub(crate) fn set_status(&self, model: &str, provider: &str, status: Status) -> bool {
        let mut listing = self.listing.write().unwrap_or_else(PoisonError::into_inner);
        let changed = listing.with_status(model, provider, status);
        let found = changed.is_some();
        if let Some(changed) = changed {
            *listing = Arc::new(changed);
        }
        found
    }
}

/// The id that the router gives to the request with this number.
pub(crate) fn request_id(number: u64) -> HeaderValue {
    let id = format!("Root=1-{:08x}-{number:024x}", 0x6917_2a00_u64 + number / 1000);
    HeaderValue::from_str(&id).unwrap_or(HeaderValue::from_static("unknown"))
}
