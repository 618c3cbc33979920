//! Accounts, balances and grants as JSON.

use domain::Balance;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ledger::{Account, GrantRow};

use crate::time::rfc3339;

/// An account.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
pub struct AccountView {
    /// `acct_…`.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// `prepaid` or `metered`.
    pub kind: String,
    /// The name of its set of limits.
    pub plan: Option<String>,
    /// When its trial ends, if it is on one.
    pub trial_ends_at: Option<String>,
    /// How the person who signed up for it was known: `invite` or `oidc`; `null` where the operator made it.
    pub identity: Option<String>,
    /// When it was created.
    pub created_at: String,
    /// Its money now.
    pub balance: BalanceView,
}

/// The money of an account: granted = available + held + spent.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
pub struct BalanceView {
    /// All that was ever granted.
    pub granted: String,
    /// What can be held now.
    pub available: String,
    /// What calls in flight reserve.
    pub held: String,
    /// What settled calls cost.
    pub spent: String,
}

/// A grant.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
pub struct GrantView {
    /// `grant_…`.
    pub id: String,
    /// To whom.
    pub account_id: String,
    /// How much.
    pub amount: String,
    /// The caller's name for it.
    pub reference: String,
    /// Whether somebody paid for it, which ends a trial.
    pub paid: bool,
    /// Granted less spent right after it.
    pub balance: String,
    /// When.
    pub created_at: String,
}

impl AccountView {
    /// The account as it is now.
    #[must_use]
    pub fn of(account: &Account) -> AccountView {
        let terms = account.terms();
        AccountView {
            id: account.id.to_string(),
            name: account.name.clone(),
            kind: account.kind.as_str().to_owned(),
            plan: terms.plan.as_ref().map(ToString::to_string),
            trial_ends_at: terms.trial_ends_at_ms.map(rfc3339),
            identity: account.identity.map(|kind| kind.as_str().to_owned()),
            created_at: rfc3339(account.created_at_ms),
            balance: BalanceView::of(&account.balance()),
        }
    }
}

impl BalanceView {
    /// The balance in decimal dollars.
    #[must_use]
    pub fn of(balance: &Balance) -> BalanceView {
        BalanceView {
            granted: balance.granted.to_string(),
            available: balance.available.to_string(),
            held: balance.held.to_string(),
            spent: balance.spent.to_string(),
        }
    }
}

impl GrantView {
    /// The grant as stored.
    #[must_use]
    pub fn of(grant: &GrantRow) -> GrantView {
        GrantView {
            id: grant.id.to_string(),
            account_id: grant.account.to_string(),
            amount: grant.amount.to_string(),
            reference: grant.reference.clone(),
            paid: grant.paid,
            balance: grant.balance.to_string(),
            created_at: rfc3339(grant.created_at_ms),
        }
    }
}
