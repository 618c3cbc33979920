//! A model's tokenizer with its chat templates, loaded.

use tokenizers::{ModelWrapper, Tokenizer};
use tracing::debug;
use wire::chat::{IMAGE_TOKENS_ESTIMATED, MESSAGE_TOKENS, TOOL_TOKENS};

use super::conversation::Conversation;
use super::files::TokenizerFiles;
use super::template::ChatTemplates;
use crate::clock::Clock;

/// The longest text that is tokenized, in bytes: a million tokens of prose, as many as the longest contexts.
pub(super) const TEXT_BYTES_MAX: usize = 4 << 20;

/// What is tokenized at once, in bytes. The library takes some two hundred bytes of memory for each.
const CHUNK_BYTES: usize = 64 << 10;

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

    /// The tokens of a text, special ones in it included; `None` when it is too long, or cannot be counted.
    pub(super) fn count_text(&self, text: &str) -> Option<u64> {
        if text.len() > TEXT_BYTES_MAX {
            return None;
        }
        // The template has put the special tokens where they belong.
        let count = |chunk| self.tokenizer.encode_fast(chunk, false).map(|encoding| encoding.len() as u64);
        chunks(text).map(count).sum::<Result<u64, _>>().ok()
    }
}

/// Pieces of a text, cut at the beginning of a line where that can be. Words and pauses never reach across it, so that
/// the tokens of the pieces are those of the whole; elsewhere a cut makes a token more.
fn chunks(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (chunk, after) = rest.split_at(cut(rest));
        rest = after;
        Some(chunk).filter(|chunk| !chunk.is_empty())
    })
}

/// Where to cut a text, in bytes.
fn cut(text: &str) -> usize {
    if text.len() <= CHUNK_BYTES {
        return text.len();
    }
    let end = text.floor_char_boundary(CHUNK_BYTES);
    let lines = text[..end].match_indices('\n').map(|(at, line_end)| at + line_end.len());
    let begins = |at: &usize| text[*at..].starts_with(|next: char| !next.is_whitespace());
    lines.rev().find(begins).unwrap_or(end)
}
