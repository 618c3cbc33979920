//! Fields that several bodies have, each with its rule.

use domain::Money;
use domain::decimal::NANOS_PER_UNIT;
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use crate::ledger::check_name;
use crate::time::parse_rfc3339;

/// The largest amount that a body may name: a billion dollars. More is a slip of the keyboard.
const AMOUNT_DOLLARS_MAX: u64 = 1_000_000_000;

/// What people call a thing: 1 to 200 bytes, not blank, without control characters.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, min_length = 1, max_length = 200, examples("blue"))]
pub struct Name(String);

impl Name {
    /// The name.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(text: String) -> Result<Name, String> {
        check_name(&text).map_err(|error| error.to_string())?;
        Ok(Name(text))
    }
}

/// A positive amount of US dollars of at most a billion, as a decimal string with at most nine decimals.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, pattern = r"^[0-9]{1,10}(\.[0-9]{1,9})?$", examples("10.00"))]
pub struct Amount(Money);

impl Amount {
    /// The amount.
    #[must_use]
    pub fn money(self) -> Money {
        self.0
    }
}

/// A time in RFC 3339, in milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, format = DateTime, examples("2030-01-31T12:00:00Z"))]
pub struct Time(pub i64);

impl TryFrom<String> for Time {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Time, &'static str> {
        parse_rfc3339(&text).map(Time).ok_or("no time such as 2030-01-31T12:00:00Z")
    }
}

impl TryFrom<String> for Amount {
    type Error = String;

    fn try_from(text: String) -> Result<Amount, String> {
        let amount: Money =
            text.parse().map_err(|error| format!("no amount of US dollars such as \"1.00\": {error}"))?;
        if amount.is_zero() {
            return Err("must be more than nothing".to_owned());
        }
        if amount.nanos().unsigned_abs() > AMOUNT_DOLLARS_MAX * NANOS_PER_UNIT {
            return Err(format!("must be at most {AMOUNT_DOLLARS_MAX}"));
        }
        Ok(Amount(amount))
    }
}

/// A field that may be `null`, which is told from one that is missing: for `#[serde(default, deserialize_with)]`.
pub(crate) fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
