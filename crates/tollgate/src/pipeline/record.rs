//! The record of one call while it runs: its hold, and the receipt as far as it is known. Every ending closes it.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::outcome::{Billable, bill};
use domain::usage::estimate_tokens;
use domain::{
    AccountKind, Ask, BillingRule, CallId, Exceeded, Limits, Money, Offer, Outcome, Price, Refused, Route,
    Standing, Usage, UsageSource,
};
use tokio::time::Instant;
use tracing::{debug, info};
use wire::chat::{ChatRequest, Tally};

use super::reply::Head;
use super::{Failure, Principal, Refusal};
use crate::catalog::Snapshot;
use crate::clock::Clock;
use crate::config::{AbortPolicy, ProviderConfig};
use crate::gateway::{Gateway, Worker};
use crate::http::ApiError;
use crate::keys::Key;
use crate::ledger::{Admission, Charged, Receipt, Unavailable};
use crate::limits::{CallLimits, Limited, LimitedBy, Reservation, SharedMeter};

/// One call on its way from admission to settlement.
pub(super) struct Record {
    admission: Admission,
    receipt: Receipt,
    started: Instant,
    /// The catalogue at the start: a call keeps the prices that it was admitted with.
    snapshot: Arc<Snapshot>,
    /// The offer that is being tried.
    offer: Option<Offer>,
    /// Its price, or that of whoever says to have served it.
    price: Option<Price>,
    /// Whether the client has its status already: a stream begins without its first event when that is slow.
    begun: Arc<AtomicBool>,
    /// Tokens of the prompt, where the upstream does not count them.
    prompt_tokens_estimate: u64,
    abort: AbortPolicy,
    drain_cap: Duration,
    settle_max: Duration,
    key: Arc<Key>,
    clock: Clock,
    /// What it may use; of nothing that is limited, before that is known.
    limits: CallLimits,
}

/// What a settlement came to; `None` when it was not committed in time.
pub(super) type Settling = Pin<Box<dyn Future<Output = Option<Charged>> + Send>>;

/// A closed record: the settlement under way, and what is being charged for.
pub(super) struct Closed {
    pub(super) settling: Settling,
    pub(super) billable: Billable,
}

impl Record {
    /// Opens the record of a call, which reserves the place of its settlement.
    pub(super) fn open(gateway: &Gateway, call: CallId, principal: &Principal) -> Result<Record, Refusal> {
        if gateway.stopping.load(Ordering::Relaxed) {
            return Err(Refusal::Closing);
        }
        let admission =
            gateway.ledger.try_admit(&principal.account).map_err(|unavailable| match unavailable {
                Unavailable::Busy => Refusal::Busy,
                Unavailable::Failing => Refusal::LedgerFailing,
                Unavailable::Closed => Refusal::Closing,
            })?;
        let receipt = blank(call, principal, gateway.clock.now_ms());
        Ok(Record {
            admission,
            receipt,
            started: Instant::now(),
            snapshot: gateway.catalogue.snapshot(),
            offer: None,
            price: None,
            begun: Arc::new(AtomicBool::new(false)),
            prompt_tokens_estimate: 0,
            abort: AbortPolicy::Drain,
            drain_cap: Duration::ZERO,
            settle_max: gateway.config.server.settle,
            key: Arc::clone(&principal.key),
            clock: gateway.clock.clone(),
            limits: CallLimits::default(),
        })
    }

    pub(super) fn call(&self) -> CallId {
        self.receipt.call
    }

    pub(super) fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    pub(super) fn account_kind(&self) -> AccountKind {
        self.admission.account().kind
    }

    /// Notes what the call may use.
    pub(super) fn limited_to(&mut self, limits: CallLimits) {
        self.limits = limits;
    }

    /// What can still be held, within the balance and every cap; `None` when nothing bounds it.
    pub(super) fn budget(&self) -> Option<Money> {
        let account = self.admission.account();
        let wall_ms = self.clock.now_ms();
        let caps = [
            account.meter.spend_left(&self.limits.account, wall_ms),
            self.key.meter.spend_left(&self.limits.key, wall_ms),
        ];
        caps.into_iter().chain([account.budget()]).flatten().min()
    }

