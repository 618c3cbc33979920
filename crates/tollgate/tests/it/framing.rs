//! Requests whose bytes are ambiguous: what the gateway takes for one request is one call upstream, and the rest is
//! refused with its connection.

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{Gateway, ask, soon};

/// How a request may frame its body, and what becomes of it.
struct Case {
    name: &'static str,
    version: &'static str,
    headers: &'static str,
    body: fn(&str) -> String,
    may_be_served: bool,
}

fn plain(body: &str) -> String {
    body.to_owned()
}

fn chunked(body: &str) -> String {
    format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len())
}

fn endless_chunk(body: &str) -> String {
    format!("fffffffffffffffff\r\n{body}")
}

fn no_chunk(body: &str) -> String {
    format!("zz\r\n{body}\r\n0\r\n\r\n")
}

const fn case(name: &'static str, headers: &'static str, body: fn(&str) -> String) -> Case {
    Case { name, version: "1.1", headers, body, may_be_served: false }
}

/// LEN stands for the true length.
const CASES: &[Case] = &[
    Case { may_be_served: true, ..case("a length", "content-length: LEN", plain) },
    Case { may_be_served: true, ..case("chunks", "transfer-encoding: chunked", chunked) },
    Case {
        may_be_served: true,
        ..case("the same length twice", "content-length: LEN\r\ncontent-length: LEN", plain)
    },
    // The standard lets a server take the chunks and forget the length.
    Case { may_be_served: true, ..case("both", "content-length: 4\r\ntransfer-encoding: chunked", chunked) },
    case("two lengths", "content-length: LEN\r\ncontent-length: 4", plain),
    case("a sum", "content-length: +LEN", plain),
    case("a negative length", "content-length: -LEN", plain),
    case("a list of lengths", "content-length: LEN, 4", plain),
    case("a length in hexadecimal", "content-length: 0x20", plain),
    case("a length that does not fit", "content-length: 99999999999999999999999", plain),
    case("unknown coding", "transfer-encoding: xchunked", chunked),
    case("chunks inside", "transfer-encoding: chunked, identity", chunked),
    case("a blank before the colon", "transfer-encoding : chunked\r\ncontent-length: LEN", plain),
    case("a folded line", "x-a: b\r\n c: d\r\ncontent-length: LEN", plain),
    case("a NUL", "x-a: b\0c\r\ncontent-length: LEN", plain),
    case("a bare CR", "x-a: b\rc: d\r\ncontent-length: LEN", plain),
    case("a chunk that does not fit", "transfer-encoding: chunked", endless_chunk),
    case("a chunk that is none", "transfer-encoding: chunked", no_chunk),
    Case { version: "1.0", ..case("chunks in HTTP/1.0", "transfer-encoding: chunked", chunked) },
    Case { version: "3.0", ..case("a version that is none", "content-length: LEN", plain) },
];

#[tokio::test]
async fn an_ambiguous_request_is_refused_and_nothing_hides_behind_it() {
    let gateway = Gateway::start().await;
    let mut served = 0;
    for case in CASES {
        let body = with_a_request_inside(&gateway);
        let headers = case.headers.replace("LEN", &body.len().to_string());
        let sent = format!("{}{headers}\r\n\r\n{}", head(&gateway, case.version), (case.body)(&body));
        let told = exchange(&gateway, &sent).await;
        let good = told.matches("HTTP/1.1 200 OK").count() + told.matches("HTTP/1.0 200 OK").count();
        served += good;
        assert_eq!(calls(&gateway), served, "{}: every answer is one call: {told}", case.name);
        assert_eq!(good, usize::from(case.may_be_served), "{}: {told}", case.name);
        assert!(good == 1 || told.starts_with("HTTP/1.1 400 ") || told.is_empty(), "{}: {told}", case.name);
    }
    gateway.settled().await;
    assert!(gateway.finish().await);
}

fn head(gateway: &Gateway, version: &str) -> String {
    format!(
        "POST /v1/chat/completions HTTP/{version}\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\nconnection: close\r\n",
        gateway.key
    )
}

/// A good body whose prompt is another request, to be found by whoever loses count.
fn with_a_request_inside(gateway: &Gateway) -> String {
    let inside = ask("smuggled").to_string();
    let text = format!("\r\n\r\n{}content-length: {}\r\n\r\n{inside}", head(gateway, "1.1"), inside.len());
    let body: Value = ask(&text);
    // Raw line ends are no JSON in a text, so they stand between the fields.
    format!("{{\r\n\r\n{}", &body.to_string()[1..])
}

/// Sends bytes, and reads until the gateway closes.
async fn exchange(gateway: &Gateway, bytes: &str) -> String {
    let mut stream = TcpStream::connect(gateway.url.trim_start_matches("http://")).await.expect("connected");
    stream.write_all(bytes.as_bytes()).await.expect("sent");
    let mut told = Vec::new();
    // A connection that is reset has said what it had to say.
    let _ = soon("the connection to end", stream.read_to_end(&mut told)).await;
    String::from_utf8_lossy(&told).into_owned()
}

fn calls(gateway: &Gateway) -> usize {
    gateway.sim.requests().iter().filter(|request| request.path == "/v1/chat/completions").count()
}
