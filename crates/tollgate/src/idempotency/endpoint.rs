//! Endpoints whose answer is one small document: they happen once by one line in front of them.

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::header::{CONTENT_TYPE, HeaderMap};

use super::{Answer, Asked, Begun, Once, Refused, begin};
use crate::keys::Entropy;
use crate::ledger::{Ledger, Scope};

/// What an endpoint brings of its own: where answers are kept, and who asks.
pub(crate) struct Exchange<'a> {
    pub(crate) ledger: &'a Ledger,
    pub(crate) entropy: &'a Entropy,
    /// Whose key it is.
    pub(crate) scope: Scope,
    /// Who may read the answer again: it may hold a secret.
    pub(crate) credential: &'a str,
}

/// Answers a request whose body has been read, at most once per key: by `answer`, or as the first was answered. What
/// fails is not kept, and may be tried again.
///
/// `answer` runs to its end also when the client leaves, since it may have happened by then.
pub(crate) async fn once<F>(
    exchange: &Exchange<'_>,
    request: Request<Bytes>,
    answer: impl FnOnce(Request) -> F,
) -> Result<Response, Refused>
where
    F: Future<Output = Response> + Send + 'static,
{
    let (head, body) = request.into_parts();
    let asked = Asked {
        scope: exchange.scope,
        route: head.uri.path(),
        parts: &[&body],
        credential: Some(exchange.credential),
    };
    let once = match begin(exchange.ledger, exchange.entropy, &head.headers, &asked).await? {
        None => return Ok(answer(Request::from_parts(head, Body::from(body))).await),
        Some(Begun::Repeat(replay)) => return Ok(replay.into_response()),
        Some(Begun::First(once)) => once,
    };
    let ledger = exchange.ledger.clone();
    let answering = answer(Request::from_parts(head, Body::from(body)));
    let task = tokio::spawn(async move { keep(&ledger, once, answering.await).await });
    match task.await {
        Ok(response) => Ok(response),
        Err(lost) => match lost.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(Refused::Ledger(crate::ledger::LedgerError::Closed)),
        },
    }
}

/// Keeps a good answer, and gives it to the client.
async fn keep(ledger: &Ledger, once: Once, response: Response) -> Response {
    if !response.status().is_success() {
        return response;
    }
    let (head, body) = response.into_parts();
    // Our own documents, which are in memory already.
    let body = body.collect().await.map(|collected| collected.to_bytes()).unwrap_or_default();
    let kept = once.keep(&Answer {
        call: None,
        status: head.status.as_u16(),
        content_type: content_type(&head.headers),
        body: Some(&[&body]),
        complete: true,
    });
    if let Err(error) = ledger.keep(kept).await {
        tracing::error!(%error, "an answer was not kept: the request would happen again");
    }
    Response::from_parts(head, Body::from(body))
}

fn content_type(headers: &HeaderMap) -> &str {
    headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("application/json")
}
