//! Limits as people write them: flat fields with plain names, in JSON, in the configuration and in the store alike.

use domain::limit::LIMIT_MAX;
use domain::{Limit, LimitName, Limits, Money, PerPeriod, Period, Quota};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use utoipa::ToSchema;

/// The largest quota of requests or tokens: the largest number that every reader of JSON reads exactly.
pub const QUOTA_MAX: u64 = 1 << 53;

/// The limits of a key or an account. What is missing or `null` has no limit. Days, weeks (from Monday) and months are
/// UTC's; `total` is for ever.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitFields {
    /// The rate of requests, from 1 to a billion.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u64>,
    /// Requests that may come at once after a pause; as many as the rate unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_burst: Option<u64>,
    /// The rate of tokens, of prompts and answers together, from 1 to a billion.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_per_minute: Option<u64>,
    /// Tokens that may be used at once after a pause; as many as the rate unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_burst: Option<u64>,
    /// Calls that may be open at once. Zero lets none through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrent: Option<u32>,
    /// Requests a day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_day: Option<u64>,
    /// Requests a week.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_week: Option<u64>,
    /// Requests a month.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_month: Option<u64>,
    /// Requests in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_total: Option<u64>,
    /// Tokens a day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_per_day: Option<u64>,
    /// Tokens a week.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_per_week: Option<u64>,
    /// Tokens a month.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_per_month: Option<u64>,
    /// Tokens in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_total: Option<u64>,
    /// US dollars a day, as a decimal string with at most nine decimals.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(examples("10.00"))]
    pub spend_per_day: Option<String>,
    /// US dollars a week.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spend_per_week: Option<String>,
    /// US dollars a month.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spend_per_month: Option<String>,
    /// US dollars in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spend_total: Option<String>,
}

/// A field whose value is no limit.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("'{field}' {message}")]
pub struct InvalidField {
    /// Its name, as in [`LimitFields`].
    pub field: &'static str,
    /// What is wrong with its value, to stand after its name.
    pub message: String,
}

impl TryFrom<&LimitFields> for Limits {
    type Error = InvalidField;

    fn try_from(fields: &LimitFields) -> Result<Limits, InvalidField> {
        let mut quotas = PerPeriod::new([Quota::NONE; 4]);
        for period in Period::ALL {
            let (requests, tokens, spend) = fields.quota(period);
            quotas[period] = Quota {
                requests: count(LimitName::RequestQuota(period), requests)?,
                tokens: count(LimitName::TokenQuota(period), tokens)?,
                spend: money(LimitName::SpendQuota(period), spend)?,
            };
        }
        Ok(Limits {
            requests: rate(
                ["requests_per_minute", "requests_burst"],
                fields.requests_per_minute,
                fields.requests_burst,
            )?,
            tokens: rate(
                ["tokens_per_minute", "tokens_burst"],
                fields.tokens_per_minute,
                fields.tokens_burst,
            )?,
            concurrent: fields.concurrent,
            quotas,
        })
    }
}

impl From<&Limits> for LimitFields {
    fn from(limits: &Limits) -> LimitFields {
        let quota = |period| limits.quotas[period];
        let (day, week) = (quota(Period::Day), quota(Period::Week));
        let (month, total) = (quota(Period::Month), quota(Period::Total));
        let text = |money: Option<Money>| money.map(|money| money.to_string());
        LimitFields {
            requests_per_minute: limits.requests.map(Limit::per_minute),
            requests_burst: limits.requests.map(Limit::burst),
            tokens_per_minute: limits.tokens.map(Limit::per_minute),
            tokens_burst: limits.tokens.map(Limit::burst),
            concurrent: limits.concurrent,
            requests_per_day: day.requests,
            requests_per_week: week.requests,
            requests_per_month: month.requests,
            requests_total: total.requests,
            tokens_per_day: day.tokens,
            tokens_per_week: week.tokens,
            tokens_per_month: month.tokens,
            tokens_total: total.tokens,
            spend_per_day: text(day.spend),
            spend_per_week: text(week.spend),
            spend_per_month: text(month.spend),
            spend_total: text(total.spend),
        }
    }
}

impl LimitFields {
    /// Sets a quota of money in the place of every other.
    pub fn set_only_cap(&mut self, period: Period, amount: &str) {
        let cap = |each| (each == period).then(|| amount.to_owned());
        self.spend_per_day = cap(Period::Day);
        self.spend_per_week = cap(Period::Week);
        self.spend_per_month = cap(Period::Month);
        self.spend_total = cap(Period::Total);
    }

    /// The quotas of a period as they were written.
    fn quota(&self, period: Period) -> (Option<u64>, Option<u64>, Option<&str>) {
        let (requests, tokens, spend) = match period {
            Period::Day => (self.requests_per_day, self.tokens_per_day, &self.spend_per_day),
            Period::Week => (self.requests_per_week, self.tokens_per_week, &self.spend_per_week),
            Period::Month => (self.requests_per_month, self.tokens_per_month, &self.spend_per_month),
            Period::Total => (self.requests_total, self.tokens_total, &self.spend_total),
        };
        (requests, tokens, spend.as_deref())
    }
}

