//! The plans in force: those of the configuration, those that operators made by the admin API, and what is built in.
//! Of one name, the first of these counts.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use domain::plan::PLANS_MAX;
use domain::trial::{TRIAL_PLAN, trial_plan};
use domain::{Plan, PlanName};
use thiserror::Error;

use super::PlanFields;
use crate::ledger::store::{PlanRow, Store};
use crate::ledger::{Account, Ledger, LedgerError};

/// All plans by name. Clones are the same book.
#[derive(Clone, Debug)]
pub struct PlanBook(Arc<ArcSwap<Plans>>);

type Plans = BTreeMap<PlanName, Entry>;

/// A plan and where it is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The plan.
    pub plan: Arc<Plan>,
    /// Where it is from.
    pub source: PlanSource,
}

/// Where a plan is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanSource {
    /// The configuration, which alone can change it.
    Config,
    /// The admin API.
    Api,
    /// The gateway itself. Both others take its place.
    BuiltIn,
}

/// Why a plan was not changed.
#[derive(Debug, Error)]
pub enum PlanError {
    /// It is the configuration's.
    #[error("the plan '{0}' is in the configuration: change it there, and restart the gateway")]
    Configured(PlanName),
    /// It is built in and cannot be deleted.
    #[error("the plan '{0}' is built in: it can be replaced, and not deleted")]
    BuiltIn(PlanName),
    /// Accounts are on it.
    #[error("the plan '{name}' is that of {accounts} accounts: give them another one first")]
    InUse {
        /// The plan.
        name: PlanName,
        /// How many accounts.
        accounts: usize,
    },
    /// Trials become it.
    #[error("the plan '{name}' is what trials of '{trial}' become: change that plan first")]
    Successor {
        /// The plan.
        name: PlanName,
        /// The trial plan that names it.
        trial: PlanName,
    },
    /// There is none of that name.
    #[error("there is no such plan")]
    Unknown,
    /// The plan that its trials are to become does not exist, or is a trial.
    #[error("there is no plan '{0}' that its trials could become, or it is a trial itself")]
    NoSuccessor(PlanName),
    /// There are [`PLANS_MAX`] already.
    #[error("there are {PLANS_MAX} plans, which is the most")]
    TooMany,
    /// The store failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl PlanSource {
    /// The word in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            PlanSource::Config => "config",
            PlanSource::Api => "api",
            PlanSource::BuiltIn => "built_in",
        }
    }
}

impl Default for PlanBook {
    /// What is built in.
    fn default() -> PlanBook {
        PlanBook::new([])
    }
}

impl PlanBook {
    /// The book of these plans of the configuration, and of what is built in.
    #[must_use]
    pub fn new(configured: impl IntoIterator<Item = Plan>) -> PlanBook {
        let book = PlanBook(Arc::default());
        // The name is a valid one, so there always is such a plan.
        if let Some(built_in) = built_in() {
            book.put(built_in, PlanSource::BuiltIn);
        }
        for plan in configured {
            book.put(plan, PlanSource::Config);
        }
        book
    }

    /// The same, with the stored plans.
    pub async fn open(
        ledger: &Ledger,
        configured: impl IntoIterator<Item = Plan>,
    ) -> Result<PlanBook, LedgerError> {
        let book = PlanBook::new(configured);
        for row in ledger.on_writer(|store| store.plans()).await? {
            let plan = stored(&row)
                .ok_or_else(|| LedgerError::Damaged(format!("the plan '{}' is not readable", row.name)))?;
            if book.source(&plan.name) != Some(PlanSource::Config) {
                book.put(plan, PlanSource::Api);
            }
        }
        Ok(book)
    }

    /// Every plan, by name.
    #[must_use]
    pub fn list(&self) -> Vec<Entry> {
        self.0.load().values().cloned().collect()
    }

    /// The plan of that name, and where it is from.
    #[must_use]
    pub fn entry(&self, name: &PlanName) -> Option<Entry> {
        self.0.load().get(name).cloned()
    }

    /// The plan of that name.
    #[must_use]
    pub fn get(&self, name: &PlanName) -> Option<Arc<Plan>> {
        self.0.load().get(name).map(|entry| Arc::clone(&entry.plan))
    }

    /// Makes a plan or replaces one, durably and then in memory. Calls that begin afterwards follow it; those in flight
    /// keep what they were admitted with.
    pub async fn set(&self, ledger: &Ledger, plan: Plan) -> Result<Entry, PlanError> {
        let (book, at_ms) = (self.clone(), ledger.now_ms());
        ledger.on_writer(move |store| Ok(book.set_in(store, plan, at_ms))).await?
    }

    /// Deletes a plan that no account is on. What is built in under its name is in force again.
    pub async fn delete(&self, ledger: &Ledger, name: &PlanName) -> Result<(), PlanError> {
        let (book, accounts, name) = (self.clone(), ledger.clone(), name.clone());
        ledger.on_writer(move |store| Ok(book.delete_in(store, &accounts, &name))).await?
    }

