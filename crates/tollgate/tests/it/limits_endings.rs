//! A call's place among those open at once: it is free again after every ending, and not before.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{Gateway, Setup, ask};
use crate::limited::Member;

/// One call at a time, and little patience with the upstream.
const ONE_AT_A_TIME: &str = "timeouts = { first_byte_ms = 1500, idle_ms = 1500, total_ms = 4000 }\n\
                             [plans.one]\nconcurrent = 1\n";

async fn start(more: &str) -> (Gateway, Member) {
    let toml = format!("{more}{ONE_AT_A_TIME}");
    let gateway = Gateway::start_with(Setup { toml, ..Setup::default() }).await;
    let member = gateway.member("one").await;
    (gateway, member)
}

/// The next call is served: at once after an ending that the client has seen.
async fn assert_free(member: &Member, after: &str) {
    let next = member.client.chat(&ask("Hello")).await;
    assert_eq!(next.status, 200, "after {after}: {next:?}");
}

/// The same, where the end comes some time after the client has left.
async fn until_free(gateway: &Gateway, member: &Member) {
    gateway
        .until("the place is free", async |_| match member.client.chat(&ask("Hello")).await.status.as_u16() {
            200 => true,
            status => {
                assert_eq!(status, 429);
                false
            }
        })
        .await;
}

#[tokio::test]
async fn every_ending_that_a_client_sees_has_freed_its_place() {
    let (gateway, member) = start("").await;
    for (status, script) in [
        (200, ""),
        (200, "usage=none"),
        (502, "status=500"),
        (502, "cut_after=1"),
        (502, "garbage=json"),
        (422, "status=422"),
        (504, "hang=headers"),
        (504, "stall_after=1"),
    ] {
        let whole = member.client.chat(&ask(&format!("whole [[sim {script}]]"))).await;
        assert_eq!(whole.status, status, "{script}: {whole:?}");
        assert_free(&member, script).await;
    }
    for script in ["", "cut_after=5", "stall_after=5", "error_after=5", "gap_ms=100 tokens=60"] {
        let stream = member.client.stream(&ask(&format!("stream [[sim {script}]]"))).await;
        let told = stream.rest().await;
        assert_eq!(told.done, script.is_empty(), "{script}: {}", told.raw);
        assert_free(&member, script).await;
    }
    let too_dear = json!({"model": crate::harness::MODEL, "messages": [{"role": "user", "content": "Hi"}], "n": 100, "max_tokens": 100_000});
    for (status, body) in [
        (400, "{}".to_owned()),
        (404, crate::harness::ask_model("no/such", "Hi").to_string()),
        (402, too_dear.to_string()),
    ] {
        assert_eq!(member.client.post("/v1/chat/completions", body).await.status, status);
        assert_free(&member, "a refusal").await;
    }
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_place_is_taken_while_the_call_is_open() {
    let toml = "[plans.one]\nconcurrent = 1\n".to_owned();
    let gateway = Gateway::start_with(Setup { toml, ..Setup::default() }).await;
    let member = gateway.member("one").await;
    let mut stream = member.client.stream(&ask("Hello [[sim tokens=20 gap_ms=50]]")).await;
    assert!(stream.next().await.is_some());
    let refused = member.client.chat(&ask("Hello")).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (429, "rate_limit_exceeded".to_owned()));
    assert_eq!((refused.header("retry-after"), refused.header("retry-after-ms")), ("1", "1000"));
    assert_free(&gateway.member("one").await, "nothing: another account").await;
    assert!(stream.rest().await.done);
    assert_free(&member, "the end").await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn clients_that_leave_free_their_place_at_each_stage() {
    for policy in ["", "abort = \"estimate\"\n", "abort = \"void\"\n"] {
        let (gateway, member) = start(policy).await;
        leave_in_the_body(&gateway, &member).await;
        until_free(&gateway, &member).await;
        // Before the first byte, whole and streamed.
        for streamed in [false, true] {
            let mut body = ask("Hello [[sim first_token_ms=200]]");
            body["stream"] = json!(streamed);
            leave_early(&gateway, &member, body).await;
            until_free(&gateway, &member).await;
        }
        let mut stream = member.client.stream(&ask("Hello [[sim tokens=30 gap_ms=20]]")).await;
        assert!(stream.next().await.is_some());
        drop(stream);
        until_free(&gateway, &member).await;
        gateway.upstream_ended().await;
        assert!(gateway.finish().await);
    }
}

/// Calls, waits until the upstream has the call, and goes.
async fn leave_early(gateway: &Gateway, member: &Member, body: Value) {
    let client = member.client.clone();
    let seen = gateway.sim.requests().len();
    let call = tokio::spawn(async move { client.chat(&body).await });
    gateway.until("the upstream has it", async |gateway| gateway.sim.requests().len() > seen).await;
    call.abort();
    assert!(call.await.expect_err("it was waiting").is_cancelled());
}

/// Sends half of a body and goes.
async fn leave_in_the_body(gateway: &Gateway, member: &Member) {
    let mut connection =
        TcpStream::connect(gateway.url.trim_start_matches("http://")).await.expect("a gateway");
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: 1000\r\nexpect: 100-continue\r\n\r\n",
        member.secret
    );
    connection.write_all(head.as_bytes()).await.expect("sent");
    let mut told = [0_u8; 25];
    connection.read_exact(&mut told).await.expect("100 Continue: the body is being read");
    connection.write_all(b"{\"model\":").await.expect("sent");
}

#[tokio::test]
async fn a_shutdown_ends_an_open_call_and_its_hold_on_the_limits() {
    let toml = format!("{ONE_AT_A_TIME}requests_total = 3\n[server]\ndrain_ms = 100\n");
    let gateway = Gateway::start_with(Setup { toml: toml.clone(), ..Setup::default() }).await;
    let member = gateway.member("one").await;
    let mut stream = member.client.stream(&ask("Hello [[sim tokens=600 gap_ms=100]]")).await;
    assert!(stream.next().await.is_some());
    let folder = gateway.finish_keeping().await;
    let told = stream.rest().await;
    assert!(!told.done, "{}", told.raw);
    let gateway = Gateway::start_with(Setup { toml, folder: Some(folder), ..Setup::default() }).await;
    let client = gateway.client.with_key(&member.secret);
    let statuses = [client.chat(&ask("a")).await, client.chat(&ask("b")).await, client.chat(&ask("c")).await]
        .map(|reply| reply.status.as_u16());
    assert_eq!(statuses, [200, 200, 429], "the stream counts, and is not open");
    assert!(gateway.finish().await);
}
