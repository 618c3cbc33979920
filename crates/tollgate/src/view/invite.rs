//! Invites as JSON.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ledger::InviteRow;

use crate::time::rfc3339;

/// An invite, without its code.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
pub struct InviteView {
    /// `invite_…`.
    pub id: String,
    /// Whom it is for.
    pub identity: String,
    /// The plan that it opens; `null` is the configured one.
    pub plan: Option<String>,
    /// When it was made.
    pub created_at: String,
    /// From when it is no longer good.
    pub expires_at: String,
    /// When it was revoked.
    pub revoked_at: Option<String>,
    /// When it was used.
    pub used_at: Option<String>,
    /// The account that it opened.
    pub account_id: Option<String>,
}

impl InviteView {
    /// The invite as stored.
    #[must_use]
    pub fn of(row: &InviteRow) -> InviteView {
        InviteView {
            id: row.id.to_string(),
            identity: row.identity.clone(),
            plan: row.plan.clone(),
            created_at: rfc3339(row.created_at_ms),
            expires_at: rfc3339(row.expires_at_ms),
            revoked_at: row.revoked_at_ms.map(rfc3339),
            used_at: row.used.map(|(at_ms, _)| rfc3339(at_ms)),
            account_id: row.used.map(|(_, account)| account.to_string()),
        }
    }
}

/// An invite just made. It alone carries the code.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
pub struct NewInviteView {
    /// The invite.
    #[serde(flatten)]
    pub invite: InviteView,
    /// What the visitor presents; never shown again.
    pub code: String,
}

impl std::fmt::Debug for NewInviteView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewInviteView").field("invite", &self.invite).finish_non_exhaustive()
    }
}