    /// The cap that does not cover `needed`, where one is nearer than the balance: of several, the nearest.
    pub(super) fn cap_below(&self, needed: Money) -> Option<Limited> {
        let account = self.admission.account();
        let wall_ms = self.clock.now_ms();
        let short_of = |by, meter: &SharedMeter, limits: &Limits| {
            let exceeded = meter.spend_short_of(limits, needed, wall_ms)?;
            let Exceeded::Spend { left, .. } = exceeded else { return None };
            Some((left, Limited { by, exceeded }))
        };
        let of_account = short_of(LimitedBy::Account, &account.meter, &self.limits.account);
        let of_key = short_of(LimitedBy::Key, &self.key.meter, &self.limits.key);
        let (left, cap) = of_account.into_iter().chain(of_key).min_by_key(|(left, _)| *left)?;
        account.budget().is_none_or(|balance| left < balance).then_some(cap)
    }

    /// Takes the call's share of the limits, or says which is reached. Another share gives the first one back.
    pub(super) fn reserve(&mut self, ask: Ask) -> Result<(), Limited> {
        self.admission.give_back();
        let account = &self.admission.account().meter;
        let reservation = Reservation::take(account, &self.key.meter, &self.limits, ask, &self.clock)?;
        // The receipt is counted in the same periods as the meters count the call.
        self.receipt.started_at_ms = reservation.started_ms();
        self.admission.reserve(reservation);
        Ok(())
    }

    /// Where the rates stand.
    pub(super) fn standing(&self) -> Standing {
        self.limits.standing(&self.admission.account().meter, &self.key.meter, &self.clock)
    }

    pub(super) fn hold(&mut self, amount: Money) -> Result<(), Refused> {
        self.admission.hold(amount)
    }

    pub(super) fn asked(&mut self, request: &ChatRequest) {
        self.receipt.model_asked = request.model().to_owned();
        self.receipt.stream = request.stream();
        self.prompt_tokens_estimate = request.prompt_tokens_estimate();
    }

    pub(super) fn routed(&mut self, route: &Route) {
        self.receipt.route_reason.clone_from(&route.reason);
    }

    /// Notes the offer that the `attempt`-th try goes to.
    pub(super) fn tries(&mut self, attempt: u32, offer: &Offer) {
        self.receipt.attempts = attempt;
        self.receipt.provider = Some(Arc::clone(&offer.provider));
        self.receipt.model_served = Some(offer.model.to_string());
        self.receipt.inference_provider = offer.inference_provider.as_ref().map(|slug| slug.to_string());
        self.price = offer.pricing.price();
        self.offer = Some(offer.clone());
    }

    /// Notes which inference provider the upstream says has served, and takes its price where it is known.
    pub(super) fn served_by(&mut self, inference_provider: String) {
        let offer = self.offer.as_ref();
        if let Some(price) = offer.and_then(|offer| self.snapshot.served_price(offer, &inference_provider)) {
            self.price = Some(price);
        }
        self.receipt.inference_provider = Some(inference_provider);
    }

