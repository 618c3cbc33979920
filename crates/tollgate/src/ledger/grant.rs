//! A grant of credit: to be made, and as stored.

use domain::{AccountId, GrantId, Money};

use super::account::Terms;

/// A grant to make.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewGrant<'a> {
    /// The id it will have.
    pub(crate) id: GrantId,
    /// To whom.
    pub(crate) account: AccountId,
    /// How much; more than nothing.
    pub(crate) amount: Money,
    /// The caller's name for it, unique within the account.
    pub(crate) reference: &'a str,
    /// Whether somebody paid for it.
    pub(crate) paid: bool,
    /// The terms that the account has from then on, if they change.
    pub(crate) terms: Option<&'a Terms>,
    /// When.
    pub(crate) at_ms: i64,
}

impl NewGrant<'_> {
    /// The grant as it is stored, with what is available right after it.
    pub(crate) fn row(&self, balance: Money) -> GrantRow {
        GrantRow {
            id: self.id,
            account: self.account,
            amount: self.amount,
            reference: self.reference.to_owned(),
            paid: self.paid,
            balance,
            created_at_ms: self.at_ms,
            repeated: false,
        }
    }
}

/// A grant as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantRow {
    /// Its id.
    pub id: GrantId,
    /// To whom.
    pub account: AccountId,
    /// How much.
    pub amount: Money,
    /// The caller's name for it.
    pub reference: String,
    /// Whether somebody paid for it.
    pub paid: bool,
    /// Granted less spent, right after it. Holds of calls in flight at the time are not deducted.
    pub balance: Money,
    /// When, in milliseconds since the Unix epoch.
    pub created_at_ms: i64,
    /// Whether it had been made before.
    pub repeated: bool,
}
