//! The life of a call, in one straight line: [`serve`] is the function to read first.

mod accept;
mod address;
mod admit;
mod asked;
mod attempt;
mod authenticate;
mod background;
mod body;
mod closed;
mod compose;
mod count;
mod dialect;
mod drain;
mod head;
mod last_frame;
mod limit;
mod outgoing;
mod record;
mod relay;
mod repeat;
mod reply;
mod suit;
mod tags;
mod tape;
mod voice;
mod whole;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use hyper::Request;
use hyper::header::HeaderMap;
use hyper::http::request::Parts;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

pub use accept::{BodyLimit, read_body};
pub use address::{ClientAddress, Peer};
pub use authenticate::{Principal, authenticate, credential};
pub(crate) use background::resumed as background_events;
pub use count::count;
pub use dialect::Dialect;
pub use limit::{callable_models, take_request};

use crate::config::AbortPolicy;
use crate::error::{ApiError, Failure, Refusal};
use crate::gateway::{Gateway, Worker};
use crate::idempotency::Replay;
use asked::Asked;
use attempt::{Answer, attempt};
use body::{MeteredBody, Reply};
use compose::{By, Composed, compose};
use domain::{Route, Standing};
use outgoing::Outgoing;
use record::Record;
use suit::suit;
use tags::{LABEL_HEADER, session_tag, tag};
use wire::Target;

/// The request header that names a provider, for clients that cannot add a body field.
const PROVIDER_HEADER: &str = "x-tollgate-provider";

/// Characters of it that are read, as in the body.
const PROVIDER_CHARS_MAX: usize = 64;

/// A call that may be sent: parsed, resolved, and with its worst case held.
struct Prepared {
    request: Outgoing,
    route: Route,
    /// The output limit to write into the body, where the caller named none.
    output_limit: Option<u64>,
}

/// Serves one call of `principal` from its bytes to its receipt.
///
/// The steps up to the hold run here and refuse. What follows runs as a task of its own, because it has to reach its
/// settlement also when the client leaves and this future is dropped.
pub async fn serve(
    worker: &Arc<Worker>,
    principal: &Principal,
    dialect: Dialect,
    request: Request<Body>,
) -> Response {
    let call = worker.gateway.next_call_id();
    let (head, body) = request.into_parts();
    let mut record = match Record::open(&worker.gateway, call, dialect, principal) {
        Ok(record) => record,
        Err(refusal) => {
            let error = ApiError::from(refusal);
            worker.gateway.telemetry.metrics.refused(error.code());
            return reply::refused(call, error, &Standing::default());
        }
    };
    record.follow(&worker.gateway.telemetry, &head.headers);
    let prepared = match accept(worker, &mut record, principal, &head, body).await {
        Ok(Accepted::Repeat(replay)) => match record.take_request() {
            Ok(standing) => {
                worker.gateway.telemetry.metrics.replayed();
                return reply::replayed(replay, &standing);
            }
            Err(limited) => Err(Refusal::Limited(limited)),
        },
        Ok(Accepted::First(bytes)) => prepare(&worker.gateway, &mut record, dialect, &head, bytes).await,
        Err(refusal) => Err(refusal),
    };
    match prepared {
        Ok(prepared) if record.is_background() => background::start(worker, record, prepared).await,
        Ok(prepared) => dispatch(worker, record, prepared).await,
        Err(refusal) => refuse(worker, record, refusal).await,
    }
}

/// Answers a call that is not sent. Refusals are limited as calls are: each takes one request from the rates, and those
/// that run into a rate leave no receipt, so that nobody fills the store with them.
async fn refuse(worker: &Worker, record: Box<Record>, refusal: Refusal) -> Response {
    let refusal = match refusal {
        Refusal::Limited(_) => refusal,
        other => record.take_request().map_or_else(Refusal::Limited, |_| other),
    };
    let brief = matches!(&refusal, Refusal::Limited(limited) if limited.exceeded.passes());
    let (call, standing, error) = (record.call(), record.standing(), ApiError::from(refusal));
    if brief {
        worker.gateway.telemetry.metrics.refused(error.code());
    } else {
        record.refuse(&error).await;
    }
    reply::refused(call, error, &standing)
}

/// A request whose bytes are there.
enum Accepted {
    /// It is to be served.
    First(Bytes),
    /// It was answered before.
    Repeat(Replay),
}

/// Accept, and look for the answer to an earlier request with the same idempotency key.
async fn accept(
    worker: &Worker,
    record: &mut Record,
    principal: &Principal,
    head: &Parts,
    body: Body,
) -> Result<Accepted, Refusal> {
    let gateway = &worker.gateway;
    record.allow(limit::allowance(gateway, principal)?);
    record.tagged(session_tag(&head.headers)?, tag(&head.headers, LABEL_HEADER)?);
    let limit = BodyLimit::of_call(gateway);
    let bytes = read_body(&head.headers, body, limit).await?;
    let earlier = repeat::earlier_answer(gateway, record, head, &bytes).await?;
    Ok(earlier.map_or(Accepted::First(bytes), Accepted::Repeat))
}

