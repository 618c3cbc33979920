//! Accounts and their credit: made, granted, put on other terms.

use std::sync::Arc;

use domain::{AccountId, Money, PlanName};
use tracing::error;

use super::grant::NewGrant;
use super::{
    Account, AccountRow, Deed, GrantRow, Ledger, LedgerError, NewAccount, Terms, Written, check_name, ids,
};

/// The longest reference of a grant, in bytes.
const REFERENCE_LEN_MAX: usize = 255;

/// Names the plan that an account has once its trial is paid for, by the one that it is on.
type AfterTrial = Box<dyn FnOnce(&PlanName) -> Option<PlanName> + Send>;

impl Ledger {
    /// Creates an account with nothing in it.
    pub fn create_account(&self, new: NewAccount) -> Deed<Arc<Account>> {
        let ledger = self.clone();
        self.deed(move |store| {
            check_name(&new.name)?;
            let row = AccountRow {
                id: ids::account_id(ledger.clock()),
                name: new.name,
                kind: new.kind,
                terms: new.terms,
                granted: Money::ZERO,
                spent: Money::ZERO,
                identity: None,
                created_at_ms: ledger.now_ms(),
            };
            store.create_account(&row)?;
            let account = Arc::new(Account::open(&row)?);
            Ok(Written::new(Arc::clone(&account), move || ledger.add(account)))
        })
    }

    /// Changes the terms of an account, durably and then in memory: `change` makes the new ones of those at the time. Calls
    /// in flight keep theirs.
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

    /// Grants credit that somebody paid for, durably and then in memory. It ends a trial: the account keeps its keys,
    /// its plan and what is left of its credit. The same reference and amount again is answered as the first time; with
    /// another amount it is a [`LedgerError::Conflict`]. References are 1 to 255 bytes and unique per account.
    pub fn grant(&self, account: AccountId, amount: Money, reference: &str) -> Deed<GrantRow> {
        self.grant_converting(account, amount, reference, |plan| Some(plan.clone()))
    }

    /// As [`Ledger::grant`], and where it ends a trial, `after_trial` names the plan from then on, given the one that
    /// the account is on at that time. An account on no plan stays on none.
    pub fn grant_converting(
        &self,
        account: AccountId,
        amount: Money,
        reference: &str,
        after_trial: impl FnOnce(&PlanName) -> Option<PlanName> + Send + 'static,
    ) -> Deed<GrantRow> {
        self.credit(account, amount, reference, Some(Box::new(after_trial)))
    }

    /// Grants credit that nobody paid for. As [`Ledger::grant`], and a trial goes on.
    pub fn give(&self, account: AccountId, amount: Money, reference: &str) -> Deed<GrantRow> {
        self.credit(account, amount, reference, None)
    }

    fn credit(
        &self,
        account: AccountId,
        amount: Money,
        reference: &str,
        // Nothing where nobody paid.
        after_trial: Option<AfterTrial>,
    ) -> Deed<GrantRow> {
        let (ledger, reference) = (self.clone(), reference.to_owned());
        self.deed(move |store| {
            if amount.is_zero() {
                return Err(LedgerError::Invalid("a grant is more than nothing"));
            }
            if reference.is_empty() || reference.len() > REFERENCE_LEN_MAX {
                return Err(LedgerError::Invalid("a reference has 1 to 255 bytes"));
            }
            let account = ledger.account(account).ok_or(LedgerError::UnknownAccount)?;
            let paid = after_trial.is_some();
            let terms = account.terms();
            let converted = after_trial.filter(|_| terms.trial_ends_at_ms.is_some()).map(|after_trial| {
                Terms { plan: terms.plan.as_ref().and_then(after_trial), trial_ends_at_ms: None }
            });
            let row = store.grant(&NewGrant {
                id: ids::grant_id(ledger.clock()),
                account: account.id,
                amount,
                reference: &reference,
                paid,
                terms: converted.as_ref(),
                at_ms: ledger.now_ms(),
            })?;
            let repeated = row.repeated;
            Ok(Written::new(row, move || {
                if !repeated {
                    take_in(&account, amount, converted);
                }
            }))
        })
    }
}

/// Adds a stored grant to an account in memory, and what it changed of its terms.
fn take_in(account: &Account, amount: Money, terms: Option<Terms>) {
    if !account.grant(amount) {
        // The store has the same total, and it had room.
        error!(account = %account.id, "a stored grant does not fit in memory");
    }
    if let Some(terms) = terms {
        account.set_terms(terms);
    }
}