    /// What is to be set when the client gets its status before the first event.
    pub(super) fn begun(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.begun)
    }

    /// The inference provider of the last try, where it is known.
    pub(super) fn inference_provider(&self) -> Option<&str> {
        self.receipt.inference_provider.as_deref()
    }

    /// Notes that the first piece of the answer goes to the client.
    pub(super) fn first_token(&mut self) {
        if self.receipt.first_token_us.is_none() {
            self.receipt.first_token_us = Some(micros(self.started.elapsed()));
        }
    }

    /// Whether the offer that is being tried has a price.
    pub(super) fn is_priced(&self) -> bool {
        self.price.is_some()
    }

    /// The abort policy, its cap and the total deadline, by the provider of the route's first offer.
    pub(super) fn deadlines(&mut self, worker: &Worker, route: &Route) -> (AbortPolicy, Duration, Instant) {
        let upstream = route.offers.first().and_then(|offer| worker.upstreams.get(&offer.provider));
        let Some(upstream) = upstream else {
            return (self.abort, self.drain_cap, super::far_future());
        };
        self.goes_to(&upstream.config);
        (self.abort, self.drain_cap, self.started + upstream.config.timeouts.total)
    }

    /// Notes the provider whose policy counts when the client leaves: the one that is being tried.
    pub(super) fn goes_to(&mut self, provider: &ProviderConfig) {
        self.abort = provider.abort;
        self.drain_cap = provider.drain_cap;
    }

    pub(super) fn abort_policy(&self) -> (AbortPolicy, Duration) {
        (self.abort, self.drain_cap)
    }

    /// What the response's headers say of the call.
    pub(super) fn head(&self, output_limit: Option<u64>) -> Head {
        Head {
            call: self.receipt.call,
            provider: self.receipt.provider.clone(),
            model: self.receipt.model_served.clone(),
            inference_provider: self.receipt.inference_provider.clone(),
            reason: self.receipt.route_reason.clone(),
            attempts: self.receipt.attempts,
            output_limit,
            standing: self.standing(),
        }
    }

    /// Closes a call that was never sent, and waits until its receipt is stored.
    pub(super) async fn refuse(mut self, error: &ApiError) {
        self.receipt.status = error.status.as_u16();
        self.receipt.error_code = error.code().map(str::to_owned);
        // It never began, so nothing of it counts, and its place is free now and not after a commit.
        self.admission.give_back();
        let closed = self.close(Outcome::Refused, None);
        // Nothing is charged, so the answer does not depend on the receipt.
        let _ = closed.settling.await;
    }

    /// Closes a call that failed at the upstream.
    pub(super) fn fail(mut self, failure: &Failure, tally: Option<&Tally>) -> Closed {
        let error = ApiError::from(failure);
        // A stream that had begun was answered 200, whatever came after.
        let begun = tally.is_some() || self.begun.load(Ordering::Relaxed);
        self.receipt.status = if begun { 200 } else { error.status.as_u16() };
        self.receipt.error_code = error.code().map(str::to_owned);
        self.close(failure.outcome(), tally)
    }

    /// Closes a call whose answer is whole, or whose client has left.
    pub(super) fn finish(mut self, outcome: Outcome, tally: &Tally) -> Closed {
        self.receipt.status = 200;
        self.close(outcome, Some(tally))
    }

    fn close(mut self, outcome: Outcome, tally: Option<&Tally>) -> Closed {
        let billable = self.billable(outcome, tally);
        let receipt = &mut self.receipt;
        receipt.outcome = outcome;
        receipt.rule = billable.rule;
        receipt.usage = billable.usage;
        receipt.usage_source = billable.source;
        receipt.price = self.price;
        receipt.cost = match (self.price, billable.source) {
            (_, UsageSource::None) => Some(Money::ZERO),
            (Some(price), _) => Some(price.cost(&billable.usage)),
            (None, _) => None,
        };
        receipt.total_us = micros(self.started.elapsed());
        if let Some(tally) = tally {
            receipt.usage_suspect = tally.usage_suspect;
            receipt.finish_reason = tally.finish_reason.as_ref().map(ToString::to_string);
            receipt.upstream_id.clone_from(&tally.upstream_id);
        }
        log(receipt);
        let settling = self.admission.settle(self.receipt).within(self.settle_max);
        Closed { settling: Box::pin(settling), billable }
    }

    fn billable(&self, outcome: Outcome, tally: Option<&Tally>) -> Billable {
        let nothing = Billable {
            usage: Usage::default(),
            source: UsageSource::None,
            rule: BillingRule::NothingGenerated,
        };
        if outcome == Outcome::ClientGone && self.abort == AbortPolicy::Void {
            return Billable { rule: BillingRule::Waived, ..nothing };
        }
        let Some(tally) = tally else {
            return bill(outcome, None, Usage::default());
        };
        let relayed = Usage {
            input: self.prompt_tokens_estimate,
            output: estimate_tokens(tally.relayed_bytes),
            ..Usage::default()
        };
        bill(outcome, tally.report(), relayed)
    }
}

/// A receipt of which nothing is known yet but who calls.
fn blank(call: CallId, principal: &Principal, started_at_ms: i64) -> Receipt {
    Receipt {
        call,
        account: principal.account.id,
        key: principal.key.id,
        started_at_ms,
        dialect: "chat",
        stream: false,
        model_asked: String::new(),
        model_served: None,
        provider: None,
        inference_provider: None,
        route_reason: String::new(),
        usage: Usage::default(),
        usage_source: UsageSource::None,
        usage_suspect: false,
        price: None,
        cost: None,
        outcome: Outcome::Refused,
        rule: BillingRule::NotSent,
        status: 0,
        error_code: None,
        first_token_us: None,
        total_us: 0,
        attempts: 0,
        finish_reason: None,
        upstream_id: None,
        session: None,
        label: None,
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// One line per call that did not simply succeed. Prompts, answers and keys are not in it.
fn log(receipt: &Receipt) {
    let (call, account, key) = (receipt.call, receipt.account, receipt.key);
    let (outcome, status, total_us) = (receipt.outcome.as_str(), receipt.status, receipt.total_us);
    let code = receipt.error_code.as_deref();
    if receipt.outcome == Outcome::Complete {
        debug!(%call, %account, %key, outcome, status, total_us, "call");
    } else {
        info!(%call, %account, %key, outcome, status, code, total_us, "call");
    }
}
