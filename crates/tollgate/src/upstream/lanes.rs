//! The lanes of an upstream: clients with connections of their own, so that calls do not wait for one another.
//!
//! A client sends all its calls over one connection of HTTP/2, and a call beyond what the server takes on a connection
//! waits in it unsent, with its deadline running. So a call goes on the first lane with room, and when all are full, on a
//! new one. With few calls that is always the first. A lane without calls stays: it keeps only idle connections, and no
//! longer than any client does. Over HTTP/1.1, where each call has a connection to itself, lanes change nothing.

#[cfg(test)]
mod tests;

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::{Request, Response};
use hyper_util::client::legacy;

use super::pool::{Connector, HttpClient, pooled};

/// Calls at once on a lane. Servers are advised to take no fewer on a connection (RFC 9113, 6.5.2,
/// `SETTINGS_MAX_CONCURRENT_STREAMS`), and many take no more. What a server takes below that waits for its turn.
const STREAMS_PER_LANE: usize = 100;

/// The lanes of an upstream: more calls of one worker than there may be connections of clients. Beyond that they share.
const LANES_MAX: usize = 256;

/// A client, held by each of its calls and by the list of lanes: so the holders of a lane count its calls.
type Lane = Arc<HttpClient>;

/// All lanes to one upstream, first come, first used.
#[derive(Debug)]
pub(super) struct Lanes {
    connector: Connector,
    open: Mutex<Vec<Lane>>,
}

/// The body of an upstream's response. Its call has a place on a lane until this is dropped.
#[derive(Debug)]
pub struct ResponseBody {
    // Dropped first: its stream ends before another call takes the place.
    incoming: Incoming,
    _lane: Lane,
}

impl Lanes {
    /// Lanes with the connections that `connector` opens.
    pub(super) fn new(connector: Connector) -> Lanes {
        Lanes { connector, open: Mutex::default() }
    }

    /// Sends a request and waits for the head of the response, however long that takes. Its call has a place on a lane
    /// until this future, and the body that comes of it, are dropped.
    pub(super) async fn request(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<ResponseBody>, legacy::Error> {
        let lane = self.choose();
        let response = lane.request(request).await?;
        Ok(response.map(|incoming| ResponseBody { incoming, _lane: lane }))
    }

    /// The first lane with room, or a new one. If there may be no more, the one with the fewest calls.
    fn choose(&self) -> Lane {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let found = match open.iter().find(|lane| calls(lane) < STREAMS_PER_LANE) {
            None if open.len() == LANES_MAX => open.iter().min_by_key(|lane| calls(lane)),
            found => found,
        };
        if let Some(lane) = found {
            return Arc::clone(lane);
        }
        let lane = Arc::new(pooled(self.connector.clone()));
        open.push(Arc::clone(&lane));
        lane
    }
}

/// The calls on a lane. Exact while the list is locked, but for those that end meanwhile.
fn calls(lane: &Lane) -> usize {
    Arc::strong_count(lane) - 1
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut self.incoming).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
