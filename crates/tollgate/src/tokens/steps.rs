//! What a tokenizer does to a text before its model reads it: its normalizers and pre-tokenizers, within bounds.
//!
//! A file from the Hub may be anybody's. It may put a megabyte in the place of each letter, or double the text forty
//! times. So whatever puts something into a text puts in little, there are few of those, and a text that grows all the
//! same is not counted.

use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use tokenizers::{
    NormalizedString, Normalizer, NormalizerWrapper, PreTokenizedString, PreTokenizer, PreTokenizerWrapper,
};

/// What is tokenized at once, in bytes. The library takes some two hundred bytes of memory for each,
/// and a text may grow before it gets there.
pub(super) const CHUNK_BYTES: usize = 16 << 10;

/// The longest text that a tokenizer may put in the place of another, in bytes. The longest that Unicode knows has 33.
pub(super) const REPLACEMENT_BYTES_MAX: usize = 64;

/// Normalizers of a tokenizer, and its pre-tokenizers. Those in the field have up to a dozen.
pub(super) const STEPS_MAX: usize = 64;

/// Pre-tokenizers that put something into the text. Those in the field have one.
const GROWING_MAX: usize = 2;

/// How many times longer a normalizer may make a text: a space of one byte may become a mark of three.
const GROWTH_MAX: usize = 4;

/// What a short text may grow beyond that, in bytes: a word may be put before it, and one letter become a phrase.
const GROWTH_BYTES_MAX: usize = 32;

/// The longest text that a normalizer may leave, in bytes.
pub(super) const NORMALIZED_BYTES_MAX: usize = GROWTH_MAX * CHUNK_BYTES;

/// The normalizers of a tokenizer, one after the other.
#[derive(Debug)]
pub(super) struct Normalizers {
    steps: Vec<NormalizerWrapper>,
    /// Texts that grew too long. The library does not hear of errors here, so that they are counted.
    too_long: AtomicU64,
}

/// Its pre-tokenizers.
#[derive(Debug)]
pub(super) struct PreTokenizers(Vec<PreTokenizerWrapper>);

impl<'de> Deserialize<'de> for Normalizers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Normalizers, D::Error> {
        let mut steps = Vec::new();
        flatten_normalizer(NormalizerWrapper::deserialize(deserializer)?, &mut steps);
        let long = steps.iter().any(|step| longest_replacement(step) > REPLACEMENT_BYTES_MAX);
        if long || steps.len() > STEPS_MAX {
            return Err(serde::de::Error::custom("its normalizers may make a text too long"));
        }
        Ok(Normalizers { steps, too_long: AtomicU64::new(0) })
    }
}

impl Normalizers {
    /// How many texts grew too long so far. Nothing is left of those.
    pub(super) fn too_long(&self) -> u64 {
        self.too_long.load(Ordering::Relaxed)
    }
}

impl Normalizer for Normalizers {
    fn normalize(&self, text: &mut NormalizedString) -> tokenizers::Result<()> {
        let most = (GROWTH_MAX * text.len_original() + GROWTH_BYTES_MAX).min(NORMALIZED_BYTES_MAX);
        // Before each step too, because a step may take its text many times over.
        let mut grown = || {
            for step in &self.steps {
                if text.len() > most {
                    return Ok(true);
                }
                step.normalize(text)?;
            }
            Ok::<_, tokenizers::Error>(text.len() > most)
        };
        if grown()? {
            text.clear();
            self.too_long.fetch_add(1, Ordering::Relaxed);
            return Err("the text grows too long".into());
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for PreTokenizers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<PreTokenizers, D::Error> {
        let mut steps = Vec::new();
        flatten_pre_tokenizer(PreTokenizerWrapper::deserialize(deserializer)?, &mut steps);
        let grows =
            |step: &&_| matches!(step, PreTokenizerWrapper::ByteLevel(_) | PreTokenizerWrapper::Metaspace(_));
        if steps.len() > STEPS_MAX || steps.iter().filter(grows).count() > GROWING_MAX {
            return Err(serde::de::Error::custom("its pre-tokenizers may make a text too long"));
        }
        Ok(PreTokenizers(steps))
    }
}

impl PreTokenizer for PreTokenizers {
    fn pre_tokenize(&self, text: &mut PreTokenizedString) -> tokenizers::Result<()> {
        self.0.iter().try_for_each(|step| step.pre_tokenize(text))
    }
}

fn flatten_normalizer(step: NormalizerWrapper, steps: &mut Vec<NormalizerWrapper>) {
    match step {
        NormalizerWrapper::Sequence(inner) => {
            inner.into_iter().for_each(|step| flatten_normalizer(step, steps));
        }
        step => steps.push(step),
    }
}

fn flatten_pre_tokenizer(step: PreTokenizerWrapper, steps: &mut Vec<PreTokenizerWrapper>) {
    match step {
        PreTokenizerWrapper::Sequence(inner) => {
            inner.into_iter().for_each(|step| flatten_pre_tokenizer(step, steps));
        }
        step => steps.push(step),
    }
}

/// The longest text that a normalizer of the file's own making puts in, in bytes.
fn longest_replacement(step: &NormalizerWrapper) -> usize {
    match step {
        NormalizerWrapper::Replace(replace) => replace.content.len(),
        NormalizerWrapper::Prepend(prepend) => prepend.prepend.len(),
        // One that cannot be read is as good as too long.
        NormalizerWrapper::Precompiled(table) => {
            serde_json::to_value(table).ok().and_then(|table| longest_of_table(&table)).unwrap_or(usize::MAX)
        }
        _ => 0,
    }
}

/// The longest entry of a table of `SentencePiece`: the length of its tree in four bytes, the tree, and then the
/// entries, each with a zero after it.
fn longest_of_table(table: &Value) -> Option<usize> {
    let bytes = STANDARD.decode(table["precompiled_charsmap"].as_str()?).ok()?;
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let tree = usize::try_from(u32::from_le_bytes(*length)).ok()? / 4 * 4;
    rest.get(tree..)?.split(|byte| *byte == 0).map(<[u8]>::len).max()
}
