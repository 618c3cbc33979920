//! Keys as JSON.

use domain::{Count, PerPeriod, Period};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::keys::Key;
use crate::ledger::Labels;
use crate::limits::LimitFields;

use crate::time::rfc3339;

/// A key, without its secret.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
pub struct KeyView {
    /// `key_…`.
    pub id: String,
    /// Whose it is.
    pub account_id: String,
    /// The management key that made it; `null` when the operator did.
    pub maker_id: Option<String>,
    /// What people call it.
    pub name: String,
    /// `user` or `management`.
    pub role: String,
    /// The visible beginning of its secret.
    pub prefix: String,
    /// Its own limits, which make those of its plan stricter.
    pub limits: LimitFields,
    /// The models that it may call; `null` is all.
    pub models: Option<Vec<String>>,
    /// The networks that it may be used from; `null` is all.
    pub networks: Option<Vec<String>>,
    /// What is noted about it.
    pub labels: Labels,
    /// What it has used.
    pub usage: CountsView,
    /// When it was created.
    pub created_at: String,
    /// When it stops working.
    pub expires_at: Option<String>,
    /// When it last got a new secret.
    pub rotated_at: Option<String>,
    /// Until when the secret before works.
    pub previous_secret_until: Option<String>,
    /// When it was revoked.
    pub revoked_at: Option<String>,
}

/// What a key has used since the start of the day, of the week (Monday) and of the month in UTC, and ever.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
pub struct CountsView {
    /// Today.
    pub day: CountView,
    /// This week.
    pub week: CountView,
    /// This month.
    pub month: CountView,
    /// In all.
    pub total: CountView,
}

/// What was used in a period. Open calls count as requests only.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
pub struct CountView {
    /// Calls that were admitted.
    pub requests: u64,
    /// Tokens of prompts and answers.
    pub tokens: u64,
    /// US dollars.
    pub spend: String,
}

impl KeyView {
    /// The key as it is at `now_ms` (milliseconds since the Unix epoch).
    #[must_use]
    pub fn of(key: &Key, now_ms: i64) -> KeyView {
        let texts = |models: &domain::Models| models.patterns().map(str::to_owned).collect();
        let networks =
            |networks: &domain::Networks| networks.as_slice().iter().map(ToString::to_string).collect();
        KeyView {
            id: key.id.to_string(),
            account_id: key.account.to_string(),
            maker_id: key.maker.map(|maker| maker.to_string()),
            name: key.name.clone(),
            role: key.rights.role.as_str().to_owned(),
            prefix: key.prefix.clone(),
            limits: LimitFields::from(&key.limits),
            models: key.rights.models.as_ref().map(texts),
            networks: key.rights.networks.as_ref().map(networks),
            labels: key.labels.clone(),
            usage: CountsView::of(&key.meter.counts(now_ms)),
            created_at: rfc3339(key.created_at_ms),
            expires_at: key.rights.expires_at_ms.map(rfc3339),
            rotated_at: key.rotated_at_ms.map(rfc3339),
            previous_secret_until: key.previous_until_ms().filter(|&until| until > now_ms).map(rfc3339),
            revoked_at: key.revoked_at_ms.map(rfc3339),
        }
    }
}

impl CountsView {
    /// The counts of a meter.
    #[must_use]
    pub fn of(counts: &PerPeriod<Count>) -> CountsView {
        let view = |period| {
            let Count { requests, tokens, spend } = counts[period];
            CountView { requests, tokens, spend: spend.to_string() }
        };
        CountsView {
            day: view(Period::Day),
            week: view(Period::Week),
            month: view(Period::Month),
            total: view(Period::Total),
        }
    }
}

/// A key just made or rotated. It alone carries the secret.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
pub struct NewKeyView {
    /// The key.
    #[serde(flatten)]
    pub key: KeyView,
    /// What clients send; never shown again.
    pub secret: String,
}

impl std::fmt::Debug for NewKeyView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewKeyView").field("key", &self.key).finish_non_exhaustive()
    }
}
