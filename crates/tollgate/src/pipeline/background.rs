//! A response that runs without a client: it is stored before its client is answered, and runs to its end whoever reads
//! its events.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::sync::oneshot;
use wire::responses::{Status, object};
use wire::sse;

use super::body::{MeteredBody, Reply};
use super::head::JSON;
use super::record::Record;
use super::reply;
use super::{Prepared, refuse, run};
use crate::error::Refusal;
use crate::gateway::{Gateway, Worker};
use crate::ledger::sessions::{NewTurn, TurnStatus};
use crate::sessions::SessionRefusal;
use crate::sessions::runs::{Next, Run};

/// Starts the run and answers its client: with the queued response, or with its events.
///
/// What is promised is kept also when the client leaves in the middle of this.
pub(super) async fn start(worker: &Arc<Worker>, record: Box<Record>, prepared: Prepared) -> Response {
    let (answer, answered) = oneshot::channel();
    let (call, worker) = (record.call(), Arc::clone(worker));
    tokio::spawn(async move {
        // An error says that the client has left.
        let _ = answer.send(begin(&worker, record, prepared).await);
    });
    answered.await.unwrap_or_else(|lost| reply::render(call, Err(lost)))
}

async fn begin(worker: &Arc<Worker>, mut record: Box<Record>, prepared: Prepared) -> Response {
    let gateway = &worker.gateway;
    let (run_, begun, queued) = match open(gateway, &mut record).await {
        Ok(opened) => opened,
        Err(refusal) => return refuse(worker, record, refusal).await,
    };
    let (call, streams, head) = (record.call(), record.streams(), record.head(prepared.output_limit));
    let (answer, waiting) = oneshot::channel();
    tokio::spawn(run(Arc::clone(worker), record, prepared, answer));
    tokio::spawn(drive(Arc::clone(gateway), Arc::clone(&run_), begun, waiting));
    if streams {
        return reply::streaming(&head, events(run_, 0, gateway));
    }
    reply::render(call, Ok(Reply::Whole { body: queued, cost: None, head }))
}

/// Stores the response as queued, so that it is there whatever happens now; and with it the answer for those who repeat
/// the request, unless that is the stream of its events, which is kept when it is whole.
///
/// Returns the run, what is stored of it when it begins, and the queued response.
async fn open(gateway: &Gateway, record: &mut Record) -> Result<(Arc<Run>, NewTurn, Bytes), Refusal> {
    let call = record.call();
    let turn = record.background().ok_or(Refusal::Busy)?;
    let begun = NewTurn { status: TurnStatus::InProgress, ..turn.known(Status::Queued) };
    let cancelled = turn.known(Status::Cancelled);
    let opened = turn.opened(Status::Queued);
    let queued = object(&opened.head, &[]);
    let too_many = Refusal::Session(SessionRefusal::TooMany);
    let run = gateway.runs.begin(call, cancelled, &gateway.stop).ok_or(too_many)?;
    record.ends_with(run.stop());
    let tape = if record.streams() { None } else { record.stops_tape() };
    let keep = tape.map(|tape| tape.keep(call, JSON, &queued, true));
    let stored = gateway.ledger.open_turn(opened).answered(|()| Ok(((), keep))).await;
    if let Err(error) = stored {
        run.end();
        return Err(Refusal::Session(error.into()));
    }
    Ok((run, begun, queued))
}

/// Reads the stream to its end in the place of a client.
async fn drive(gateway: Arc<Gateway>, run: Arc<Run>, begun: NewTurn, waiting: oneshot::Receiver<Reply>) {
    let mut body = MeteredBody::waiting(waiting, &gateway);
    // It is told as queued a little longer when the store does not take it.
    let _ = gateway.ledger.advance_turn(begun).await;
    while let Some(frame) = body.frame().await {
        match frame.map(hyper::body::Frame::into_data) {
            Ok(Ok(bytes)) if bytes != sse::KEEP_ALIVE => run.push(&bytes),
            Ok(_) => {}
        }
    }
    run.end();
}

/// The response that streams the events of a run from the `read`-th on.
pub(crate) fn resumed(run: Arc<Run>, read: usize, gateway: &Gateway) -> Response {
    reply::stream(events(run, read, gateway))
}

/// The events of a run from the `read`-th on, as they come, with comments while nothing does.
fn events(run: Arc<Run>, read: usize, gateway: &Gateway) -> Body {
    let (news, keep_alive) = (run.news(), gateway.config.server.keep_alive);
    let state = (run, read, news, false);
    Body::from_stream(futures_util::stream::unfold(state, move |(run, read, mut news, over)| async move {
        if over {
            return None;
        }
        loop {
            news.borrow_and_update();
            let (frame, over) = match run.next(read) {
                Next::Frame(frame) => (frame, false),
                Next::End => return None,
                Next::Lost => (Bytes::from_static(LOST), true),
                Next::Later => match tokio::time::timeout(keep_alive, news.changed()).await {
                    Ok(_) => continue,
                    Err(_) => (Bytes::from_static(sse::KEEP_ALIVE), false),
                },
            };
            let read = read + usize::from(frame != sse::KEEP_ALIVE);
            return Some((Ok::<_, std::convert::Infallible>(frame), (run, read, news, over)));
        }
    }))
}

/// What a reader is told when there are more events than are kept.
const LOST: &[u8] = b"event: error\ndata: {\"type\":\"error\",\"code\":\"server_error\",\"message\":\
    \"There are more events than are kept. Retrieve the response in place of its events.\",\"param\":null}\n\n";
