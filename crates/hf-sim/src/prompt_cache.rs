//! Remembers the beginnings of long prompts, so that a repeat reports cached tokens as real providers do.

use std::collections::{HashSet, VecDeque};
use std::sync::Mutex;

use crate::lock::lock;
use crate::prompt::Prompt;

/// Shorter prompts are not cached, as at the big providers.
pub(crate) const CACHED_TOKENS_MIN: u64 = 1024;
/// Cached tokens are told in blocks of this size.
const BLOCK_TOKENS: u64 = 128;
/// How many beginnings are remembered; the oldest is forgotten first.
const PREFIXES_MAX: usize = 8192;

#[derive(Default)]
pub(crate) struct PromptCache {
    prefixes: Mutex<Prefixes>,
}

#[derive(Default)]
struct Prefixes {
    seen: HashSet<u64>,
    order: VecDeque<u64>,
}

impl PromptCache {
    /// How many tokens of `prompt` this model at this provider has seen before; remembers it from now on.
    pub(crate) fn lookup(&self, prompt: &Prompt, pair: u64) -> u64 {
        if prompt.tokens < CACHED_TOKENS_MIN {
            return 0;
        }
        let mut prefixes = lock(&self.prefixes);
        let mut cached = 0;
        for prefix in prompt.prefixes.iter().filter(|prefix| prefix.tokens >= CACHED_TOKENS_MIN) {
            let name = prefix.hash ^ pair;
            if prefixes.seen.contains(&name) {
                cached = prefix.tokens;
                continue;
            }
            if prefixes.order.len() == PREFIXES_MAX
                && let Some(oldest) = prefixes.order.pop_front()
            {
                prefixes.seen.remove(&oldest);
            }
            prefixes.order.push_back(name);
            prefixes.seen.insert(name);
        }
        cached / BLOCK_TOKENS * BLOCK_TOKENS
    }
}
