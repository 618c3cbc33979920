//! The flags that say what a key may do, and the JSON that they stand for.

use std::str::FromStr;

use clap::{Args, ValueEnum};
use domain::Period;
use serde_json::{Map, Value, json};

use crate::clock::Clock;
use crate::limits::LimitFields;
use crate::time::rfc3339;

use super::Failure;

/// What a key may do and use. What is not named is not bound.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct TermFlags {
    /// The most that it may spend, in US dollars.
    #[arg(long, value_name = "USD")]
    spend_cap: Option<String>,
    /// Makes the cap start anew each day, week (on Monday) or month, in UTC.
    #[arg(long, value_name = "PERIOD", requires = "spend_cap")]
    reset: Option<Reset>,
    /// Requests a minute.
    #[arg(long, value_name = "COUNT")]
    requests_per_minute: Option<u64>,
    /// Requests at once after a pause; by default as many as a minute.
    #[arg(long, value_name = "COUNT", requires = "requests_per_minute")]
    burst: Option<u64>,
    /// Tokens a minute, of prompts and answers together.
    #[arg(long, value_name = "COUNT")]
    tokens_per_minute: Option<u64>,
    /// A model that it may call, or a pattern such as 'openai/*'; several with commas or by several flags.
    #[arg(long, value_name = "MODEL", value_delimiter = ',')]
    models: Vec<String>,
    /// A network that it may be used from, such as 10.0.0.0/8; several with commas or by several flags.
    #[arg(long, value_name = "NETWORK", value_delimiter = ',')]
    network: Vec<String>,
    /// How long it works: 12h, 30d.
    #[arg(long, value_name = "TIME")]
    expires_in: Option<Span>,
    /// What to note about it; several by several flags.
    #[arg(long, value_name = "NAME=TEXT")]
    label: Vec<String>,
}

/// The same for a key that is there.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct ChangeFlags {
    #[command(flatten)]
    terms: TermFlags,
    /// Take all of its own limits away before setting those that are named.
    #[arg(long)]
    no_limits: bool,
    /// Let it call all models of its plan.
    #[arg(long, conflicts_with = "models")]
    all_models: bool,
    /// Let it be used from everywhere.
    #[arg(long, conflicts_with = "network")]
    all_networks: bool,
    /// Let it work for ever.
    #[arg(long, conflicts_with = "expires_in")]
    no_expiry: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Reset {
    Day,
    Week,
    Month,
}

/// A span of time: `90s`, `30m`, `24h`, `30d`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span(u32);

impl Span {
    pub(super) fn seconds(self) -> u32 {
        self.0
    }
}

impl FromStr for Span {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Span, &'static str> {
        let wrong = "must be a number and s, m, h or d, such as 90s, 30m, 24h or 30d";
        let unit = text.chars().next_back().ok_or(wrong)?;
        let seconds: u32 = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return Err(wrong),
        };
        let count: u32 = text.strip_suffix(unit).and_then(|count| count.parse().ok()).ok_or(wrong)?;
        count.checked_mul(seconds).map(Span).ok_or("is too long")
    }
}

impl TermFlags {
    /// The body of a new key, without its name.
    pub(super) fn body(&self) -> Result<Map<String, Value>, Failure> {
        let mut body = Map::new();
        let mut limits = LimitFields::default();
        if self.set_limits(&mut limits) {
            body.insert("limits".to_owned(), json!(limits));
        }
        if !self.models.is_empty() {
            body.insert("models".to_owned(), json!(self.models));
        }
        if !self.network.is_empty() {
            body.insert("networks".to_owned(), json!(self.network));
        }
        if let Some(Span(seconds)) = self.expires_in {
            let at_ms = Clock::System.now_ms().saturating_add(i64::from(seconds) * 1000);
            body.insert("expires_at".to_owned(), json!(rfc3339(at_ms)));
        }
        if !self.label.is_empty() {
            body.insert("labels".to_owned(), self.labels()?.into());
        }
        Ok(body)
    }

    /// Whether a limit was named.
    fn set_limits(&self, limits: &mut LimitFields) -> bool {
        if let Some(cap) = &self.spend_cap {
            let period = match self.reset {
                Some(Reset::Day) => Period::Day,
                Some(Reset::Week) => Period::Week,
                Some(Reset::Month) => Period::Month,
                None => Period::Total,
            };
            limits.set_only_cap(period, cap);
        }
        if self.requests_per_minute.is_some() {
            (limits.requests_per_minute, limits.requests_burst) = (self.requests_per_minute, self.burst);
        }
        if self.tokens_per_minute.is_some() {
            (limits.tokens_per_minute, limits.tokens_burst) = (self.tokens_per_minute, None);
        }
        self.spend_cap.is_some() || self.requests_per_minute.is_some() || self.tokens_per_minute.is_some()
    }

    fn labels(&self) -> Result<Map<String, Value>, Failure> {
        let read = |label: &String| {
            let (name, text) = label.split_once('=').ok_or_else(|| {
                Failure::new(format!("--label {label}: must be a name and a text, such as team=blue"))
            })?;
            Ok((name.to_owned(), json!(text)))
        };
        self.label.iter().map(read).collect()
    }
}

impl ChangeFlags {
    /// The changes, of a key that has these limits.
    pub(super) fn body(&self, present: &LimitFields) -> Result<Map<String, Value>, Failure> {
        let mut body = self.terms.body()?;
        let mut limits = if self.no_limits { LimitFields::default() } else { present.clone() };
        if self.terms.set_limits(&mut limits) || self.no_limits {
            body.insert("limits".to_owned(), json!(limits));
        }
        let bounds =
            [("models", self.all_models), ("networks", self.all_networks), ("expires_at", self.no_expiry)];
        for (field, _) in bounds.into_iter().filter(|(_, taken_away)| *taken_away) {
            body.insert(field.to_owned(), Value::Null);
        }
        Ok(body)
    }
}
