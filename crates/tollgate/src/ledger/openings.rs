//! The ledger's side of trials and sign-up: accounts that begin with something, terms that change, invites.

use std::sync::{Arc, PoisonError};

use domain::{AccountId, AccountKind, InviteId, Money, PlanName, Trial};

use super::account::{Account, AccountRow, Terms, check_name};
use super::grant::NewGrant;
use super::identity::IdentityMark;
use super::key::KeyRow;
use super::registry::{InviteRow, Opening};
use super::{Deed, Ledger, LedgerError, Written, ids};

/// The reference of the credit that a trial begins with.
pub const TRIAL_REFERENCE: &str = "trial";

/// A trial to open.
#[derive(Clone, Debug)]
pub struct NewTrial {
    /// What people call the account: 1 to 200 bytes.
    pub name: String,
    /// How it pays.
    pub kind: AccountKind,
    /// The name of its plan.
    pub plan: PlanName,
    /// How long the trial is, and its credit.
    pub trial: Trial,
}

/// A visitor who signs up, and proved who they are.
#[derive(Debug)]
pub struct SignUp {
    /// The id that the account will have.
    pub account: AccountId,
    /// Who they are.
    pub identity: IdentityMark,
    /// The invite that they used.
    pub invite: Option<InviteId>,
    /// Their first key.
    pub(crate) key: KeyRow,
}

impl Ledger {
    /// Opens a trial account with its end and its credit, all or nothing.
    pub fn open_trial(&self, new: NewTrial) -> Deed<Arc<Account>> {
        self.open_account(self.next_account_id(), new, None, |_| ())
    }

    /// Opens the trial of a visitor: account, identity, credit and key, all or nothing. `keep` takes the key into
    /// memory. [`LedgerError::Registered`] when the identity has an account already.
    pub(crate) fn sign_up(
        &self,
        new: NewTrial,
        visitor: SignUp,
        keep: impl FnOnce(KeyRow) + Send + 'static,
    ) -> Deed<Arc<Account>> {
        self.open_account(visitor.account, new, Some(visitor), keep)
    }

    fn open_account(
        &self,
        id: AccountId,
        new: NewTrial,
        visitor: Option<SignUp>,
        keep: impl FnOnce(KeyRow) + Send + 'static,
    ) -> Deed<Arc<Account>> {
        let ledger = self.clone();
        self.deed(move |store| {
            check_name(&new.name)?;
            let now_ms = ledger.now_ms();
            let row = AccountRow {
                id,
                name: new.name,
                kind: new.kind,
                terms: Terms { plan: Some(new.plan), trial_ends_at_ms: Some(new.trial.ends_at_ms(now_ms)) },
                granted: Money::ZERO,
                spent: Money::ZERO,
                identity: visitor.as_ref().map(|visitor| visitor.identity),
                created_at_ms: now_ms,
            };
            let credit = new.trial.credit;
            let grant = NewGrant {
                id: ids::grant_id(ledger.clock()),
                account: id,
                amount: credit,
                reference: TRIAL_REFERENCE,
                paid: false,
                terms: None,
                at_ms: now_ms,
            };
            store.open_account(&Opening {
                account: &row,
                grant: (!credit.is_zero()).then_some(&grant),
                key: visitor.as_ref().map(|visitor| &visitor.key),
                invite: visitor.as_ref().and_then(|visitor| visitor.invite),
            })?;
            let account = Arc::new(Account::open(&AccountRow { granted: credit, ..row })?);
            Ok(Written::new(Arc::clone(&account), move || {
                ledger.add(account);
                if let Some(visitor) = visitor {
                    keep(visitor.key);
                }
            }))
        })
    }

    /// Takes a stored account into memory.
    pub(super) fn add(&self, account: Arc<Account>) {
        let mut accounts = self.shared.accounts.write().unwrap_or_else(PoisonError::into_inner);
        accounts.insert(account.id, account);
    }

    /// The time by the ledger's clock, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.shared.clock.now_ms()
    }

    /// The id for an account that is about to be opened.
    #[must_use]
    pub fn next_account_id(&self) -> AccountId {
        ids::account_id(&self.shared.clock)
    }

    /// A new invite for `identity`, which is normalised, that is good for `life_ms`.
    pub fn create_invite(
        &self,
        digest: [u8; 32],
        identity: &str,
        plan: Option<PlanName>,
        life_ms: i64,
    ) -> Deed<InviteRow> {
        let now_ms = self.now_ms();
        let row = InviteRow {
            id: ids::invite_id(&self.shared.clock),
            digest,
            identity: identity.to_owned(),
            plan: plan.map(|plan| plan.to_string()),
            created_at_ms: now_ms,
            expires_at_ms: now_ms.saturating_add(life_ms),
            revoked_at_ms: None,
            used: None,
        };
        self.deed(move |store| {
            store.create_invite(&row)?;
            Ok(Written::new(row, || ()))
        })
    }

    /// The invite of that digest, good or not.
    pub async fn invite(&self, digest: [u8; 32]) -> Result<Option<InviteRow>, LedgerError> {
        self.on_writer(move |store| store.invite(&digest)).await
    }

    /// A page of invites, newest first: those older than `before`.
    pub async fn invites(&self, before: Option<InviteId>, limit: u32) -> Result<Vec<InviteRow>, LedgerError> {
        self.on_writer(move |store| store.invites(before, limit)).await
    }

    /// Revokes an invite. One that was used stays as it is.
    pub async fn revoke_invite(&self, id: InviteId) -> Result<InviteRow, LedgerError> {
        let now_ms = self.shared.clock.now_ms();
        self.on_writer(move |store| store.revoke_invite(id, now_ms)).await
    }
}
