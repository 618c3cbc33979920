//! Which lane a call goes on, and that its place comes back.

use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::stream::{self, StreamExt};
use http_body_util::{BodyExt, StreamBody};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::super::pool::connector;
use super::*;

#[test]
fn a_call_goes_on_the_first_lane_with_room() {
    let lanes = lanes();
    let mut first = choose(&lanes, STREAMS_PER_LANE);
    assert_eq!(calls_of(&lanes), [100]);
    let second = choose(&lanes, 1);
    assert_eq!(calls_of(&lanes), [100, 1]);
    first.truncate(98);
    let back = choose(&lanes, 3);
    assert_eq!(calls_of(&lanes), [100, 2]);
    drop(first);
    assert_eq!(calls_of(&lanes), [2, 2]);
    let _next = choose(&lanes, 1);
    drop((second, back));
    assert_eq!(calls_of(&lanes), [1, 0], "the second one stays");
}

#[test]
fn calls_beyond_all_lanes_share_the_emptiest() {
    let lanes = lanes();
    let _full = choose(&lanes, STREAMS_PER_LANE * LANES_MAX);
    assert_eq!(calls_of(&lanes), [STREAMS_PER_LANE; LANES_MAX]);
    let _beyond = choose(&lanes, LANES_MAX + 1);
    let mut expected = [STREAMS_PER_LANE + 1; LANES_MAX];
    expected[0] += 1;
    assert_eq!(calls_of(&lanes), expected);
}

#[tokio::test]
async fn a_place_comes_back_however_its_call_ends() {
    let (lanes, server) = (lanes(), serve().await);
    let ask = |path: &str| lanes.request(request(&server, path));

    let answer = ask("/whole").await.expect("an answer");
    assert_eq!(calls_of(&lanes), [1], "the head has come, the body has not been read");
    assert_eq!(answer.into_body().collect().await.expect("a body").to_bytes(), "begin");
    assert_eq!(calls_of(&lanes), [0], "read to its end");

    let mut body = ask("/begun").await.expect("an answer").into_body();
    let begin = body.frame().await.expect("a frame").expect("no error");
    assert_eq!(begin.into_data().expect("data"), "begin");
    assert_eq!(calls_of(&lanes), [1]);
    drop(body);
    assert_eq!(calls_of(&lanes), [0], "dropped half-way");

    let mut asked = Box::pin(ask("/silent"));
    assert!(asked.as_mut().now_or_never().is_none(), "no answer yet");
    assert_eq!(calls_of(&lanes), [1]);
    drop(asked);
    assert_eq!(calls_of(&lanes), [0], "given up before the answer");

    ask("/broken").await.expect_err("the connection broke");
    assert_eq!(calls_of(&lanes), [0], "failed");
}

fn lanes() -> Lanes {
    Lanes::new(connector(Duration::from_secs(60), None))
}

/// The places of that many calls.
fn choose(lanes: &Lanes, count: usize) -> Vec<Lane> {
    (0..count).map(|_| lanes.choose()).collect()
}

/// The calls on each lane.
fn calls_of(lanes: &Lanes) -> Vec<usize> {
    lanes.open.lock().expect("no panic").iter().map(calls).collect()
}

fn request(server: &str, path: &str) -> Request<Full<Bytes>> {
    Request::post(format!("{server}{path}")).body(Full::default()).expect("a request")
}

/// A server, by its URL.
async fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            // An error here is an answer that broke, or a client that left.
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)));
        }
    });
    url
}

async fn answer(
    request: Request<Incoming>,
) -> Result<Response<impl Body<Data = Bytes, Error = Infallible>>, &'static str> {
    let begin = stream::iter([Ok(Frame::data(Bytes::from_static(b"begin")))]);
    let rest = match request.uri().path() {
        "/whole" => stream::empty().left_stream(),
        "/begun" => stream::pending().right_stream(),
        "/silent" => pending().await,
        _ => return Err("broken"),
    };
    Ok(Response::new(StreamBody::new(begin.chain(rest))))
}
