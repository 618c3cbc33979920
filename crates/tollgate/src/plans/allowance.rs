//! What a call may use: the limits of its account's plan, and those of its key, which only make them stricter.

use std::sync::Arc;

use domain::{Models, Plan, PlanName};

use super::PlanBook;
use crate::keys::Key;
use crate::ledger::Account;
use crate::limits::CallLimits;

/// What a plan and a key allow a call.
#[derive(Clone, Debug, Default)]
pub struct Allowance {
    /// How much.
    pub limits: CallLimits,
    plan: Option<Arc<Plan>>,
}

/// An account names a plan that does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoSuchPlan(pub PlanName);

impl PlanBook {
    /// What a call of this key may do now.
    pub fn allowance(&self, account: &Account, key: &Key) -> Result<Allowance, NoSuchPlan> {
        let terms = account.terms();
        let Some(name) = &terms.plan else {
            return Ok(Allowance {
                limits: CallLimits { key: key.limits, ..CallLimits::default() },
                plan: None,
            });
        };
        let plan = self.get(name).ok_or_else(|| NoSuchPlan(name.clone()))?;
        let limits = CallLimits { account: plan.account, key: plan.key.tightened_by(&key.limits) };
        Ok(Allowance { limits, plan: Some(plan) })
    }
}

impl Allowance {
    /// The models that the plan allows; `None` is all.
    #[must_use]
    pub fn models(&self) -> Option<&Models> {
        self.plan.as_ref()?.models.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use domain::{AccountId, AccountKind, KeyId, Limit, Limits, Money};

    use super::*;

    use crate::ledger::{AccountRow, KeyRow, KeyTerms, Terms};

    fn account(plan: Option<&str>) -> Account {
        let plan = plan.map(|name| name.parse().unwrap());
        let row = AccountRow {
            id: AccountId::from_bits(1),
            name: "ada".to_owned(),
            kind: AccountKind::Prepaid,
            terms: Terms { plan, trial_ends_at_ms: None },
            granted: Money::ZERO,
            spent: Money::ZERO,
            identity: None,
            created_at_ms: 0,
        };
        Account::open(&row).unwrap()
    }

    fn of_rate(per_minute: u64) -> Limits {
        Limits { requests: Some(Limit::new(per_minute, per_minute).unwrap()), ..Limits::NONE }
    }

    fn key(limits: Limits) -> Key {
        Key::open(KeyRow {
            id: KeyId::from_bits(1),
            account: AccountId::from_bits(1),
            maker: None,
            terms: KeyTerms { name: "key".to_owned(), limits, ..KeyTerms::default() },
            prefix: "tg-1".to_owned(),
            digest: [0; 32],
            previous: None,
            created_at_ms: 0,
            rotated_at_ms: None,
            revoked_at_ms: None,
        })
    }

    #[test]
    fn a_key_can_be_stricter_than_its_plan_and_never_looser() {
        let name: PlanName = "p".parse().unwrap();
        let plan = Plan { name, account: of_rate(50), key: of_rate(10), models: None, trial: None };
        let book = PlanBook::new([plan]);
        for (own, effective) in [(Limits::NONE, 10), (of_rate(5), 5), (of_rate(99), 10)] {
            let allowed = book.allowance(&account(Some("p")), &key(own)).unwrap().limits;
            assert_eq!((allowed.account, allowed.key), (of_rate(50), of_rate(effective)));
        }
        let planless = book.allowance(&account(None), &key(of_rate(99))).unwrap().limits;
        assert_eq!((planless.account, planless.key), (Limits::NONE, of_rate(99)));
        let missing = book.allowance(&account(Some("q")), &key(Limits::NONE)).unwrap_err();
        assert_eq!(missing.0.as_str(), "q");
    }
}
