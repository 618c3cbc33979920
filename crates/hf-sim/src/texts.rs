//! Texts as the tasks take them: one or many, written out or as tokens.

use serde::Deserialize;

use crate::dice::fingerprint;
use crate::prompt::text_tokens;

#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Texts {
    One(Text),
    Many(Vec<Text>),
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Text {
    Written(String),
    Tokens(Vec<u64>),
}

impl Texts {
    pub(crate) fn all(&self) -> &[Text] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Many(texts) => texts,
        }
    }

    /// The text that may carry directives: the last one, unless it is tokens.
    pub(crate) fn message(&self) -> &str {
        match self.all().last() {
            Some(Text::Written(text)) => text,
            _ => "",
        }
    }
}

impl Text {
    pub(crate) fn tokens(&self) -> u64 {
        match self {
            Self::Written(text) => text_tokens(text),
            Self::Tokens(tokens) => tokens.len() as u64,
        }
    }

    pub(crate) fn fingerprint(&self, seed: u64) -> u64 {
        match self {
            Self::Written(text) => fingerprint(seed, text.as_bytes()),
            Self::Tokens(tokens) => {
                tokens.iter().fold(seed, |hash, token| fingerprint(hash, &token.to_le_bytes()))
            }
        }
    }
}
