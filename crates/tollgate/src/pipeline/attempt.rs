//! Step 6: tries the offers of the route until one answers. Retry and failover live here and nowhere else.

use std::time::Duration;

use bytes::Bytes;
use domain::retry::{Verdict, decide};
use domain::{Offer, Route};
use http_body_util::{BodyExt, Limited};
use hyper::Response;
use hyper::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use tokio::time::{Instant, sleep, timeout};
use tracing::{error, warn};
use wire::chat::{ChatReply, ReplyFault};
use wire::embeddings::Form;
use wire::error::UpstreamError;
use wire::pivot::Finish;

use super::Prepared;
use super::outgoing::{Sending, Whole};
use super::record::Record;
use super::relay::Relay;
use crate::error::Failure;
use crate::gateway::Worker;
use crate::upstream::{ResponseBody, Upstream};

/// The most that is read of an error's body. The longest seen are HTML pages of a few kilobytes.
const ERROR_BYTES_MAX: usize = 64 << 10;

/// The longest that an error's body is waited for.
const ERROR_TIME_MAX: Duration = Duration::from_secs(5);

/// The header that names which of Hugging Face's own providers served (seen live; fact sheet of the router, 1.6).
const INFERENCE_PROVIDER: &str = "x-inference-provider";

/// The longest inference provider's name that is believed.
const SLUG_BYTES_MAX: usize = 64;

/// A good answer, or the good beginning of one.
pub(super) enum Answer {
    /// The whole answer.
    Whole(Box<Whole>),
    /// A stream whose first event has arrived.
    Stream(Box<Relay>),
}

/// Tries offers in order. The last failure is the call's.
pub(super) async fn attempt(
    worker: &Worker,
    record: &mut Record,
    prepared: &Prepared,
    deadline: Instant,
) -> Result<Answer, Failure> {
    let mut attempts = 0;
    let mut index = 0;
    loop {
        attempts += 1;
        let offer = &prepared.route.offers[index];
        record.tries(attempts, offer);
        let failure = match once(worker, record, prepared, offer, deadline).await {
            Ok(answer) => return Ok(answer),
            Err(failure) => failure,
        };
        log(record, offer, &failure);
        record.attempt_failed(&failure);
        let next = next_offer(&prepared.route, index, &failure, record.inference_provider());
        match decide(failure.for_retry(), attempts, next.is_some(), jitter()) {
            Verdict::GiveUp => return Err(failure),
            Verdict::Retry(wait) => sleep(wait).await,
        }
        index = next.unwrap_or(index);
    }
}

/// The next offer that may not share the failure. A refused or exhausted credential is the provider's, for all models;
/// and where the router chose, the inference provider that it chose is not to be pinned next.
fn next_offer(route: &Route, index: usize, failure: &Failure, failed_at: Option<&str>) -> Option<usize> {
    let account_wide = matches!(failure, Failure::Status { status: 401..=403, .. });
    let failed = &route.offers[index];
    let may_serve = |offer: &Offer| {
        let pinned = offer.inference_provider.as_deref();
        let same_place = offer.model == failed.model && pinned.is_some() && pinned == failed_at;
        offer.provider != failed.provider || !(account_wide || same_place)
    };
    (index + 1..route.offers.len()).find(|&next| may_serve(&route.offers[next]))
}

async fn once(
    worker: &Worker,
    record: &mut Record,
    prepared: &Prepared,
    offer: &Offer,
    deadline: Instant,
) -> Result<Answer, Failure> {
    let upstream = worker
        .upstreams
        .get(&offer.provider)
        .ok_or_else(|| Failure::Malformed(format!("the provider {} is not configured", offer.provider)))?;
    record.goes_to(&upstream.config);
    ask(worker, upstream, record, prepared, offer, deadline)
        .await
        .map_err(|failure| failure.hiding(&upstream.secrets))
}

async fn ask(
    worker: &Worker,
    upstream: &Upstream,
    record: &mut Record,
    prepared: &Prepared,
    offer: &Offer,
    deadline: Instant,
) -> Result<Answer, Failure> {
    let sending = prepared.request.to(upstream, offer, prepared.output_limit)?;
    let Sending { uri, body, inference_provider, form } = sending;
    if let Some(named) = inference_provider {
        record.served_by(named.to_owned());
    }
    let response = upstream.ask(uri, body, prepared.request.stream(), record.outgoing_trace()).await?;
    let status = response.status().as_u16();
    if let Some(served_by) = header(response.headers(), INFERENCE_PROVIDER).filter(|name| is_slug(name)) {
        record.served_by(served_by);
    }
    if !response.status().is_success() {
        return Err(read_error(status, response, worker.gateway.clock.now_ms()).await);
    }
    if prepared.request.stream() {
        open_stream(worker, upstream, record, prepared, response, deadline).await
    } else {
        read_whole(record, prepared, form, response).await
    }
}

