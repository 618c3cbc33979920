//! Which models may be called: exact ids, and patterns that end in `*`.

use thiserror::Error;

/// Patterns in one set: a set is written by a person, and is looked through on every call.
pub const PATTERNS_MAX: usize = 100;

/// The longest pattern in bytes. The longest ids of models have some 100.
pub const PATTERN_LEN_MAX: usize = 200;

/// A set of models, as patterns: an exact id (`openai/gpt-oss-20b`), the start of ids (`openai/*`), or all (`*`).
/// Upper and lower case of ASCII letters count as the same, as they do wherever the gateway looks up a model.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Models(Box<[Box<str>]>);

/// Why texts are no set of models.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum InvalidModels {
    /// The list is empty: such a set would allow nothing.
    #[error("must name at least one model")]
    Empty,
    /// More than [`PATTERNS_MAX`].
    #[error("must name at most 100 models")]
    TooMany,
    /// Empty, longer than [`PATTERN_LEN_MAX`], with a space or control character, or with a `*` before its end.
    #[error("`{0}` must be 1 to 200 bytes without spaces, and may have a * as its last character only")]
    Pattern(String),
}

impl Models {
    /// The set of these patterns, in their order.
    pub fn new<T: Into<Box<str>>>(patterns: impl IntoIterator<Item = T>) -> Result<Models, InvalidModels> {
        let mut kept: Vec<Box<str>> = Vec::new();
        for pattern in patterns {
            let pattern: Box<str> = pattern.into();
            if kept.len() == PATTERNS_MAX {
                return Err(InvalidModels::TooMany);
            }
            if !is_pattern(&pattern) {
                return Err(InvalidModels::Pattern(shown(&pattern)));
            }
            kept.push(pattern);
        }
        if kept.is_empty() { Err(InvalidModels::Empty) } else { Ok(Models(kept.into())) }
    }

    /// The patterns, in the order given.
    pub fn patterns(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// Whether the model of this id is in the set.
    #[must_use]
    pub fn allows(&self, model: &str) -> bool {
        self.patterns().any(|pattern| match pattern.strip_suffix('*') {
            Some(start) => starts_with(model, start),
            None => model.eq_ignore_ascii_case(pattern),
        })
    }

    /// Whether every model of this set is surely in `bound`.
    #[must_use]
    pub fn is_within(&self, bound: &Models) -> bool {
        self.patterns().all(|own| match own.strip_suffix('*') {
            Some(start) => bound
                .patterns()
                .filter_map(|most| most.strip_suffix('*'))
                .any(|most| starts_with(start, most)),
            None => bound.allows(own),
        })
    }
}

fn starts_with(text: &str, start: &str) -> bool {
    text.as_bytes().get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start.as_bytes()))
}

fn is_pattern(text: &str) -> bool {
    let id = text.strip_suffix('*').unwrap_or(text);
    (1..=PATTERN_LEN_MAX).contains(&text.len())
        && !id.chars().any(|c| c == '*' || c.is_whitespace() || c.is_control())
}

/// The start of a refused pattern, for the error, without anything that could garble a terminal.
fn shown(text: &str) -> String {
    text.chars().take(PATTERN_LEN_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect()
}
