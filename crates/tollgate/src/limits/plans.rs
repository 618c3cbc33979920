//! The plans in force: those of the configuration, and those that operators made by the admin API.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use domain::{Models, Plan, PlanName};

use super::CallLimits;
use crate::keys::Key;
use crate::ledger::Account;

/// All plans by name. Clones are the same book.
#[derive(Clone, Debug, Default)]
pub struct PlanBook(Arc<ArcSwap<Plans>>);

type Plans = BTreeMap<PlanName, Arc<Plan>>;

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
    /// The book of these plans.
    #[must_use]
    pub fn new(plans: impl IntoIterator<Item = Plan>) -> PlanBook {
        let plans = plans.into_iter().map(|plan| (plan.name.clone(), Arc::new(plan)));
        PlanBook(Arc::new(ArcSwap::from_pointee(plans.collect())))
    }

    /// The plan of that name.
    #[must_use]
    pub fn get(&self, name: &PlanName) -> Option<Arc<Plan>> {
        self.0.load().get(name).cloned()
    }

    /// The name of a plan that exists.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<PlanName> {
        name.parse().ok().filter(|name| self.get(name).is_some())
    }

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
