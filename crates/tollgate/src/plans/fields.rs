//! Plans as people write them: the JSON of the admin API, and of the store.

use domain::plan::{InvalidPlanName, TRIAL_DAYS_MAX};
use domain::{Limits, Models, Money, Plan, PlanName, Trial};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use utoipa::ToSchema;

use crate::limits::LimitFields;

/// All of a plan but its name. What is missing or `null` does not bound anything.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PlanFields {
    /// The limits of the whole account, which all its keys share.
    pub limits: LimitFields,
    /// The limits of each of its keys. A key's own may only be stricter.
    pub key: LimitFields,
    /// The models that may be called: ids, or beginnings of ids with a `*` after them; `null` is all.
    #[schema(examples(json!(["openai/*"])))]
    pub models: Option<Vec<String>>,
    /// What makes it a trial; `null` for a plan that does not end.
    pub trial: Option<TrialFields>,
}

/// A trial, as people write it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TrialFields {
    /// Days from its start to its end.
    #[schema(minimum = 1, maximum = 3660)]
    pub days: u32,
    /// US dollars that are granted at its start, as a decimal string; none unless given.
    #[serde(default)]
    #[schema(examples("1.00"))]
    pub credit: Option<String>,
    /// The plan of an account from its first paid grant on; none unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub converts_to: Option<String>,
}

/// A field whose value makes no plan.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("'{field}' {message}")]
pub struct InvalidPlan {
    /// The field with the names around it: `key.requests_burst`.
    pub field: String,
    /// What is wrong with its value, to stand after its name.
    pub message: String,
}

impl PlanFields {
    /// The plan of these fields.
    pub fn named(&self, name: PlanName) -> Result<Plan, InvalidPlan> {
        Ok(Plan {
            name,
            account: limits("limits", &self.limits)?,
            key: limits("key", &self.key)?,
            models: match &self.models {
                Some(patterns) => Some(
                    Models::new(patterns.iter().map(String::as_str))
                        .map_err(|why| invalid("models", why.to_string()))?,
                ),
                None => None,
            },
            trial: self.trial.as_ref().map(TrialFields::trial).transpose()?,
        })
    }
}

impl From<&Plan> for PlanFields {
    fn from(plan: &Plan) -> PlanFields {
        let patterns = |models: &Models| models.patterns().map(str::to_owned).collect();
        PlanFields {
            limits: LimitFields::from(&plan.account),
            key: LimitFields::from(&plan.key),
            models: plan.models.as_ref().map(patterns),
            trial: plan.trial.as_ref().map(TrialFields::from),
        }
    }
}

impl TrialFields {
    /// The trial of these fields.
    pub fn trial(&self) -> Result<Trial, InvalidPlan> {
        if !(1..=TRIAL_DAYS_MAX).contains(&self.days) {
            return Err(invalid("trial.days", format!("must be from 1 to {TRIAL_DAYS_MAX}")));
        }
        let credit = self.credit.as_deref().map_or(Ok(Money::ZERO), str::parse).map_err(|error| {
            invalid("trial.credit", format!("must be US dollars such as \"1.00\", as a string: it {error}"))
        })?;
        let converts_to = self.converts_to.as_deref().map(str::parse).transpose();
        let converts_to =
            converts_to.map_err(|error: InvalidPlanName| invalid("trial.converts_to", error.to_string()))?;
        Ok(Trial { days: self.days, credit, converts_to })
    }
}

impl From<&Trial> for TrialFields {
    fn from(trial: &Trial) -> TrialFields {
        TrialFields {
            days: trial.days,
            credit: Some(trial.credit.to_string()),
            converts_to: trial.converts_to.as_ref().map(ToString::to_string),
        }
    }
}

fn limits(around: &str, fields: &LimitFields) -> Result<Limits, InvalidPlan> {
    Limits::try_from(fields).map_err(|why| invalid(&format!("{around}.{}", why.field), why.message))
}

fn invalid(field: &str, message: String) -> InvalidPlan {
    InvalidPlan { field: field.to_owned(), message }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Plan, InvalidPlan> {
        serde_json::from_str::<PlanFields>(json).unwrap().named("free".parse().unwrap())
    }

    #[test]
    fn a_plan_reads_as_it_is_written() {
        let json = r#"{"limits":{"requests_per_minute":60,"requests_burst":10},"key":{"spend_per_day":"1.00"},"models":["openai/*"],"trial":{"days":3,"credit":"0.50","converts_to":"team"}}"#;
        let plan = read(json).unwrap();
        assert_eq!(serde_json::to_string(&PlanFields::from(&plan)).unwrap(), json);
        assert_eq!(read(r#"{"trial":{"days":7}}"#).unwrap().trial.unwrap().credit, Money::ZERO);
    }

    #[test]
    fn what_is_no_plan_is_refused_by_its_field() {
        for (json, field) in [
            (r#"{"limits":{"requests_burst":1}}"#, "limits.requests_burst"),
            (r#"{"key":{"tokens_per_minute":0}}"#, "key.tokens_per_minute"),
            (r#"{"models":[]}"#, "models"),
            (r#"{"models":["a*b"]}"#, "models"),
            (r#"{"trial":{"days":0}}"#, "trial.days"),
            (r#"{"trial":{"days":3661}}"#, "trial.days"),
            (r#"{"trial":{"days":1,"credit":"much"}}"#, "trial.credit"),
            (r#"{"trial":{"days":1,"converts_to":"No"}}"#, "trial.converts_to"),
        ] {
            assert_eq!(read(json).unwrap_err().field, field, "{json}");
        }
        for json in [r#"{"limit":{}}"#, r#"{"key":{"rpm":1}}"#, r#"{"trial":{}}"#, r#"{"name":"a"}"#] {
            assert!(serde_json::from_str::<PlanFields>(json).is_err(), "{json}");
        }
    }
}
