//! One tool call while its pieces arrive.

use std::hash::{DefaultHasher, Hasher};

use super::fragment::Fragment;
use super::scan::Scan;
use crate::pivot::item::ToolKind;

/// Characters of a tool's name: no dialect takes a tool or a call with a longer one, so it means none.
const NAME_CHARS_MAX: usize = 128;

/// A call while its pieces arrive.
#[derive(Debug, Default)]
pub(super) struct Call {
    pub(super) index: Option<u64>,
    /// The upstream's id, which later pieces may name.
    pub(super) id: String,
    pub(super) name: String,
    /// Arguments that were not told.
    pub(super) arguments: String,
    pub(super) scan: Scan,
    /// Of all arguments.
    pub(super) digest: DefaultHasher,
    /// What it was told as.
    pub(super) told: Option<ToolKind>,
}

/// What an upstream calls a call.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Mark {
    index: Option<u64>,
    id: String,
    name: String,
}

impl Call {
    /// What the upstream calls it.
    pub(super) fn mark(&self) -> Mark {
        Mark { index: self.index, id: self.id.clone(), name: self.name.clone() }
    }

    /// Whether it says which tool it means.
    pub(super) fn is_named(&self) -> bool {
        !self.name.is_empty() && self.name.chars().count() <= NAME_CHARS_MAX
    }

    /// Whether a piece with the mark of this call belongs to it. Some upstreams give every call the index 0, and some a
    /// new id with every piece; only a name begins a call.
    pub(super) fn goes_on_with(&self, fragment: &Fragment<'_>) -> bool {
        let other_id = !fragment.id.is_empty() && !self.id.is_empty() && fragment.id != self.id;
        let has_arguments = !fragment.arguments.trim_ascii().is_empty();
        if fragment.name.is_empty() {
            return !(other_id && self.scan.is_whole());
        }
        if fragment.index.is_none() && fragment.id.is_empty() {
            return !self.scan.is_begun() && !has_arguments;
        }
        let another = self.scan.is_whole() && has_arguments;
        !(other_id || another)
    }

    pub(super) fn add(&mut self, fragment: &Fragment<'_>) {
        self.index = self.index.or(fragment.index);
        if self.told.is_none() {
            if self.id.is_empty() {
                self.id.push_str(&fragment.id);
            }
            self.add_name(&fragment.name);
        }
        self.grow(&fragment.arguments);
    }

    /// Names come whole, again with every piece, longer with every piece, or in parts.
    fn add_name(&mut self, name: &str) {
        if name.starts_with(&self.name) {
            self.name.clear();
        }
        self.name.push_str(name);
    }

    pub(super) fn grow(&mut self, arguments: &str) {
        self.scan.read(arguments);
        self.digest.write(arguments.as_bytes());
        self.arguments.push_str(arguments);
    }
}

impl Fragment<'_> {
    /// What the upstream calls the call that it belongs to.
    pub(super) fn mark(&self) -> Mark {
        Mark { index: self.index, id: self.id.to_string(), name: self.name.to_string() }
    }
}

/// A digest of whole arguments, as [`Call::digest`] comes to.
pub(super) fn digest(arguments: &str) -> u64 {
    let mut digest = DefaultHasher::new();
    digest.write(arguments.as_bytes());
    digest.finish()
}
