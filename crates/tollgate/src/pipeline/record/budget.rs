//! What a call may use, and what it has taken of it: its share of the limits, and its hold.

use domain::{Ask, Exceeded, Limits, Money, Now, Refused, Standing, Used};

use super::Record;
use crate::keys::Key;
use crate::limits::{Limited, LimitedBy, Reservation, SharedMeter};
use crate::plans::Allowance;

impl Record {
    /// Notes what the call may use.
    pub(in crate::pipeline) fn allow(&mut self, allowance: Allowance) {
        self.allowance = allowance;
    }

    pub(in crate::pipeline) fn allowance(&self) -> &Allowance {
        &self.allowance
    }

    /// The key that was shown.
    pub(in crate::pipeline) fn key(&self) -> &Key {
        &self.key
    }

    /// What can still be held, within the balance and every cap; `None` when nothing bounds it.
    pub(in crate::pipeline) fn budget(&self) -> Option<Money> {
        let account = self.admission.account();
        let wall_ms = self.receipt.started_at_ms;
        let caps = [
            account.meter.spend_left(&self.allowance.limits.account, wall_ms),
            self.key.meter.spend_left(&self.allowance.limits.key, wall_ms),
        ];
        caps.into_iter().chain([account.budget()]).flatten().min()
    }

    /// The tokens that a call may still take, within every quota; `None` when nothing bounds them.
    pub(in crate::pipeline) fn tokens_left(&self) -> Option<u64> {
        let (limits, wall_ms) = (&self.allowance.limits, self.receipt.started_at_ms);
        let of_account = self.admission.account().meter.tokens_left(&limits.account, wall_ms);
        of_account.into_iter().chain(self.key.meter.tokens_left(&limits.key, wall_ms)).min()
    }

    /// The cap that does not cover `needed`, where one is nearer than the balance: of several, the nearest.
    pub(in crate::pipeline) fn cap_below(&self, needed: Money) -> Option<Limited> {
        let account = self.admission.account();
        let wall_ms = self.receipt.started_at_ms;
        let short_of = |by, meter: &SharedMeter, limits: &Limits| {
            let exceeded = meter.spend_short_of(limits, needed, wall_ms)?;
            let Exceeded::Spend { left, .. } = exceeded else { return None };
            Some((left, Limited { by, exceeded }))
        };
        let limits = &self.allowance.limits;
        let of_account = short_of(LimitedBy::Account, &account.meter, &limits.account);
        let of_key = short_of(LimitedBy::Key, &self.key.meter, &limits.key);
        let (left, cap) = of_account.into_iter().chain(of_key).min_by_key(|(left, _)| *left)?;
        account.budget().is_none_or(|balance| left < balance).then_some(cap)
    }

    /// Takes the call's share of the limits, or says which is reached. Another share gives the first one back.
    pub(in crate::pipeline) fn reserve(&mut self, ask: Ask) -> Result<(), Limited> {
        self.admission.give_back();
        let account = &self.admission.account().meter;
        let reservation = Reservation::take(
            account,
            &self.key.meter,
            &self.allowance.limits,
            ask,
            self.accepted(),
            &self.clock,
        )?;
        // The receipt counts in the same periods as on the meters: later ones only where these have begun meanwhile.
        self.receipt.started_at_ms = reservation.started_ms();
        self.admission.reserve(reservation);
        Ok(())
    }

    /// Which limit would refuse the call now, whatever it takes.
    pub(in crate::pipeline) fn peek(&self) -> Result<(), Limited> {
        let account = &self.admission.account().meter;
        Reservation::peek(account, &self.key.meter, &self.allowance.limits, self.accepted())
    }

    /// Takes one request from the rates, for what is answered without a call: a refusal, or an answer given again.
    pub(in crate::pipeline) fn take_request(&self) -> Result<Standing, Limited> {
        let limits = self.allowance.limits.rates();
        let account = &self.admission.account().meter;
        let taken = Reservation::take(
            account,
            &self.key.meter,
            &limits,
            Ask::default(),
            self.accepted(),
            &self.clock,
        )?;
        // The rate keeps the request; no period counts it.
        taken.end(Used { tokens: 0, spend: Money::ZERO, counted: false });
        Ok(self.standing())
    }

    /// Where the rates stand.
    pub(in crate::pipeline) fn standing(&self) -> Standing {
        self.allowance.limits.standing(&self.admission.account().meter, &self.key.meter, &self.clock)
    }

    pub(in crate::pipeline) fn hold(&mut self, amount: Money) -> Result<(), Refused> {
        self.admission.hold(amount)
    }

    /// Now, for the rates, and when the call was accepted, for the periods that it counts in.
    fn accepted(&self) -> Now {
        Now { wall_ms: self.receipt.started_at_ms, ..self.clock.now() }
    }
}
