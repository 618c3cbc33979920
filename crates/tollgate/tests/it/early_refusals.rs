//! Refusals that are said before the request has come: the client hears them, also while it is still sending.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{Gateway, Setup, soon};

const CHAT: &str = "/v1/chat/completions";

#[tokio::test]
async fn a_body_over_the_limit_is_refused_before_all_of_it_came() {
    let gateway = small_bodies().await;
    let chunk = format!("800\r\n{}\r\n", "x".repeat(0x800));
    for (framing, body) in [
        // Nothing of it comes, and no end.
        ("content-length: 99999999999", String::new()),
        ("transfer-encoding: chunked", chunk),
    ] {
        let head = head(&format!("POST {CHAT}"), &gateway.key, framing);
        let told = send(&gateway, &head, body.as_bytes()).await;
        assert!(told.starts_with("HTTP/1.1 413 "), "{framing}: {told}");
        assert!(
            told.contains("\"code\":\"body_too_large\"") && told.contains("x-tollgate-call-id: "),
            "{told}"
        );
    }
    assert!(gateway.finish().await);
}

/// No bytes on their way make the kernel reset the connection, which would take the answer with it.
#[tokio::test]
async fn a_client_that_sends_a_large_body_to_its_end_hears_why_it_was_refused() {
    let gateway = small_bodies().await;
    let chat = format!("POST {CHAT}");
    let long = "content-length: 31457280";
    for (request, key, framing, answer) in [
        (chat.as_str(), "sk-tg-wrong", long, "401"),
        (chat.as_str(), gateway.key.as_str(), long, "413"),
        (chat.as_str(), gateway.key.as_str(), "transfer-encoding: chunked", "413"),
        (chat.as_str(), gateway.key.as_str(), "content-length: 31457280\r\ncontent-encoding: gzip", "415"),
        ("POST /v1/chat/completion", gateway.key.as_str(), long, "404"),
        ("PUT /v1/chat/completions", gateway.key.as_str(), long, "405"),
        ("POST /v1/messages", "sk-tg-wrong", long, "401"),
    ] {
        let mut body = vec![b'x'; 30 << 20];
        if framing.starts_with("transfer-encoding") {
            body.splice(..0, *b"1e00000\r\n");
            body.extend_from_slice(b"\r\n0\r\n\r\n");
        }
        let told = send(&gateway, &head(request, key, framing), &body).await;
        assert!(told.starts_with(&format!("HTTP/1.1 {answer} ")), "{request} {framing}: {told}");
        assert!(told.contains("\"message\":"), "{told}");
    }
    assert!(gateway.finish().await);
}

async fn small_bodies() -> Gateway {
    let toml = "[server]\nbody_bytes_max = 1024".to_owned();
    Gateway::start_with(Setup { toml, ..Setup::default() }).await
}

fn head(request: &str, key: &str, framing: &str) -> String {
    format!(
        "{request} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n\
         {framing}\r\n\r\n"
    )
}

/// Sends all of a request before it reads, and returns all that comes back before the connection ends.
async fn send(gateway: &Gateway, head: &str, body: &[u8]) -> String {
    let mut stream = TcpStream::connect(gateway.url.trim_start_matches("http://")).await.expect("connected");
    soon("the request to be taken", async {
        stream.write_all(head.as_bytes()).await.expect("the head is taken");
        stream.write_all(body).await.expect("the body is taken");
    })
    .await;
    let mut told = Vec::new();
    soon("the answer and the end of the connection", stream.read_to_end(&mut told)).await.expect("read");
    String::from_utf8(told).expect("UTF-8")
}
