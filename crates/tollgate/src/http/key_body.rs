//! What a body says of a key that is to be made or changed.

use domain::{KeyRole, Limits, Period, Rights};
use serde::Deserialize;
use utoipa::ToSchema;

use super::field::{Name, Time, given};
use super::key_bounds::{Bounds, invalid};
use super::key_fields::{Cap, ModelPatterns, NetworkList, Reset, RoleField};
use crate::error::ApiError;
use crate::keys::Key;
use crate::ledger::{KeyTerms, Labels};
use crate::limits::LimitFields;

/// A new key. What is missing is not bound, or is as it is for the key that makes it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyBody {
    /// What people call it.
    name: Name,
    /// `user`, which is the default, or `management`.
    role: Option<RoleField>,
    /// Its own limits. They can only be stricter than those of the account's plan; a management key has none.
    limits: Option<LimitFields>,
    /// OpenRouter's spelling of a cap on what it spends, in US dollars: the same as `spend_total` in `limits`.
    limit: Option<Cap>,
    /// Makes it a cap per day, week or month.
    limit_reset: Option<Reset>,
    /// The models that it may call.
    models: Option<ModelPatterns>,
    /// The networks that it may be used from.
    networks: Option<NetworkList>,
    /// When it stops working.
    expires_at: Option<Time>,
    /// What to note about it.
    labels: Option<Labels>,
}

/// What to change about a key. What is missing stays as it is, and `null` takes a bound away.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyChanges {
    /// What people call it.
    name: Option<Name>,
    /// All of its own limits: those that are missing in it are taken away.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<LimitFields>)]
    limits: Option<Option<LimitFields>>,
    /// A cap on what it spends, in US dollars, in the place of every other cap.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<f64>)]
    limit: Option<Option<Cap>>,
    /// How often the cap starts anew; `null` is never.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Reset>)]
    limit_reset: Option<Option<Reset>>,
    /// The models that it may call.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<ModelPatterns>)]
    models: Option<Option<ModelPatterns>>,
    /// The networks that it may be used from.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<NetworkList>)]
    networks: Option<Option<NetworkList>>,
    /// When it stops working.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Time>)]
    expires_at: Option<Option<Time>>,
    /// What to note about it, in the place of all that was noted.
    labels: Option<Labels>,
}

impl KeyBody {
    /// The terms of the new key. What it does not say is bound as who asks is.
    pub(crate) fn terms(self, bounds: &Bounds) -> Result<KeyTerms, ApiError> {
        let mut limits = limits_of(self.limits.as_ref())?;
        let reset = self.limit_reset.map(Some);
        set_cap(&mut limits, self.limits.is_some(), self.limit.map(Some), reset)?;
        let own = &bounds.rights;
        let terms = KeyTerms {
            name: self.name.into_string(),
            rights: Rights {
                role: self.role.map_or(KeyRole::User, KeyRole::from),
                models: self.models.map(|list| list.0).or_else(|| own.models.clone()),
                networks: self.networks.map(|list| list.0).or_else(|| own.networks.clone()),
                expires_at_ms: future(self.expires_at, bounds)?.or(own.expires_at_ms),
            },
            limits,
            labels: self.labels.unwrap_or_default(),
        };
        bounds.check(terms, &Limits::NONE)
    }
}

impl KeyChanges {
    /// The key's terms with these changes.
    pub(crate) fn terms(self, key: &Key, bounds: &Bounds) -> Result<KeyTerms, ApiError> {
        bounds.may_touch(key)?;
        let (mut terms, own) = (key.terms(), &bounds.rights);
        if let Some(name) = self.name {
            terms.name = name.into_string();
        }
        if let Some(limits) = &self.limits {
            terms.limits = limits_of(limits.as_ref())?;
        }
        set_cap(
            &mut terms.limits,
            self.limits.is_some_and(|limits| limits.is_some()),
            self.limit,
            self.limit_reset,
        )?;
        if let Some(models) = self.models {
            terms.rights.models = models.map(|list| list.0).or_else(|| own.models.clone());
        }
        if let Some(networks) = self.networks {
            terms.rights.networks = networks.map(|list| list.0).or_else(|| own.networks.clone());
        }
        if let Some(expires_at) = self.expires_at {
            terms.rights.expires_at_ms = future(expires_at, bounds)?.or(own.expires_at_ms);
        }
        if let Some(labels) = self.labels {
            terms.labels = labels;
        }
        bounds.check(terms, &key.limits)
    }
}

fn limits_of(fields: Option<&LimitFields>) -> Result<Limits, ApiError> {
    let limits = fields.map(Limits::try_from).transpose();
    let limits = limits.map_err(|error| {
        let field = format!("limits.{}", error.field);
        invalid(&field, &format!("'{field}' {}.", error.message))
    })?;
    Ok(limits.unwrap_or_default())
}

/// Sets the one cap that OpenRouter's fields know in the place of all that are there.
fn set_cap(
    limits: &mut Limits,
    beside_limits: bool,
    limit: Option<Option<Cap>>,
    reset: Option<Option<Reset>>,
) -> Result<(), ApiError> {
    if limit.is_none() && reset.is_none() {
        return Ok(());
    }
    let present = Period::ALL.into_iter().find_map(|period| Some((period, limits.quotas[period].spend?)));
    if beside_limits && present.is_some() {
        return Err(invalid("limit", "A cap is given once: as 'limit', or as 'spend_…' in 'limits'."));
    }
    let amount = match limit {
        Some(cap) => cap.map(|cap| cap.0),
        None => present.map(|(_, amount)| amount),
    };
    let period = match reset {
        Some(reset) => reset.map_or(Period::Total, Reset::period),
        None => present.map_or(Period::Total, |(period, _)| period),
    };
    if amount.is_none() && matches!(reset, Some(Some(_))) {
        return Err(invalid("limit_reset", "'limit_reset' needs a 'limit' that starts anew."));
    }
    for each in Period::ALL {
        limits.quotas[each].spend = amount.filter(|_| each == period);
    }
    Ok(())
}

fn future(time: Option<Time>, bounds: &Bounds) -> Result<Option<i64>, ApiError> {
    match time {
        Some(Time(at_ms)) if at_ms <= bounds.now_ms => {
            Err(invalid("expires_at", "'expires_at' must be in the future. To end a key at once, revoke it."))
        }
        time => Ok(time.map(|time| time.0)),
    }
}
