//! What a call may do by its account's plan and its key: whether it may be made at all, with which models, and how much.

use domain::{Models, Route};

use super::record::Record;
use super::{Principal, Refusal};
use crate::catalog::Snapshot;
use crate::gateway::Gateway;
use crate::limits::Allowance;

/// The allowance of a call that begins now. An account whose plan is gone has none.
pub(super) fn allowance(gateway: &Gateway, principal: &Principal) -> Result<Allowance, Refusal> {
    gateway.plans.allowance(&principal.account, &principal.key).map_err(|missing| Refusal::NoPlan(missing.0))
}

/// Refuses models that the plan or the key does not allow.
pub(super) fn check_model(record: &Record, asked: &str, route: &Route) -> Result<(), Refusal> {
    let models = [record.allowance().models(), record.key().rights.models.as_ref()];
    if models.into_iter().flatten().all(|models| allow(models, asked, Some(route))) {
        Ok(())
    } else {
        Err(Refusal::ModelNotAllowed(asked.to_owned()))
    }
}

/// Whether this caller may call the model of an id, by the catalogue as it is.
///
/// A trial that is over hides none: what can be had is what its account is to decide on.
pub fn callable_models<'a>(
    gateway: &'a Gateway,
    snapshot: &'a Snapshot,
    principal: &'a Principal,
) -> Result<impl Fn(&str) -> bool + use<'a>, Refusal> {
    let allowance = gateway.plans.allowance(&principal.account, &principal.key);
    let allowance = allowance.map_err(|missing| Refusal::NoPlan(missing.0))?;
    Ok(move |model: &str| {
        let mut bounds = [allowance.models(), principal.key.rights.models.as_ref()].into_iter().flatten();
        bounds.all(|models| allow(models, model, snapshot.resolve(model, None).ok().as_ref()))
    })
}

/// A name is allowed as it was asked for, which is how a route's name is allowed, or by the models of all its offers.
fn allow(models: &Models, asked: &str, route: Option<&Route>) -> bool {
    let by_offers = |route: &Route| route.offers.iter().all(|offer| models.allows(&offer.model));
    models.allows(asked) || route.is_some_and(by_offers)
}
