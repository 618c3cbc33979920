//! Fields of keys in bodies, each with its rule.

use std::time::Duration;

use domain::{KeyRole, Models, Money, Network, Networks, Period};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::keys::OVERLAP_MAX;

/// What a key is for.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RoleField {
    /// Makes calls.
    User,
    /// Also manages the keys of its account.
    Management,
}

impl From<RoleField> for KeyRole {
    fn from(field: RoleField) -> KeyRole {
        match field {
            RoleField::User => KeyRole::User,
            RoleField::Management => KeyRole::Management,
        }
    }
}

/// How often a cap starts anew, in OpenRouter's words: at midnight, on Monday, on the first of the month, in UTC.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reset {
    Daily,
    Weekly,
    Monthly,
}

impl Reset {
    pub(crate) fn period(self) -> Period {
        match self {
            Reset::Daily => Period::Day,
            Reset::Weekly => Period::Week,
            Reset::Monthly => Period::Month,
        }
    }

    /// OpenRouter's word for a period; `None` for all of time.
    pub(crate) fn word(period: Period) -> Option<&'static str> {
        match period {
            Period::Day => Some("daily"),
            Period::Week => Some("weekly"),
            Period::Month => Some("monthly"),
            Period::Total => None,
        }
    }
}

/// US dollars as OpenRouter's clients write them: a number, or a decimal string. It is read digit by digit.
#[derive(Clone, Copy, Debug, ToSchema)]
#[schema(value_type = f64, minimum = 0)]
pub(crate) struct Cap(pub(crate) Money);

impl<'de> Deserialize<'de> for Cap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Cap, D::Error> {
        let written = Box::<RawValue>::deserialize(deserializer)?;
        let quoted = serde_json::from_str::<String>(written.get());
        let text = quoted.as_deref().unwrap_or_else(|_| written.get());
        let no_amount = |error| D::Error::custom(format!("no amount of US dollars such as 1.5: {error}"));
        text.parse().map(Cap).map_err(no_amount)
    }
}

/// Ids of models, and patterns that end in `*`.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(try_from = "Vec<String>")]
#[schema(value_type = Vec<String>, min_items = 1, max_items = 100, examples(json!(["openai/gpt-oss-20b", "meta-llama/*"])))]
pub(crate) struct ModelPatterns(pub(crate) Models);

impl TryFrom<Vec<String>> for ModelPatterns {
    type Error = String;

    fn try_from(patterns: Vec<String>) -> Result<ModelPatterns, String> {
        Models::new(patterns).map(ModelPatterns).map_err(|error| error.to_string())
    }
}

/// Addresses, and networks such as `10.0.0.0/8`.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(try_from = "Vec<String>")]
#[schema(value_type = Vec<String>, min_items = 1, max_items = 64, examples(json!(["10.0.0.0/8", "2001:db8::/32"])))]
pub(crate) struct NetworkList(pub(crate) Networks);

impl TryFrom<Vec<String>> for NetworkList {
    type Error = String;

    fn try_from(texts: Vec<String>) -> Result<NetworkList, String> {
        let read = |text: &String| {
            let shown: String = text.chars().take(100).collect();
            text.parse::<Network>().map_err(|error| format!("`{shown}` {error}"))
        };
        let networks = texts.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        Networks::new(networks).map(NetworkList).map_err(|error| error.to_string())
    }
}

/// How a key gets a new secret.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RotateBody {
    /// How many seconds the secret before works on: at most 30 days, and none unless given.
    overlap_s: Option<Overlap>,
}

impl RotateBody {
    pub(crate) fn overlap(self) -> Duration {
        self.overlap_s.map_or(Duration::ZERO, |overlap| overlap.0)
    }
}

#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(try_from = "u64")]
#[schema(value_type = u64, maximum = 2_592_000)]
struct Overlap(Duration);

impl TryFrom<u64> for Overlap {
    type Error = String;

    fn try_from(seconds: u64) -> Result<Overlap, String> {
        let overlap = Duration::from_secs(seconds);
        let most = OVERLAP_MAX.as_secs();
        if overlap <= OVERLAP_MAX { Ok(Overlap(overlap)) } else { Err(format!("must be at most {most}")) }
    }
}
