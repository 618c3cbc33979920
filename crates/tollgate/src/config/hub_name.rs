//! The name of a repository of the Hub, which is also the name of a folder on disk.

use std::fmt;
use std::sync::Arc;

/// The longest organisation or name: the Hub takes 96 characters.
const PART_LEN_MAX: usize = 96;

/// `org/name`, of letters, digits, `.`, `_` and `-`. Neither part begins with a dot or holds two in a row, so that no
/// name leads out of the folder that it is kept in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HubName(Arc<str>);

impl HubName {
    /// `None` when `text` is not such a name.
    #[must_use]
    pub fn parse(text: &str) -> Option<HubName> {
        let (org, name) = text.split_once('/')?;
        (is_part(org) && is_part(name)).then(|| HubName(text.into()))
    }

    /// `org/name`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HubName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

fn is_part(part: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=PART_LEN_MAX).contains(&part.len())
        && part.bytes().all(known)
        && !part.starts_with('.')
        && !part.contains("..")
}
