//! Keys as JSON.

use serde::{Deserialize, Serialize};

/// A key, without its secret.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct KeyView {
    /// `key_…`.
    pub id: String,
    /// Whose it is.
    pub account_id: String,
    /// What people call it.
    pub name: String,
    /// The visible beginning of its secret.
    pub prefix: String,
    /// When it was created.
    pub created_at: String,
    /// When it was revoked.
    pub revoked_at: Option<String>,
}

/// A key just made. It alone carries the secret.
#[derive(Clone, Deserialize, Serialize)]
pub struct NewKeyView {
    /// The key.
    #[serde(flatten)]
    pub key: KeyView,
    /// What clients send; never shown again.
    pub secret: String,
}

impl std::fmt::Debug for NewKeyView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewKeyView").field("key", &self.key).finish_non_exhaustive()
    }
}
