//! The record of one call while it runs: its hold, and the receipt as far as it is known. Every ending closes it.

mod budget;
mod ending;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::{
    AccountId, AccountKind, BillingRule, CallId, Offer, Outcome, Price, Receipt, Route, Usage, UsageSource,
};
use hyper::header::{HeaderMap, HeaderValue};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use wire::pivot::Telling;

use super::Principal;
use super::dialect::Dialect;
use super::head::Head;
use super::outgoing::Outgoing;
use super::tape::Tape;
use super::voice::{Form, Turn, Voice};
use crate::catalog::Snapshot;
use crate::clock::Clock;
use crate::config::{AbortPolicy, ProviderConfig};
use crate::error::{Failure, Refusal};
use crate::gateway::{Gateway, Worker};
use crate::idempotency::Once;
use crate::keys::Key;
use crate::ledger::{Admission, Unavailable};
use crate::plans::Allowance;
use crate::telemetry::{CallTrace, Telemetry};

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
    /// What ends it before its time.
    stop: CancellationToken,
    /// What it may use; without a limit before that is known.
    allowance: Allowance,
    /// Its place in a trace, where traces are collected.
    trace: Option<Box<CallTrace>>,
    /// The types of the hosted tools that the model is not given, joined; empty where there are none.
    dropped_tools: String,
    /// How the answer is told and kept; `None` for a chat answer that only passes.
    voice: Option<Box<Voice>>,
    /// What is kept of the answer, where the request has an idempotency key.
    tape: Option<Box<Tape>>,
}

impl Record {
    /// Opens the record of a call, which reserves the place of its settlement.
    ///
    /// It is in a box, because it goes from one step of the call to the next, and a step is a future that is moved.
    pub(super) fn open(
        gateway: &Gateway,
        call: CallId,
        dialect: Dialect,
        principal: &Principal,
    ) -> Result<Box<Record>, Refusal> {
        if gateway.stopping.load(Ordering::Relaxed) {
            return Err(Refusal::Closing);
        }
        let admission =
            gateway.ledger.try_admit(&principal.account).map_err(|unavailable| match unavailable {
                Unavailable::Busy => Refusal::Busy,
                Unavailable::Failing => Refusal::LedgerFailing,
                Unavailable::Closed => Refusal::Closing,
            })?;
        let receipt = blank(call, dialect, principal, gateway.clock.now_ms());
        Ok(Box::new(Record {
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
            stop: gateway.stop.clone(),
            allowance: Allowance::default(),
            trace: None,
            dropped_tools: String::new(),
            voice: None,
            tape: None,
        }))
    }

    /// Takes up the trace that the client's headers name, or begins one.
    pub(super) fn follow(&mut self, telemetry: &Telemetry, headers: &HeaderMap) {
        self.trace = telemetry.trace(self.receipt.call, headers);
    }

    pub(super) fn call(&self) -> CallId {
        self.receipt.call
    }

    /// When it began, in milliseconds since the Unix epoch.
    pub(super) fn started_at_ms(&self) -> i64 {
        self.receipt.started_at_ms
    }

    pub(super) fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    pub(super) fn account(&self) -> AccountId {
        self.admission.account().id
    }

    pub(super) fn account_kind(&self) -> AccountKind {
        self.admission.account().kind
    }

    /// Notes that the answer is kept for those who repeat the request.
    pub(super) fn keeps(&mut self, once: Once) {
        self.tape = Some(Box::new(Tape::new(once)));
    }

    /// The answer that is collected, where it is another one than the stream of the call.
    pub(super) fn stops_tape(&mut self) -> Option<Box<Tape>> {
        self.tape.take()
    }

    /// Notes a frame of a stream.
    pub(super) fn relays(&mut self, frame: &[u8]) {
        if let Some(tape) = &mut self.tape {
            tape.relay(frame);
        }
    }

