//! Step 1: the bytes of a request, within limits.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body as _;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use tokio::time::timeout;

use super::Refusal;
use crate::body_memory::{BodyMemory, NoRoom, Room};
use crate::gateway::Gateway;

/// The longest that a call's body may take to arrive: 20 MiB at a slow 350 kB/s.
const BODY_TIME_MAX: Duration = Duration::from_secs(60);

/// What a body may cost before it is refused.
#[derive(Clone, Copy, Debug)]
pub struct BodyLimit<'a> {
    /// Its length.
    pub bytes_max: usize,
    /// How long it may take to arrive.
    pub time_max: Duration,
    /// The memory that it shares with others; `None` for bodies that are small.
    pub memory: Option<&'a BodyMemory>,
}

impl BodyLimit<'_> {
    /// For the body of a call.
    #[must_use]
    pub fn of_call(gateway: &Gateway) -> BodyLimit<'_> {
        BodyLimit {
            bytes_max: gateway.config.server.body_bytes_max,
            time_max: BODY_TIME_MAX,
            memory: Some(&gateway.bodies),
        }
    }
}

/// Reads the whole body, declared as plain JSON, within its limit.
pub async fn read_body(headers: &HeaderMap, body: Body, limit: BodyLimit<'_>) -> Result<Bytes, Refusal> {
    let BodyLimit { bytes_max, time_max, memory } = limit;
    check_content_type(headers)?;
    check_content_encoding(headers)?;
    if body.size_hint().lower() > bytes_max as u64 {
        return Err(Refusal::BodyTooLarge(bytes_max));
    }
    match timeout(time_max, collect(Limited::new(body, bytes_max), bytes_max, memory)).await {
        Ok(read) => read,
        Err(_) => Err(Refusal::BodyBroken("The body did not arrive in time.")),
    }
}

async fn collect(
    mut body: Limited<Body>,
    bytes_max: usize,
    memory: Option<&BodyMemory>,
) -> Result<Bytes, Refusal> {
    let (mut room, mut pieces, mut len) = (Room::default(), Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| match error.is::<LengthLimitError>() {
            true => Refusal::BodyTooLarge(bytes_max),
            false => Refusal::BodyBroken("The body could not be read to its end."),
        })?;
        if let Ok(piece) = frame.into_data() {
            len += piece.len();
            if let Some(memory) = memory {
                memory.grow(&mut room, len).map_err(|NoRoom| Refusal::NoRoom)?;
            }
            pieces.push(piece);
        }
    }
    let body = match pieces.len() {
        1 => pieces.pop().unwrap_or_default(),
        _ => pieces.concat().into(),
    };
    Ok(room.around(body))
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