/// Reads the first event before the client sees a status, so that an error in its place can still be retried.
async fn open_stream(
    worker: &Worker,
    upstream: &Upstream,
    record: &Record,
    prepared: &Prepared,
    response: Response<ResponseBody>,
    deadline: Instant,
) -> Result<Answer, Failure> {
    let content_type = header(response.headers(), CONTENT_TYPE.as_str()).unwrap_or_default();
    if !content_type.to_ascii_lowercase().starts_with("text/event-stream") {
        let body = collect(response, ERROR_BYTES_MAX).await?;
        return Err(match ChatReply::parse(body) {
            Err(ReplyFault::Error(error)) => Failure::InBand(error),
            _ => Failure::Malformed("it is no event stream".to_owned()),
        });
    }
    let keep_alive = worker.gateway.config.server.keep_alive;
    let (body, event_bytes_max) = (response.into_body(), prepared.request.event_bytes_max());
    let (chat, telling) = (prepared.request.answer_stream(), record.telling());
    let mut relay = Relay::new(body, event_bytes_max, chat, telling, upstream, keep_alive, deadline);
    relay.read_first(upstream.config.timeouts.first_byte).await?;
    Ok(Answer::Stream(Box::new(relay)))
}

/// An end that nobody knows is none for a client that is told it in words of its own dialect.
async fn read_whole(
    record: &Record,
    prepared: &Prepared,
    form: Form,
    response: Response<ResponseBody>,
) -> Result<Answer, Failure> {
    let body = collect(response, prepared.request.answer_bytes_max()).await?;
    match prepared.request.read(form, body) {
        Ok(reply) if record.names_the_end() && reply.finish() == Finish::Unsaid => {
            Err(Failure::Malformed("its finish_reason is unknown".to_owned()))
        }
        Ok(reply) => Ok(Answer::Whole(Box::new(reply))),
        Err(ReplyFault::Error(error)) => Err(Failure::InBand(error)),
        Err(ReplyFault::Malformed(why)) => Err(Failure::Malformed(why.to_owned())),
    }
}

async fn collect(response: Response<ResponseBody>, bytes_max: usize) -> Result<Bytes, Failure> {
    match Limited::new(response.into_body(), bytes_max).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            Err(Failure::Malformed(format!("it is larger than {bytes_max} bytes")))
        }
        Err(_) => Err(Failure::Cut),
    }
}

async fn read_error(status: u16, response: Response<ResponseBody>, now_ms: i64) -> Failure {
    let retry_after = retry_after(response.headers(), now_ms);
    let body = match timeout(ERROR_TIME_MAX, collect(response, ERROR_BYTES_MAX)).await {
        Ok(Ok(body)) => body,
        // The status says enough when its body does not come.
        _ => Bytes::new(),
    };
    Failure::Status { status, error: UpstreamError::read(status, &body), retry_after }
}

/// `retry-after-ms`, or `Retry-After` in seconds or as a date.
fn retry_after(headers: &HeaderMap, now_ms: i64) -> Option<Duration> {
    if let Some(millis) = header(headers, "retry-after-ms").and_then(|text| text.parse().ok()) {
        return Some(Duration::from_millis(millis));
    }
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = httpdate::parse_http_date(text).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(at.saturating_sub(Duration::from_millis(u64::try_from(now_ms).ok()?)))
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// Whether a name can be that of an inference provider, which is stored, logged and shown.
fn is_slug(name: &str) -> bool {
    let in_slugs = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=SLUG_BYTES_MAX).contains(&name.len()) && name.bytes().all(in_slugs)
}

/// A random number that spreads the waits of many calls that failed at once.
fn jitter() -> u8 {
    let mut byte = [0];
    // Without randomness the waits are only less spread.
    let _ = getrandom::fill(&mut byte);
    byte[0]
}

fn log(record: &Record, offer: &Offer, failure: &Failure) {
    let (call, provider, model) = (record.call(), &offer.provider, &offer.upstream_model);
    if matches!(failure, Failure::Status { status: 401..=403, .. }) {
        error!(%call, %provider, %model, %failure, "the provider refused the gateway's credential");
    } else {
        warn!(%call, %provider, %model, %failure, "attempt failed");
    }
}
