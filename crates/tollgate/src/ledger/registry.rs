//! Who may open an account, and what an account begins with: invites, openings.

use domain::{AccountId, InviteId};

use super::LedgerError;
use super::account::AccountRow;
use super::grant::NewGrant;
use super::key::KeyRow;

/// The most invites in one page of a list.
pub const INVITES_PAGE_MAX: u32 = 1000;

/// An invite as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InviteRow {
    /// Its id.
    pub id: InviteId,
    /// The SHA-256 of its code.
    pub digest: [u8; 32],
    /// Whom it is for, normalised.
    pub identity: String,
    /// The plan that it opens; `None` is the configured one.
    pub plan: Option<String>,
    /// When it was made, in milliseconds since the Unix epoch.
    pub created_at_ms: i64,
    /// From when it is no longer good, in milliseconds since the Unix epoch.
    pub expires_at_ms: i64,
    /// When it was revoked, in milliseconds since the Unix epoch.
    pub revoked_at_ms: Option<i64>,
    /// When it was used, in milliseconds since the Unix epoch, and for which account.
    pub used: Option<(i64, AccountId)>,
}

impl InviteRow {
    /// Whether it opens an account at `now_ms`.
    #[must_use]
    pub fn is_good(&self, now_ms: i64) -> bool {
        self.revoked_at_ms.is_none() && self.used.is_none() && now_ms < self.expires_at_ms
    }
}

/// A new account with what it begins with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening<'a> {
    /// The account, whose totals are zero.
    pub(crate) account: &'a AccountRow,
    /// Its first credit.
    pub(crate) grant: Option<&'a NewGrant<'a>>,
    /// Its first key.
    pub(crate) key: Option<&'a KeyRow>,
    /// The invite that is used up.
    pub(crate) invite: Option<InviteId>,
}

/// Openings of accounts, and invites.
pub(crate) trait Registry {
    /// Stores an account with all that it begins with, or nothing. [`LedgerError::Registered`] when its identity has an
    /// account already; [`LedgerError::InviteSpent`] when the invite is no longer good.
    fn open_account(&mut self, opening: &Opening<'_>) -> Result<(), LedgerError>;

    /// Stores a new invite.
    fn create_invite(&mut self, row: &InviteRow) -> Result<(), LedgerError>;

    /// The invite of that digest.
    fn invite(&mut self, digest: &[u8; 32]) -> Result<Option<InviteRow>, LedgerError>;

    /// Invites that are older than `before`, newest first, at most `limit` and [`INVITES_PAGE_MAX`].
    fn invites(&mut self, before: Option<InviteId>, limit: u32) -> Result<Vec<InviteRow>, LedgerError>;

    /// Marks an invite as revoked, unless it is already or was used, and returns it.
    fn revoke_invite(&mut self, id: InviteId, at_ms: i64) -> Result<InviteRow, LedgerError>;
}
