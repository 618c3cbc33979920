//! `[plans.<name>]`: sets of limits that accounts are put on.

use domain::limit::LIMIT_MAX;
use domain::plan::{InvalidPlanName, PLANS_MAX, TRIAL_DAYS_MAX};
use domain::{Limits, Models, Money, Plan, Trial};

use super::error::ConfigError;
use super::section::Section;
use crate::limits::{LimitFields, QUOTA_MAX};

pub(super) fn read_plans(plans: Section) -> Result<Vec<Plan>, ConfigError> {
    let sections = plans.named(PLANS_MAX)?;
    sections.into_iter().map(|(name, section)| read_plan(&name, section)).collect()
}

fn read_plan(name: &str, mut section: Section) -> Result<Plan, ConfigError> {
    let name = name.parse().map_err(|why| section.wrong("", format!("a plan's name {why}")))?;
    let account = read_limits(&mut section)?;
    let models = section.strings("models")?.map(Models::new).transpose();
    let models = models.map_err(|why| section.wrong("models", why.to_string()))?;
    let key = section.read("key", read_limits)?;
    let ends = section.has("trial");
    let trial = section.read("trial", |trial| read_trial(trial, ends))?;
    section.finish()?;
    Ok(Plan { name, account, key, models, trial })
}

/// The limits among the keys of a section, under the names that they have in the admin API.
fn read_limits(section: &mut Section) -> Result<Limits, ConfigError> {
    let mut number = |key, least, most| section.number(key, least..=most);
    let fields = LimitFields {
        requests_per_minute: number("requests_per_minute", 1, LIMIT_MAX)?,
        requests_burst: number("requests_burst", 1, LIMIT_MAX)?,
        tokens_per_minute: number("tokens_per_minute", 1, LIMIT_MAX)?,
        tokens_burst: number("tokens_burst", 1, LIMIT_MAX)?,
        concurrent: number("concurrent", 0, u32::MAX.into())?.and_then(|calls| u32::try_from(calls).ok()),
        requests_per_day: number("requests_per_day", 0, QUOTA_MAX)?,
        requests_per_week: number("requests_per_week", 0, QUOTA_MAX)?,
        requests_per_month: number("requests_per_month", 0, QUOTA_MAX)?,
        requests_total: number("requests_total", 0, QUOTA_MAX)?,
        tokens_per_day: number("tokens_per_day", 0, QUOTA_MAX)?,
        tokens_per_week: number("tokens_per_week", 0, QUOTA_MAX)?,
        tokens_per_month: number("tokens_per_month", 0, QUOTA_MAX)?,
        tokens_total: number("tokens_total", 0, QUOTA_MAX)?,
        spend_per_day: section.string("spend_per_day")?,
        spend_per_week: section.string("spend_per_week")?,
        spend_per_month: section.string("spend_per_month")?,
        spend_total: section.string("spend_total")?,
    };
    Limits::try_from(&fields).map_err(|why| section.wrong(why.field, why.message))
}

/// A section that is there makes the plan a trial.
fn read_trial(section: &mut Section, is_there: bool) -> Result<Option<Trial>, ConfigError> {
    let days = section.number("days", 1..=TRIAL_DAYS_MAX.into())?.and_then(|days| u32::try_from(days).ok());
    let credit = section.parsed("credit", parse_money)?.unwrap_or(Money::ZERO);
    let parse_name = |text: &str| text.parse().map_err(|error: InvalidPlanName| error.to_string());
    let converts_to = section.parsed("converts_to", parse_name)?;
    match days {
        Some(days) => Ok(Some(Trial { days, credit, converts_to })),
        None if is_there => Err(section.missing("days", "how long the trial lasts")),
        None => Ok(None),
    }
}

fn parse_money(text: &str) -> Result<Money, String> {
    text.parse().map_err(|error| format!("must be US dollars such as \"1.00\": it {error}"))
}