/// The field of a limit: for a rate, that of the rate and not of its burst.
#[must_use]
pub const fn field_of(name: LimitName) -> &'static str {
    match name {
        LimitName::Requests => "requests_per_minute",
        LimitName::Tokens => "tokens_per_minute",
        LimitName::Concurrent => "concurrent",
        LimitName::RequestQuota(Period::Day) => "requests_per_day",
        LimitName::RequestQuota(Period::Week) => "requests_per_week",
        LimitName::RequestQuota(Period::Month) => "requests_per_month",
        LimitName::RequestQuota(Period::Total) => "requests_total",
        LimitName::TokenQuota(Period::Day) => "tokens_per_day",
        LimitName::TokenQuota(Period::Week) => "tokens_per_week",
        LimitName::TokenQuota(Period::Month) => "tokens_per_month",
        LimitName::TokenQuota(Period::Total) => "tokens_total",
        LimitName::SpendQuota(Period::Day) => "spend_per_day",
        LimitName::SpendQuota(Period::Week) => "spend_per_week",
        LimitName::SpendQuota(Period::Month) => "spend_per_month",
        LimitName::SpendQuota(Period::Total) => "spend_total",
    }
}

fn rate(
    [rate_field, burst_field]: [&'static str; 2],
    per_minute: Option<u64>,
    burst: Option<u64>,
) -> Result<Option<Limit>, InvalidField> {
    let Some(per_minute) = per_minute else {
        return match burst {
            None => Ok(None),
            Some(_) => Err(refused(burst_field, format!("needs {rate_field} beside it"))),
        };
    };
    let burst = burst.unwrap_or(per_minute);
    let bounds = || format!("must be from 1 to {LIMIT_MAX}");
    if let Ok(limit) = Limit::new(per_minute, burst) {
        return Ok(Some(limit));
    }
    let rate_is_fit = (1..=LIMIT_MAX).contains(&per_minute);
    Err(refused(if rate_is_fit { burst_field } else { rate_field }, bounds()))
}

fn count(name: LimitName, count: Option<u64>) -> Result<Option<u64>, InvalidField> {
    match count {
        Some(count) if count > QUOTA_MAX => {
            Err(refused(field_of(name), format!("must be at most {QUOTA_MAX}")))
        }
        count => Ok(count),
    }
}

fn money(name: LimitName, text: Option<&str>) -> Result<Option<Money>, InvalidField> {
    let parsed = text.map(str::parse).transpose();
    parsed.map_err(|error| {
        refused(field_of(name), format!("must be US dollars such as \"10.00\", as a string: {error}"))
    })
}

fn refused(field: &'static str, message: String) -> InvalidField {
    InvalidField { field, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Limits, InvalidField> {
        Limits::try_from(&serde_json::from_str::<LimitFields>(json).unwrap())
    }

    #[test]
    fn every_field_reads_as_it_is_written() {
        let json = r#"{"requests_per_minute":60,"requests_burst":10,"tokens_per_minute":1000,"tokens_burst":1000,"concurrent":4,"requests_per_day":1,"requests_per_week":2,"requests_per_month":3,"requests_total":4,"tokens_per_day":5,"tokens_per_week":6,"tokens_per_month":7,"tokens_total":8,"spend_per_day":"0.000000001","spend_per_week":"0.02","spend_per_month":"3.00","spend_total":"0.00"}"#;
        let limits = read(json).unwrap();
        assert_eq!(serde_json::to_string(&LimitFields::from(&limits)).unwrap(), json);
        assert_eq!(limits.quotas[Period::Week].tokens, Some(6));
        assert_eq!(read("{}").unwrap(), Limits::NONE);
        assert_eq!(serde_json::to_string(&LimitFields::from(&Limits::NONE)).unwrap(), "{}");
    }

    #[test]
    fn a_burst_is_the_rate_unless_it_is_given() {
        let limits = read(r#"{"tokens_per_minute": 7}"#).unwrap();
        assert_eq!(limits.tokens, Some(Limit::new(7, 7).unwrap()));
    }

    #[test]
    fn what_is_no_limit_is_refused_by_its_field() {
        for (json, field) in [
            (r#"{"requests_per_minute": 0}"#, "requests_per_minute"),
            (r#"{"requests_per_minute": 1000000001}"#, "requests_per_minute"),
            (r#"{"requests_per_minute": 5, "requests_burst": 0}"#, "requests_burst"),
            (r#"{"tokens_burst": 5}"#, "tokens_burst"),
            (r#"{"tokens_per_month": 9007199254740993}"#, "tokens_per_month"),
            (r#"{"spend_per_day": "-1"}"#, "spend_per_day"),
            (r#"{"spend_total": "0.0000000001"}"#, "spend_total"),
            (r#"{"spend_per_week": "ten"}"#, "spend_per_week"),
        ] {
            assert_eq!(read(json).unwrap_err().field, field, "{json}");
        }
        for json in [r#"{"spend_total": 1}"#, r#"{"concurrent": -1}"#, r#"{"rpm": 1}"#] {
            assert!(serde_json::from_str::<LimitFields>(json).is_err(), "{json}");
        }
    }
}