    /// The plans that accounts are on and that do not exist, each with the number of its accounts.
    #[must_use]
    pub fn missing(&self, accounts: &[Arc<Account>]) -> BTreeMap<PlanName, usize> {
        let mut missing = BTreeMap::new();
        for name in accounts.iter().filter_map(|account| account.terms().plan.clone()) {
            if self.get(&name).is_none() {
                *missing.entry(name).or_insert(0) += 1;
            }
        }
        missing
    }

    /// The plans that trials are to become and that do not exist or are trials themselves, each with one of the trial
    /// plans that name it.
    #[must_use]
    pub fn wrong_successors(&self) -> BTreeMap<PlanName, PlanName> {
        let plans = self.list();
        let named = plans.iter().filter_map(|entry| Some((successor(&entry.plan)?, &entry.plan.name)));
        named
            .filter(|(name, _)| !self.is_lasting(name))
            .map(|(name, trial)| (name.clone(), trial.clone()))
            .collect()
    }

    /// The plan of an account that was on the trial of that name and has paid: the one that the trial names, whether or
    /// not it exists, so that a slip in a name refuses calls and does not free them of every limit. A plan that is no
    /// trial stays, as does one that does not exist.
    #[must_use]
    pub fn after_trial(&self, name: &PlanName) -> Option<PlanName> {
        match self.get(name).and_then(|plan| plan.trial.clone()) {
            Some(trial) => trial.converts_to,
            None => Some(name.clone()),
        }
    }

    /// Whether there is such a plan and it is no trial.
    fn is_lasting(&self, name: &PlanName) -> bool {
        self.get(name).is_some_and(|plan| plan.trial.is_none())
    }

    fn source(&self, name: &PlanName) -> Option<PlanSource> {
        self.0.load().get(name).map(|entry| entry.source)
    }

    /// Runs on the writer's thread, so that plans change one after the other, as accounts do.
    fn set_in(&self, store: &mut dyn Store, plan: Plan, at_ms: i64) -> Result<Entry, PlanError> {
        match self.source(&plan.name) {
            Some(PlanSource::Config) => return Err(PlanError::Configured(plan.name)),
            None if self.0.load().len() >= PLANS_MAX => return Err(PlanError::TooMany),
            _ => {}
        }
        if let Some(next) = successor(&plan).filter(|name| **name == plan.name || !self.is_lasting(name)) {
            return Err(PlanError::NoSuccessor(next.clone()));
        }
        if let Some(trial) = self.trial_before(&plan.name).filter(|_| plan.trial.is_some()) {
            return Err(PlanError::Successor { name: plan.name, trial });
        }
        let body = serde_json::to_string(&PlanFields::from(&plan))
            .map_err(|error| LedgerError::Damaged(error.to_string()))?;
        store.save_plan(&PlanRow { name: plan.name.to_string(), body, updated_at_ms: at_ms })?;
        Ok(self.put(plan, PlanSource::Api))
    }

    fn delete_in(&self, store: &mut dyn Store, ledger: &Ledger, name: &PlanName) -> Result<(), PlanError> {
        match self.source(name) {
            None => return Err(PlanError::Unknown),
            Some(PlanSource::Config) => return Err(PlanError::Configured(name.clone())),
            Some(PlanSource::BuiltIn) => return Err(PlanError::BuiltIn(name.clone())),
            Some(PlanSource::Api) => {}
        }
        let built_in = built_in().filter(|plan| plan.name == *name);
        let on_it = ledger.accounts();
        let accounts = on_it.iter().filter(|account| account.terms().plan.as_ref() == Some(name)).count();
        if accounts > 0 && built_in.is_none() {
            return Err(PlanError::InUse { name: name.clone(), accounts });
        }
        // What is built in is a trial, and would be in its place.
        if let Some(trial) = self.trial_before(name) {
            return Err(PlanError::Successor { name: name.clone(), trial });
        }
        store.delete_plan(name.as_str())?;
        match built_in {
            Some(plan) => {
                self.put(plan, PlanSource::BuiltIn);
            }
            None => self.change(|plans| {
                plans.remove(name);
            }),
        }
        Ok(())
    }

    /// One of the trial plans that name this one as what they become.
    fn trial_before(&self, name: &PlanName) -> Option<PlanName> {
        let plans = self.list();
        let trial = plans.iter().find(|entry| successor(&entry.plan) == Some(name))?;
        Some(trial.plan.name.clone())
    }

    fn put(&self, plan: Plan, source: PlanSource) -> Entry {
        let entry = Entry { plan: Arc::new(plan), source };
        self.change(|plans| {
            plans.insert(entry.plan.name.clone(), entry.clone());
        });
        entry
    }

    fn change(&self, change: impl Fn(&mut Plans)) {
        self.0.rcu(|plans| {
            let mut plans = Plans::clone(plans);
            change(&mut plans);
            plans
        });
    }
}

/// The plan that trials of this one become.
fn successor(plan: &Plan) -> Option<&PlanName> {
    plan.trial.as_ref()?.converts_to.as_ref()
}

fn built_in() -> Option<Plan> {
    TRIAL_PLAN.parse().ok().map(trial_plan)
}

fn stored(row: &PlanRow) -> Option<Plan> {
    let fields: PlanFields = serde_json::from_str(&row.body).ok()?;
    fields.named(row.name.parse().ok()?).ok()
}
