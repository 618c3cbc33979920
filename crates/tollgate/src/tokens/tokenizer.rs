//! A model's tokenizer with its chat templates, loaded.

use tokenizers::{ModelWrapper, Tokenizer};
use tracing::debug;
use wire::chat::{IMAGE_TOKENS_ESTIMATED, MESSAGE_TOKENS, TOOL_TOKENS};

use super::conversation::Conversation;
use super::files::TokenizerFiles;
use super::template::ChatTemplates;
use crate::clock::Clock;

/// The longest text that is tokenized, in bytes: half a million tokens of prose. The work and the memory for it grow
/// with it.
pub(super) const TEXT_BYTES_MAX: usize = 2 << 20;

/// Words that a thread remembers for a tokenizer. The library's own ten thousand stay in memory when the tokenizer
/// does not.
const WORDS_REMEMBERED_MAX: usize = 500;

/// A tokenizer in memory.
#[derive(Debug)]
pub(super) struct ModelTokenizer {
    tokenizer: Tokenizer,
    templates: Option<ChatTemplates>,
}

impl ModelTokenizer {
    /// Loads a tokenizer. Templates that cannot be read are as good as none.
    ///
    /// # Errors
    /// When it is no tokenizer; for the log.
    pub(super) fn load(files: &TokenizerFiles, clock: &Clock) -> Result<ModelTokenizer, String> {
        let mut tokenizer = Tokenizer::from_bytes(&files.tokenizer).map_err(|error| error.to_string())?;
        // Some files cut or fill every text to the length that they were trained with.
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(|error| error.to_string())?;
        if let ModelWrapper::BPE(model) = tokenizer.get_model() {
            let mut model = model.clone();
            model.resize_cache(WORDS_REMEMBERED_MAX);
            tokenizer.with_model(model);
        }
        let templates = ChatTemplates::load(files, clock).unwrap_or_else(|error| {
            debug!(error, "a chat template cannot be read");
            None
        });
        Ok(ModelTokenizer { tokenizer, templates })
    }

    /// The tokens of a chat prompt; `None` when it cannot be counted.
    pub(super) fn count_chat(&self, body: &[u8]) -> Option<u64> {
        let conversation = Conversation::read(body)?;
        let rendered = self.templates.as_ref().and_then(|templates| match templates.render(&conversation) {
            Ok(text) => Some(text),
            Err(error) => {
                debug!(%error, "a chat template failed");
                None
            }
        });
        let tokens = match rendered {
            Some(text) => self.count_text(&text)?,
            None => {
                let (messages, tools) = conversation.lengths();
                self.count_text(&conversation.text())? + messages * MESSAGE_TOKENS + tools * TOOL_TOKENS
            }
        };
        Some(tokens + conversation.images() * IMAGE_TOKENS_ESTIMATED)
    }

    /// The tokens of a text, special ones in it included; `None` when it cannot be counted.
    pub(super) fn count_text(&self, text: &str) -> Option<u64> {
        if text.len() > TEXT_BYTES_MAX {
            return None;
        }
        // The template has put the special tokens where they belong.
        let encoding = self.tokenizer.encode_fast(text, false);
        encoding.ok().map(|encoding| encoding.len() as u64)
    }
}