/// Parse, resolve, compose, admit.
async fn prepare(
    gateway: &Gateway,
    record: &mut Record,
    dialect: Dialect,
    head: &Parts,
    bytes: Bytes,
) -> Result<Prepared, Refusal> {
    let asked = Asked::read(dialect, head, bytes, gateway.config.server.hosted_tools)?;
    let Target { model, provider, .. } = asked.what.target();
    record.asked(model, asked.what.stream(), asked.wish.name.as_deref());
    record.drops_tools(asked.what.dropped_tools());
    let named = named_provider(&head.headers);
    let provider = provider.as_deref().or(named.as_deref());
    let mut route = record.snapshot().resolve(model, provider).map_err(Refusal::Route)?;
    record.routed(&route);
    limit::check_model(record.allowance(), record.key(), model, &route)?;
    let asked = suit(gateway, asked, &mut route)?;
    if asked.reads_sessions() {
        admit::peek(record, &route)?;
    }
    let by = By { call: record.call(), account: record.account(), at_ms: record.started_at_ms() };
    let Composed { request, voice } = compose(gateway, by, asked, &route).await?;
    let output_limit = admit::admit(record, &request, &route)?;
    record.speaks(voice);
    Ok(Prepared { request, route, output_limit })
}

/// The provider that a header names. One that cannot be a name is kept, so that it is refused and not ignored.
fn named_provider(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(PROVIDER_HEADER)?;
    Some(String::from_utf8_lossy(value.as_bytes()).chars().take(PROVIDER_CHARS_MAX).collect())
}

/// Starts the call's task and waits for what the client is to see, or for the time of the first keep-alive.
async fn dispatch(worker: &Arc<Worker>, record: Box<Record>, prepared: Prepared) -> Response {
    let call = record.call();
    let slow_start = prepared.request.stream().then(|| (record.begun(), record.head(prepared.output_limit)));
    let (answer, mut waiting) = oneshot::channel();
    tokio::spawn(run(Arc::clone(worker), record, prepared, answer));
    if let Some((begun, head)) = slow_start {
        let keep_alive = worker.gateway.config.server.keep_alive;
        return match timeout(keep_alive, &mut waiting).await {
            Ok(answer) => reply::render(call, answer),
            Err(_) => {
                begun.store(true, Ordering::Relaxed);
                reply::keep_waiting(&head, MeteredBody::waiting(waiting, &worker.gateway))
            }
        };
    }
    reply::render(call, waiting.await)
}

/// Attempt, then relay or settle. Nothing here is cancelled when the client leaves.
async fn run(
    worker: Arc<Worker>,
    mut record: Box<Record>,
    prepared: Prepared,
    mut answer: oneshot::Sender<Reply>,
) {
    let (policy, cap, deadline) = record.deadlines(&worker, &prepared.route);
    let stop = record.stop().clone();
    let result = tokio::select! {
        result = timeout_at(deadline, attempt(&worker, &mut record, &prepared, deadline)) => {
            result.unwrap_or(Err(Failure::Timeout))
        }
        () = abandoned(&mut answer, policy, cap) => Err(Failure::ClientGone),
        () = stop.cancelled() => Err(stopped(&worker.gateway.stop)),
    };
    let head = record.head(prepared.output_limit);
    // Nobody needs the request any more, and others wait for its room.
    drop(prepared);
    let reply = match result {
        Ok(Answer::Stream(relay)) => {
            Reply::Stream { body: MeteredBody::open(*relay, record, &worker.gateway), head }
        }
        Ok(Answer::Whole(whole)) => whole::settle(record, &whole, answer.is_closed(), head).await,
        Err(failure) => whole::fail(record, &failure, head).await,
    };
    // If nobody waits any more, a stream comes back here and is dropped, which drains it.
    let _ = answer.send(reply);
}

/// Returns when the client has left and its provider's policy does not want the call to go on.
async fn abandoned(answer: &mut oneshot::Sender<Reply>, policy: AbortPolicy, cap: std::time::Duration) {
    answer.closed().await;
    if policy == AbortPolicy::Drain {
        sleep(cap).await;
    }
}

/// Why a call was ended before its time.
fn stopped(gateway: &CancellationToken) -> Failure {
    if gateway.is_cancelled() { Failure::Shutdown } else { Failure::Cancelled }
}

/// A deadline that is far enough never to be met, for providers that were removed from the configuration.
fn far_future() -> Instant {
    Instant::now() + std::time::Duration::from_secs(86_400)
}
