//! A credential that cannot be shown by accident.

use std::fmt;
use std::sync::Arc;

/// A provider's token or the admin key. It has no `Display`, and its `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(Arc<str>);

impl ApiKey {
    /// The longest credential that is taken: no provider's comes near it.
    pub const LEN_MAX: usize = 4096;

    /// A credential; `None` when it could not stand in an HTTP header: empty, too long, or with a character that is
    /// not visible ASCII.
    #[must_use]
    pub fn new(text: &str) -> Option<ApiKey> {
        let fits = !text.is_empty() && text.len() <= ApiKey::LEN_MAX;
        (fits && text.bytes().all(|byte| byte.is_ascii_graphic())).then(|| ApiKey(text.into()))
    }

    /// The credential itself, for the one place that sends or compares it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(…)")
    }
}