    /// Notes the client's names for what the call belongs to.
    pub(super) fn tagged(&mut self, session: Option<String>, label: Option<String>) {
        self.receipt.session = session;
        self.receipt.label = label;
    }

    /// Notes what is asked for.
    pub(super) fn asked(&mut self, model: &str, stream: bool, session: Option<&str>) {
        model.clone_into(&mut self.receipt.model_asked);
        self.receipt.stream = stream;
        if self.receipt.session.is_none() {
            self.receipt.session = session.map(str::to_owned);
        }
    }

    /// Notes what the model is not given of what was asked for.
    pub(super) fn drops_tools(&mut self, kinds: &[String]) {
        self.dropped_tools = kinds.join(", ");
    }

    /// Notes what is to be sent.
    pub(super) fn sends(&mut self, request: &Outgoing) {
        self.prompt_tokens_estimate = request.prompt_tokens_estimate();
    }

    /// Notes how the answer is to be told and kept.
    pub(super) fn speaks(&mut self, voice: Option<Voice>) {
        self.voice = voice.map(Box::new);
    }

    /// Whether it runs without a client.
    pub(super) fn is_background(&self) -> bool {
        self.voice.as_ref().is_some_and(|voice| voice.is_background())
    }

    /// Notes what ends the call before its time, beside a client that leaves.
    pub(super) fn ends_with(&mut self, stop: CancellationToken) {
        self.stop = stop;
    }

    /// Cancelled when the call is to end: by a shutdown, or by whoever began it.
    pub(super) fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// Whether its client wants a stream.
    pub(super) fn streams(&self) -> bool {
        self.receipt.stream
    }

    /// The turn of a response that runs without a client.
    pub(super) fn background(&mut self) -> Option<&mut Turn> {
        self.voice.as_mut().and_then(|voice| voice.background())
    }

    /// What tells an answer, from its begin; `None` where the upstream's bytes pass and nothing is kept.
    pub(super) fn telling(&self) -> Option<Box<Telling>> {
        self.voice.as_ref().map(|voice| Box::new(voice.telling()))
    }

    /// Whether the client is told why the answer ended, in words that the gateway chooses.
    pub(super) fn names_the_end(&self) -> bool {
        self.voice.as_ref().is_some_and(|voice| !matches!(voice.form, Form::Chat))
    }

    pub(super) fn routed(&mut self, route: &Route) {
        self.receipt.route_reason.clone_from(&route.reason);
    }

    /// Notes the offer that the `attempt`-th try goes to.
    pub(super) fn tries(&mut self, attempt: u32, offer: &Offer) {
        if let Some(trace) = &mut self.trace {
            trace.attempt(offer, micros(self.started.elapsed()));
        }
        self.receipt.attempts = attempt;
        self.receipt.provider = Some(Arc::clone(&offer.provider));
        self.receipt.model_served = Some(offer.model.to_string());
        self.receipt.inference_provider = offer.inference_provider.as_ref().map(|slug| slug.to_string());
        self.price = offer.pricing.price();
        self.offer = Some(offer.clone());
    }

    /// Notes that the try has failed.
    pub(super) fn attempt_failed(&mut self, failure: &Failure) {
        if let Some(trace) = &mut self.trace {
            trace.failed(|| failure.word(), micros(self.started.elapsed()));
        }
    }

    /// What the upstream is told of the call's trace.
    pub(super) fn outgoing_trace(&self) -> Option<HeaderValue> {
        self.trace.as_ref().and_then(|trace| trace.outgoing())
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
            dropped_tools: self.dropped_tools.clone(),
            standing: self.standing(),
        }
    }
}

/// A receipt of which nothing is known yet but who calls.
fn blank(call: CallId, dialect: Dialect, principal: &Principal, started_at_ms: i64) -> Receipt {
    Receipt {
        call,
        account: principal.account.id,
        key: principal.key.id,
        started_at_ms,
        dialect: dialect.as_str(),
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
