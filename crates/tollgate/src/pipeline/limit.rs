//! What a call may do by its account's plan and its key: whether it may be made at all, with which models, and how much.

use domain::{Ask, Models, Money, Route, Standing, Used};

use super::Principal;
use crate::catalog::Snapshot;
use crate::error::Refusal;
use crate::gateway::Gateway;
use crate::keys::Key;
use crate::limits::Reservation;
use crate::plans::Allowance;

/// The allowance of a call that begins now. An account whose plan is gone has none.
pub(super) fn allowance(gateway: &Gateway, principal: &Principal) -> Result<Allowance, Refusal> {
    gateway.plans.allowance(&principal.account, &principal.key).map_err(|missing| Refusal::NoPlan(missing.0))
}

/// Takes one request from the rates of a caller, for what costs work and is no call. Says where they stand.
pub fn take_request(gateway: &Gateway, principal: &Principal) -> Result<Standing, Refusal> {
    let limits = allowance(gateway, principal)?.limits;
    let (account, key, clock) = (&principal.account.meter, &principal.key.meter, &gateway.clock);
    let taken = Reservation::take(account, key, &limits.rates(), Ask::default(), clock.now(), clock);
    // The rate keeps the request; no period counts it.
    taken.map_err(Refusal::Limited)?.end(Used { tokens: 0, spend: Money::ZERO, counted: false });
    Ok(limits.standing(account, key, clock))
}

/// Refuses models that the plan or the key does not allow.
pub(super) fn check_model(
    allowance: &Allowance,
    key: &Key,
    asked: &str,
    route: &Route,
) -> Result<(), Refusal> {
    let models = [allowance.models(), key.rights.models.as_ref()];
    if models.into_iter().flatten().all(|models| allow(models, route)) {
        Ok(())
    } else {
        Err(Refusal::ModelNotAllowed(asked.to_owned()))
    }
}

/// Whether this caller may call the model of an id, by the catalogue as it is.
///
/// What nobody serves at present is judged by its name.
pub fn callable_models<'a>(
    gateway: &'a Gateway,
    snapshot: &'a Snapshot,
    principal: &'a Principal,
) -> Result<impl Fn(&str) -> bool + use<'a>, Refusal> {
    let allowance = gateway.plans.allowance(&principal.account, &principal.key);
    let allowance = allowance.map_err(|missing| Refusal::NoPlan(missing.0))?;
    Ok(move |model: &str| {
        let mut bounds = [allowance.models(), principal.key.rights.models.as_ref()].into_iter().flatten();
        bounds.all(|models| match snapshot.resolve(model, None) {
            Ok(route) => allow(models, &route),
            Err(_) => models.allows(model),
        })
    })
}

/// A route of the configuration is allowed by its name, and every route by the models of all its offers. What a caller
/// wrote counts for nothing: the name of a provider before a model could look like that of a model's author.
fn allow(models: &Models, route: &Route) -> bool {
    let by_name = route.name.as_ref().is_some_and(|name| models.allows(name));
    by_name || route.offers.iter().all(|offer| models.allows(&offer.model))
}
