//! Plans as JSON.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::limits::LimitFields;
use crate::plans::{Entry, PlanFields, TrialFields};

/// A plan.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
pub struct PlanView {
    /// Its name.
    pub name: String,
    /// Where it is from: `config`, which alone can change it, `api` or `built_in`.
    pub source: String,
    /// The limits of the whole account, which all its keys share.
    pub limits: LimitFields,
    /// The limits of each of its keys.
    pub key: LimitFields,
    /// The models that may be called; `null` is all.
    pub models: Option<Vec<String>>,
    /// What makes it a trial.
    pub trial: Option<TrialFields>,
}

impl PlanView {
    /// The plan as it is now.
    #[must_use]
    pub fn of(entry: &Entry) -> PlanView {
        let PlanFields { limits, key, models, trial } = PlanFields::from(&*entry.plan);
        PlanView {
            name: entry.plan.name.to_string(),
            source: entry.source.as_str().to_owned(),
            limits,
            key,
            models,
            trial,
        }
    }
}
