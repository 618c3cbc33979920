//! Step 1: the bytes of a request, within limits.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body as _;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use tokio::time::timeout;

use super::Refusal;

/// The longest that a call's body may take to arrive: 20 MiB at a slow 350 kB/s.
const BODY_TIME_MAX: Duration = Duration::from_secs(60);

/// What a body may cost before it is refused.
#[derive(Clone, Copy, Debug)]
pub struct BodyLimit {
    /// Its length.
    pub bytes_max: usize,
    /// How long it may take to arrive.
    pub time_max: Duration,
}

impl BodyLimit {
    /// For the body of a call.
    #[must_use]
    pub fn of_call(bytes_max: usize) -> BodyLimit {
        BodyLimit { bytes_max, time_max: BODY_TIME_MAX }
    }
}

/// Reads the whole body, declared as plain JSON, within its limit.
pub async fn read_body(headers: &HeaderMap, body: Body, limit: BodyLimit) -> Result<Bytes, Refusal> {
    let BodyLimit { bytes_max, time_max } = limit;
    check_content_type(headers)?;
    check_content_encoding(headers)?;
    if body.size_hint().lower() > bytes_max as u64 {
        return Err(Refusal::BodyTooLarge(bytes_max));
    }
    match timeout(time_max, Limited::new(body, bytes_max).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Refusal::BodyTooLarge(bytes_max)),
        Ok(Err(_)) => Err(Refusal::BodyBroken("The body could not be read to its end.")),
        Err(_) => Err(Refusal::BodyBroken("The body did not arrive in time.")),
    }
}

fn check_content_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(value) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    let text = value.to_str().unwrap_or("");
    let essence = text.split(';').next().unwrap_or("").trim();
    if essence.eq_ignore_ascii_case("application/json") {
        Ok(())
    } else {
        Err(Refusal::ContentType(essence.chars().take(100).collect()))
    }
}

/// A small compressed body can be a huge plain one, and no client of this API compresses: it is refused by its name.
fn check_content_encoding(headers: &HeaderMap) -> Result<(), Refusal> {
    let plain = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    if headers.get_all(CONTENT_ENCODING).into_iter().all(plain) {
        return Ok(());
    }
    Err(Refusal::ContentEncoding)
}
