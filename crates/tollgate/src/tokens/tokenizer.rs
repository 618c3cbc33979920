//! A model's tokenizer with its chat templates, loaded.

use tokenizers::{DecoderWrapper, ModelWrapper, PostProcessorWrapper, TokenizerImpl};
use tracing::debug;
use wire::chat::{IMAGE_TOKENS_ESTIMATED, MESSAGE_TOKENS, TOOL_TOKENS};

use super::conversation::Conversation;
use super::files::TokenizerFiles;
use super::steps::{CHUNK_BYTES, Normalizers, PreTokenizers, REPLACEMENT_BYTES_MAX};
use super::template::ChatTemplates;
use super::{COUNT_TIME_MAX, TEXT_BYTES_MAX};
use crate::clock::Clock;

/// Words that a thread remembers for a tokenizer. The library's own ten thousand stay in memory when the tokenizer
/// does not.
const WORDS_REMEMBERED_MAX: usize = 500;

/// The longest word of a `WordPiece` model, in characters: its time grows with the square. It is 100 in the field.
const WORD_CHARS_MAX: usize = 1_000;

/// The library's tokenizer, with steps that are bounded.
type Tokenizer =
    TokenizerImpl<ModelWrapper, Normalizers, PreTokenizers, PostProcessorWrapper, DecoderWrapper>;

/// A tokenizer in memory.
#[derive(Debug)]
pub(super) struct ModelTokenizer {
    tokenizer: Tokenizer,
    templates: Option<ChatTemplates>,
    clock: Clock,
}

impl ModelTokenizer {
    /// Loads a tokenizer. Templates that cannot be read are as good as none.
    ///
    /// # Errors
    /// When it is no tokenizer; for the log.
    pub(super) fn load(files: &TokenizerFiles, clock: &Clock) -> Result<ModelTokenizer, String> {
        let mut tokenizer: Tokenizer =
            serde_json::from_slice(&files.tokenizer).map_err(|error| error.to_string())?;
        check(tokenizer.get_model())?;
        // Some files cut or fill every text to the length that they were trained with.
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(|error| error.to_string())?;
        // It puts special tokens around a text, which the template does here, and may repeat the text at will.
        tokenizer.with_post_processor(None::<PostProcessorWrapper>);
        if let ModelWrapper::BPE(model) = tokenizer.get_model() {
            let mut model = model.clone();
            model.resize_cache(WORDS_REMEMBERED_MAX);
            tokenizer.with_model(model);
        }
        let templates = ChatTemplates::load(files, clock).unwrap_or_else(|error| {
            debug!(error, "a chat template cannot be read");
            None
        });
        Ok(ModelTokenizer { tokenizer, templates, clock: clock.clone() })
    }

    /// The tokens of a chat prompt; `None` when it cannot be counted.
    pub(super) fn count_chat(&self, body: &[u8]) -> Option<u64> {
        let until_ns = self.until_ns();
        let conversation = Conversation::read(body)?;
        let rendered = self.templates.as_ref().and_then(|templates| match templates.render(&conversation) {
            Ok(text) => Some(text),
            Err(error) => {
                debug!(%error, "a chat template failed");
                None
            }
        });
        let tokens = match rendered {
            Some(text) => self.count(&text, until_ns)?,
            None => {
                let (messages, tools) = conversation.lengths();
                self.count(&conversation.text(), until_ns)? + messages * MESSAGE_TOKENS + tools * TOOL_TOKENS
            }
        };
        Some(tokens + conversation.images() * IMAGE_TOKENS_ESTIMATED)
    }

    /// The tokens of each text, special ones in it included; `None` when one is too long, or cannot be counted.
    pub(super) fn count_texts<T: AsRef<str>>(&self, texts: &[T]) -> Option<Vec<u64>> {
        let until_ns = self.until_ns();
        texts.iter().map(|text| self.count(text.as_ref(), until_ns)).collect()
    }

    /// When a count that begins now is of no use any more.
    fn until_ns(&self) -> u64 {
        let most_ns = u64::try_from(COUNT_TIME_MAX.as_nanos()).unwrap_or(u64::MAX);
        self.clock.now().mono_ns.saturating_add(most_ns)
    }

    /// The tokens of a text. Nobody waits for them after `until_ns`, so that the rest is left then.
    pub(super) fn count(&self, text: &str, until_ns: u64) -> Option<u64> {
        if text.len() > TEXT_BYTES_MAX {
            return None;
        }
        let count = |chunk| {
            if self.clock.now().mono_ns > until_ns {
                return None;
            }
            // The template has put the special tokens where they belong.
            self.tokenizer.encode_fast(chunk, false).map(|encoding| encoding.len() as u64).ok()
        };
        let too_long = || self.tokenizer.get_normalizer().map(Normalizers::too_long);
        let before = too_long();
        let tokens = chunks(text).map(count).sum();
        // A text of somebody else that grew too long meanwhile costs this one its count as well, and no more than that.
        if too_long() == before { tokens } else { None }
    }
}

/// Refuses a model that takes its time on every word.
fn check(model: &ModelWrapper) -> Result<(), String> {
    let (affixes, word_chars) = match model {
        ModelWrapper::BPE(model) => {
            let affix = |affix: &Option<String>| affix.as_ref().map_or(0, String::len);
            (affix(&model.continuing_subword_prefix).max(affix(&model.end_of_word_suffix)), 0)
        }
        ModelWrapper::WordPiece(model) => {
            (model.continuing_subword_prefix.len(), model.max_input_chars_per_word)
        }
        _ => (0, 0),
    };
    if affixes > REPLACEMENT_BYTES_MAX || word_chars > WORD_CHARS_MAX {
        return Err("its model takes too long for a word".to_owned());
    }
    Ok(())
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
