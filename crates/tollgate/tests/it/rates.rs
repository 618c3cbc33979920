//! The arithmetic of prices once more, in integers of its own, so that no test checks the gateway's sums with the
//! gateway's code.

use bytes::Bytes;
use domain::Money;
use serde_json::Value;
use wire::chat::ChatRequest;

/// Rates in nano-dollars per million tokens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rates {
    pub(crate) input: u64,
    pub(crate) output: u64,
}

impl Rates {
    /// [`MODEL`](crate::harness::MODEL) at the offer that serves when nothing fails, and at those that follow.
    pub(crate) const CEREBRAS: Rates = Rates::milli(250, 690);
    pub(crate) const GROQ: Rates = Rates::milli(150, 750);
    pub(crate) const BASETEN: Rates = Rates::milli(100, 500);

    /// The dearest of the three, rate by rate: what a call for that model is held at.
    pub(crate) const HELD: Rates = Rates::milli(250, 750);

    /// From thousandths of a dollar per million tokens.
    pub(crate) const fn milli(input: u64, output: u64) -> Rates {
        Rates { input: input * 1_000_000, output: output * 1_000_000 }
    }

    /// What these tokens cost, rounded up once.
    pub(crate) fn cost(self, input: u64, output: u64) -> Money {
        let sum = u128::from(input) * u128::from(self.input) + u128::from(output) * u128::from(self.output);
        nanos(sum.div_ceil(1_000_000))
    }

    /// What a call with this body has to reserve, when its context is not what bounds it.
    pub(crate) fn hold(self, body: &Value, output: u64) -> Money {
        let request = ChatRequest::parse(Bytes::from(body.to_string())).expect("a request");
        let bound = request.bound();
        self.cost(bound.input_tokens, u64::from(bound.n) * output)
    }
}

/// An amount of nano-dollars.
pub(crate) fn nanos(amount: u128) -> Money {
    Money::from_nanos(i64::try_from(amount).expect("an amount that fits")).expect("not negative")
}

/// `usage.cost` in a body or a stream, digit by digit. `None` when it says `null` or is not there.
pub(crate) fn cost_in(raw: &str) -> Option<Money> {
    let (_, rest) = raw.rsplit_once("\"cost\":")?;
    let end = rest.find([',', '}']).expect("the end of a number");
    if &rest[..end] == "null" { None } else { Some(rest[..end].parse().expect("an amount")) }
}
