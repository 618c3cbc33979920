//! What people note about a key: names with short texts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use utoipa::ToSchema;

/// Labels of one key, as many as OpenAI's metadata has pairs.
pub const LABELS_MAX: usize = 16;

/// The longest name, in bytes, as in OpenAI's metadata.
pub const LABEL_NAME_LEN_MAX: usize = 64;

/// The longest text, in bytes: a label is a word or two, no document.
pub const LABEL_TEXT_LEN_MAX: usize = 128;

/// Up to 16 names, each with a text: `{"team": "blue"}`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize, ToSchema)]
#[serde(try_from = "BTreeMap<String, String>")]
#[schema(value_type = BTreeMap<String, String>, examples(json!({"team": "blue"})))]
pub struct Labels(BTreeMap<String, String>);

/// Texts that are no labels.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error(
    "at most 16 labels, with names of 1 to 64 bytes and texts of at most 128, without control characters"
)]
pub struct InvalidLabels;

impl Labels {
    /// Each name with its text, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }
}

impl TryFrom<BTreeMap<String, String>> for Labels {
    type Error = InvalidLabels;

    fn try_from(labels: BTreeMap<String, String>) -> Result<Labels, InvalidLabels> {
        let plain = |text: &str| !text.chars().any(char::is_control);
        let fits = |(name, text): (&String, &String)| {
            (1..=LABEL_NAME_LEN_MAX).contains(&name.len())
                && text.len() <= LABEL_TEXT_LEN_MAX
                && plain(name)
                && plain(text)
        };
        if labels.len() <= LABELS_MAX && labels.iter().all(fits) {
            Ok(Labels(labels))
        } else {
            Err(InvalidLabels)
        }
    }
}
