//! Numbers with three decimals, written exactly.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// A JSON number with three decimals that never was a float: `12.345`.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = f64)]
pub struct Thousandths(Box<RawValue>);

impl Thousandths {
    /// `count` thousandths: microseconds as milliseconds, milli-tokens as tokens.
    #[must_use]
    pub fn new(count: u64) -> Option<Thousandths> {
        RawValue::from_string(format!("{}.{:03}", count / 1000, count % 1000)).ok().map(Thousandths)
    }
}

impl fmt::Display for Thousandths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0.get())
    }
}
