//! Counts the tokens of prompts: by the model's own tokenizer where there is one, and otherwise by a bound that needs
//! none.
//!
//! Tokenizers and chat templates come from the Hub, for the models of Hugging Face and those whose row in the
//! configuration names a repository, or from a folder of this machine. They are fetched beside the calls, kept on disk,
//! and loaded when they are used. Nobody waits for the network: until a tokenizer is there, the answer is the bound.

mod conversation;
mod files;
mod folder;
mod hub;
mod jobs;
mod python;
mod shelf;
mod steps;
mod template;
#[cfg(test)]
mod tests;
mod tokenizer;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use domain::Offer;
use tokio::time::timeout;
use wire::chat::ChatRequest;

use crate::clock::Clock;
use crate::config::{CatalogueKind, Config, HubName, TokenizerSource};
use jobs::Jobs;
use shelf::Shelf;
use tokenizer::ModelTokenizer;

/// The longest text that is tokenized, in bytes: a million tokens of prose, as many as the longest contexts.
const TEXT_BYTES_MAX: usize = 4 << 20;

/// How long a count may take, with the loading of a tokenizer from disk. Beyond it, the answer is the bound.
const COUNT_TIME_MAX: Duration = Duration::from_secs(5);

/// What counts tokens. All workers share one.
#[derive(Debug)]
pub struct Tokenizers {
    shelf: Arc<Shelf>,
    jobs: Jobs,
    /// The tokenizers that the configuration names, by provider and model.
    named: HashMap<(Arc<str>, Arc<str>), TokenizerSource>,
    /// The providers whose models are called after their repositories.
    of_hugging_face: HashSet<Arc<str>>,
}

/// A number of tokens, and what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// Tokens.
    pub tokens: u64,
    /// Who counted.
    pub source: CountSource,
}

/// The tokens of several texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextCounts {
    /// Tokens, in the order of the texts.
    pub tokens: Vec<u64>,
    /// Who counted all of them.
    pub source: CountSource,
}

/// Who counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountSource {
    /// The model's own tokenizer and chat template. Images count by a flat number.
    Tokenizer,
    /// Nobody: there are no more tokens than this, by the bytes of the text.
    Bound,
}

impl CountSource {
    /// The word for it: `tokenizer` or `bound`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            CountSource::Tokenizer => "tokenizer",
            CountSource::Bound => "bound",
        }
    }
}

impl Tokenizers {
    /// Reads and fetches nothing yet.
    #[must_use]
    pub fn new(config: &Config, clock: Clock) -> Tokenizers {
        let named = config.models.iter().filter_map(|model| {
            let source = model.tokenizer.clone()?;
            Some(((Arc::clone(&model.provider), Arc::clone(&model.id)), source))
        });
        let of_hugging_face =
            config.providers.iter().filter(|provider| provider.catalogue == CatalogueKind::HuggingFace);
        Tokenizers {
            shelf: Arc::new(Shelf::new(&config.tokenizers, clock)),
            jobs: Jobs::new(),
            named: named.collect(),
            of_hugging_face: of_hugging_face.map(|provider| Arc::clone(&provider.id)).collect(),
        }
    }

    /// The tokens of a chat prompt at `offer`: its messages and tools in the model's chat template, up to where the
    /// answer begins.
    pub async fn count(&self, offer: &Offer, request: &ChatRequest) -> Count {
        let bound = Count { tokens: request.bound().input_tokens, source: CountSource::Bound };
        let body = request.body().clone();
        let counted = self.with_tokenizer(offer, move |tokenizer| tokenizer.count_chat(&body)).await;
        counted.map_or(bound, |tokens| Count { tokens, source: CountSource::Tokenizer })
    }

    /// The tokens of each of `texts` at `offer`, without what a template puts around them.
    pub async fn count_texts(&self, offer: &Offer, texts: Vec<String>) -> TextCounts {
        let bounds = texts.iter().map(|text| text.len() as u64).collect();
        let bound = TextCounts { tokens: bounds, source: CountSource::Bound };
        if texts.iter().map(String::len).sum::<usize>() > TEXT_BYTES_MAX {
            return bound;
        }
        let counted = self.with_tokenizer(offer, move |tokenizer| tokenizer.count_texts(&texts)).await;
        counted.map_or(bound, |tokens| TextCounts { tokens, source: CountSource::Tokenizer })
    }

    /// What `work` comes to with the offer's tokenizer; `None` without one, or without time for it.
    async fn with_tokenizer<T: Send + 'static>(
        &self,
        offer: &Offer,
        work: impl FnOnce(&ModelTokenizer) -> Option<T> + Send + 'static,
    ) -> Option<T> {
        let source = self.source(offer)?;
        let counted = async {
            let tokenizer = self.shelf.get(&source).await?;
            self.jobs.run(move || work(&tokenizer)).await
        };
        timeout(COUNT_TIME_MAX, counted).await.ok()?
    }

    /// The tokenizer of an offer. No name of a model leaves the gateway for the Hub, but one that came from there or
    /// that the configuration gives as a name at the Hub.
    fn source(&self, offer: &Offer) -> Option<TokenizerSource> {
        let id = (Arc::clone(&offer.provider), Arc::clone(&offer.model));
        if let Some(named) = self.named.get(&id) {
            return Some(named.clone());
        }
        let at_hub = self.of_hugging_face.contains(&offer.provider);
        at_hub.then(|| HubName::parse(&offer.model).map(TokenizerSource::Hub)).flatten()
    }
}
