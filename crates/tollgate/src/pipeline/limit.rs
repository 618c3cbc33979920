//! What a call may do by its account's plan and its key: whether it may be made at all, with which models, and how much.

use domain::{Models, Route};

use super::record::Record;
use super::{Principal, Refusal};
use crate::gateway::Gateway;
use crate::limits::Allowance;

/// The allowance of a call that begins now. An account whose plan is gone has none.
pub(super) fn allowance(gateway: &Gateway, principal: &Principal) -> Result<Allowance, Refusal> {
    gateway.plans.allowance(&principal.account, &principal.key).map_err(|missing| Refusal::NoPlan(missing.0))
}

/// Refuses models that the plan or the key does not allow.
///
/// A name is allowed as it was asked for, which is how a route's name is allowed, or by the models of all its offers.
pub(super) fn check_model(record: &Record, asked: &str, route: &Route) -> Result<(), Refusal> {
    let allowed = |models: Option<&Models>| {
        models.is_none_or(|models| {
            models.allows(asked) || route.offers.iter().all(|offer| models.allows(&offer.model))
        })
    };
    if allowed(record.allowance().models()) && allowed(record.key().rights.models.as_ref()) {
        Ok(())
    } else {
        Err(Refusal::ModelNotAllowed(asked.to_owned()))
    }
}
