//! Tokens are counted as Python's libraries count them, and the Hub may do what it likes meanwhile.

mod counts;
mod fetching;
mod hostile;
mod python;
mod steps;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use domain::{Offer, Pricing};
use hf_sim::{HfSim, SimConfig};
use serde_json::{Value, json};
use tempfile::TempDir;
use wire::chat::ChatRequest;

use super::files::TokenizerFiles;
use super::{Count, CountSource, Tokenizers};
use crate::clock::Clock;
use crate::config::{Config, Env, Overrides, Sources};

/// 2026-03-04 05:06:07, the date of the fixture.
const NOW_MS: i64 = 1_772_600_767_000;

const MODEL: &str = "openai/gpt-oss-20b";

/// What the simulator's Hub serves.
fn files() -> TokenizerFiles {
    TokenizerFiles {
        tokenizer: Bytes::from_static(include_bytes!("../../../../hf-sim/fixtures/hub/tokenizer.json")),
        config: Some(Bytes::from_static(include_bytes!(
            "../../../../hf-sim/fixtures/hub/tokenizer_config.json"
        ))),
        template: None,
    }
}

/// Tokenizers of a gateway, with a Hub.
struct Place {
    sim: HfSim,
    folder: TempDir,
    now_ms: Arc<AtomicI64>,
    tokenizers: Tokenizers,
}

impl Place {
    fn new() -> Place {
        Place::with("")
    }

    /// With more configuration than where the Hub is.
    fn with(more: &str) -> Place {
        let sim = HfSim::start(SimConfig::default()).unwrap();
        let folder = TempDir::new().unwrap();
        let now_ms = Arc::new(AtomicI64::new(NOW_MS));
        let hub_url = format!("http://{}", sim.addr());
        let tokenizers = tokenizers(&hub_url, folder.path(), Clock::Manual(Arc::clone(&now_ms)), more);
        Place { sim, folder, now_ms, tokenizers }
    }

    fn later(&self, seconds: i64) {
        self.now_ms.fetch_add(seconds * 1000, Ordering::Relaxed);
    }

    /// How often the Hub was asked for the tokenizer of a model.
    fn fetches(&self, model: &str) -> usize {
        let path = format!("/{model}/resolve/main/tokenizer.json");
        self.sim.requests().iter().filter(|request| request.path == path).count()
    }

    /// Counts, and counts again when the tokenizer has come or is known not to.
    async fn settled(&self, model: &str) -> Count {
        settled(&self.tokenizers, model).await
    }
}

async fn settled(tokenizers: &Tokenizers, model: &str) -> Count {
    let offer = offer("huggingface", model);
    tokenizers.count(&offer, &ask("Hello")).await;
    let source = tokenizers.source(&offer).expect("a source");
    tokenizers.shelf.settled(&source).await;
    tokenizers.count(&offer, &ask("Hello")).await
}

/// The example of the configuration in a test: a Hub, a folder and what else is said.
fn tokenizers(hub_url: &str, folder: &Path, clock: Clock, more: &str) -> Tokenizers {
    let toml = format!("[tokenizers]\nhub_url = \"{hub_url}\"\nfolder = {folder:?}\n{more}");
    let sources = Sources {
        file: Some(("tollgate.toml".into(), toml)),
        env: Env::default(),
        overrides: Overrides::default(),
    };
    Tokenizers::new(&Config::resolve(sources).unwrap(), clock)
}

fn offer(provider: &str, model: &str) -> Offer {
    Offer {
        provider: provider.into(),
        model: model.into(),
        upstream_model: model.into(),
        inference_provider: None,
        kind: None,
        pricing: Pricing::Free,
        context_length: None,
        prompt_tokens_max: None,
    }
}

fn ask(text: &str) -> ChatRequest {
    request(&json!({ "messages": [{ "role": "user", "content": text }] }))
}

/// A request with `model` added.
fn request(body: &Value) -> ChatRequest {
    let mut body = body.clone();
    body["model"] = MODEL.into();
    ChatRequest::parse(body.to_string().into()).unwrap()
}

/// What `Hello` comes to with the fixture's tokenizer.
const HELLO: Count = Count { tokens: 42, source: CountSource::Tokenizer };

/// What it is bounded by.
fn bound() -> Count {
    Count { tokens: ask("Hello").bound().input_tokens, source: CountSource::Bound }
}
