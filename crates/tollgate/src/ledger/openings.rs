//! The ledger's side of trials and sign-up: accounts that begin with something, terms that change, invites.

use std::sync::{Arc, PoisonError};

use domain::{AccountId, AccountKind, InviteId, Money, Trial};

use super::account::{Account, AccountRow, Terms, check_name};
use super::registry::{IdentityMark, InviteRow, Opening};
use super::store::{KeyRow, NewGrant};
use super::{Ledger, LedgerError, ids};

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
    pub plan: String,
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
    pub key: KeyRow,
}

impl Ledger {
    /// Opens a trial account with its end and its credit, all or nothing.
    pub async fn open_trial(&self, new: NewTrial) -> Result<Arc<Account>, LedgerError> {
        let id = ids::account_id(&self.shared.clock);
        self.open(id, new, None, |_| ()).await
    }

    /// Opens the trial of a visitor: account, identity, credit and key, all or nothing. `keep` takes the key into
    /// memory. [`LedgerError::Registered`] when the identity has an account already.
    pub async fn sign_up(
        &self,
        new: NewTrial,
        visitor: SignUp,
        keep: impl FnOnce(KeyRow) + Send + 'static,
    ) -> Result<Arc<Account>, LedgerError> {
        self.open(visitor.account, new, Some(visitor), keep).await
    }

    async fn open(
        &self,
        id: AccountId,
        new: NewTrial,
        visitor: Option<SignUp>,
        keep: impl FnOnce(KeyRow) + Send + 'static,
    ) -> Result<Arc<Account>, LedgerError> {
        check_name(&new.name)?;
        let shared = Arc::clone(&self.shared);
        self.on_writer(move |store| {
            let now_ms = shared.clock.now_ms();
            let row = AccountRow {
                id,
                name: new.name,
                kind: new.kind,
                plan: Some(new.plan),
                granted: Money::ZERO,
                spent: Money::ZERO,
                trial_ends_at_ms: Some(new.trial.ends_at_ms(now_ms)),
                identity: visitor.as_ref().map(|visitor| visitor.identity),
                created_at_ms: now_ms,
            };
            let credit = new.trial.credit;
            let grant = NewGrant {
                id: ids::grant_id(&shared.clock),
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
            let mut accounts = shared.accounts.write().unwrap_or_else(PoisonError::into_inner);
            accounts.insert(id, Arc::clone(&account));
            drop(accounts);
            if let Some(visitor) = visitor {
                keep(visitor.key);
            }
            Ok(account)
        })
        .await
    }

    /// The id for an account that is about to be opened.
    #[must_use]
    pub fn next_account_id(&self) -> AccountId {
        ids::account_id(&self.shared.clock)
    }

    /// Changes the terms of an account, durably and then in memory: `change` makes the new ones of those at the time.
    pub async fn change_terms(
        &self,
        account: AccountId,
        change: impl FnOnce(Terms) -> Terms + Send + 'static,
    ) -> Result<Arc<Account>, LedgerError> {
        let account = self.account(account).ok_or(LedgerError::UnknownAccount)?;
        self.on_writer(move |store| {
            let terms = change(Terms::clone(&account.terms()));
            store.set_terms(account.id, &terms)?;
            account.set_terms(terms);
            Ok(account)
        })
        .await
    }

    /// Stores a new invite.
    pub async fn create_invite(&self, row: InviteRow) -> Result<InviteRow, LedgerError> {
        self.on_writer(move |store| store.create_invite(&row).map(|()| row)).await
    }

    /// The invite of that digest, good or not.
    pub async fn invite(&self, digest: [u8; 32]) -> Result<Option<InviteRow>, LedgerError> {
        self.on_writer(move |store| store.invite(&digest)).await
    }

    /// A page of invites, newest first: those older than `before`.
    pub async fn invites(
        &self,
        before: Option<InviteId>,
        limit: u32,
    ) -> Result<Vec<InviteRow>, LedgerError> {
        self.on_writer(move |store| store.invites(before, limit)).await
    }

    /// Revokes an invite. One that was used stays as it is.
    pub async fn revoke_invite(&self, id: InviteId) -> Result<InviteRow, LedgerError> {
        let now_ms = self.shared.clock.now_ms();
        self.on_writer(move |store| store.revoke_invite(id, now_ms)).await
    }
}
