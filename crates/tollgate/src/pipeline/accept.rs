//! Step 1: the bytes of a request, within limits.

use std::mem;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body as _;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use tokio::time::timeout;

use crate::body_memory::{BodyMemory, NoRoom, Room};
use crate::error::Refusal;
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
    let (mut room, mut read) = (Room::default(), Pieces::default());
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| match error.is::<LengthLimitError>() {
            true => Refusal::BodyTooLarge(bytes_max),
            false => Refusal::BodyBroken("The body could not be read to its end."),
        })?;
        if let Ok(piece) = frame.into_data() {
            if let Some(memory) = memory {
                memory.grow(&mut room, read.len() + piece.len()).map_err(|NoRoom| Refusal::NoRoom)?;
            }
            read.push(piece);
        }
    }
    Ok(room.around(read.whole()))
}

/// What was read of a body. One that comes in one piece is not copied. Of others no piece is kept: each takes more memory
/// than its bytes, and a client may send them one by one.
#[derive(Default)]
struct Pieces {
    first: Bytes,
    /// All of them, once there is a second one.
    joined: Vec<u8>,
}

impl Pieces {
    fn len(&self) -> usize {
        self.first.len() + self.joined.len()
    }

    fn push(&mut self, piece: Bytes) {
        if self.len() == 0 {
            self.first = piece;
        } else {
            self.joined.extend_from_slice(&mem::take(&mut self.first));
            self.joined.extend_from_slice(&piece);
        }
    }

    fn whole(mut self) -> Bytes {
        if self.joined.is_empty() {
            return self.first;
        }
        self.joined.shrink_to_fit();
        self.joined.into()
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

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Arc;

    use axum::body::Body;
    use bytes::Bytes;
    use futures_util::stream;
    use http_body_util::Limited;

    use super::collect;
    use crate::body_memory::BodyMemory;

    /// One byte of a body, which is counted while somebody has it.
    struct Piece {
        _count: Arc<()>,
    }

    impl AsRef<[u8]> for Piece {
        fn as_ref(&self) -> &[u8] {
            b"x"
        }
    }

    #[tokio::test]
    async fn a_body_that_comes_byte_by_byte_takes_the_memory_of_its_bytes() {
        const BYTES: usize = 100_000;
        let held = Arc::new(());
        let count = Arc::clone(&held);
        let pieces = (0..BYTES).map(move |_| {
            // The test, the stream, and at most the first piece and the one before.
            assert!(Arc::strong_count(&count) <= 4, "pieces are kept");
            Ok::<_, Infallible>(Bytes::from_owner(Piece { _count: Arc::clone(&count) }))
        });
        let body = Limited::new(Body::from_stream(stream::iter(pieces)), BYTES);
        let memory = BodyMemory::new(BYTES);
        let read = collect(body, BYTES, Some(&memory)).await.unwrap();
        assert_eq!(read, vec![b'x'; BYTES]);
        assert_eq!(Arc::strong_count(&held), 1);
        assert!(memory.keep(read.clone()).is_err(), "it has its room");
        drop(read);
        assert!(memory.room(BYTES).is_ok());
    }
}
