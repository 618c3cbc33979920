//! Accounts, balances and grants as JSON.

use serde::{Deserialize, Serialize};

/// An account.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct AccountView {
    /// `acct_…`.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// `prepaid` or `metered`.
    pub kind: String,
    /// The name of its set of limits.
    pub plan: Option<String>,
    /// When it was created.
    pub created_at: String,
    /// Its money now.
    pub balance: BalanceView,
}

/// The money of an account: granted = available + held + spent.
#[derive(Clone, Debug, Deserialize, Serialize)]
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
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct GrantView {
    /// `grant_…`.
    pub id: String,
    /// To whom.
    pub account_id: String,
    /// How much.
    pub amount: String,
    /// The caller's name for it.
    pub reference: String,
    /// Granted less spent right after it.
    pub balance: String,
    /// When.
    pub created_at: String,
}
