//! Keys as JSON.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::keys::Key;

use super::rfc3339;

/// A key, without its secret.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
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

impl KeyView {
    /// The key as it is now.
    #[must_use]
    pub fn of(key: &Key) -> KeyView {
        KeyView {
            id: key.id.to_string(),
            account_id: key.account.to_string(),
            name: key.name.clone(),
            prefix: key.prefix.clone(),
            created_at: rfc3339(key.created_at_ms),
            revoked_at: key.revoked_at_ms.map(rfc3339),
        }
    }
}

/// A key just made. It alone carries the secret.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
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
