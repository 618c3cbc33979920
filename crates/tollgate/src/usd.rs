//! Money as a JSON number of US dollars, written from the integer, digit by digit: no float is involved.

use domain::Money;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// An amount of US dollars, exact to the billionth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ToSchema)]
#[schema(value_type = f64)]
pub struct Usd(pub Money);

impl Serialize for Usd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.0.to_string()).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_nano_dollar_is_written() {
        let amount = Money::from_nanos(1_000_000_023).expect("positive");
        assert_eq!(serde_json::to_string(&Usd(amount)).expect("serialises"), "1.000000023");
    }
}
