//! Responses that run without a client: there at once, to be polled, streamed, resumed, cancelled and deleted, and never
//! half, however the gateway ends.

use hyper::Method;
use serde_json::{Value, json};

use crate::books::Books;
use crate::client::{Client, Reply, Stream};
use crate::crash::World;
use crate::dialects::{Dialect, stored};
use crate::harness::{Gateway, Setup};
use crate::idempotency::JSON;

/// Events of a second or so.
const SLOW: &str = "tokens=40 gap_ms=25 reasoning=0";

/// Events without an end.
const ENDLESS: &str = "tokens=3000 gap_ms=50 reasoning=0";

fn background(script: &str) -> Value {
    let mut body = Dialect::Responses.ask(&format!("Hello [[sim {script}]]"));
    (body["background"], body["max_output_tokens"]) = (json!(true), json!(10_000));
    body
}

/// Starts one and returns its id.
async fn start(client: &Client, script: &str) -> String {
    let queued = client.post("/v1/responses", background(script).to_string()).await;
    let told = queued.json();
    assert_eq!(
        (queued.status.as_u16(), &told["status"], &told["output"]),
        (200, &json!("queued"), &json!([]))
    );
    assert_eq!(told["background"], true);
    told["id"].as_str().expect("an id").to_owned()
}

async fn status(client: &Client, id: &str) -> String {
    stored(client, id).await.json()["status"].as_str().expect("a status").to_owned()
}

async fn events(client: &Client, id: &str, query: &str) -> Stream {
    Stream::of(client.send(Method::GET, &format!("/v1/responses/{id}?stream=true{query}"), "").await)
}

/// The call of a response.
fn call_of(response: &str) -> String {
    response.replace("resp_", "call_")
}

#[tokio::test]
async fn it_is_there_at_once_and_is_whole_at_its_end() {
    let gateway = Gateway::start().await;
    let id = start(&gateway.client, SLOW).await;
    let early = status(&gateway.client, &id).await;
    assert!(matches!(early.as_str(), "queued" | "in_progress"), "{early}");
    // Nothing can go on from it yet.
    let mut on = Dialect::Responses.ask("Go on");
    on["previous_response_id"] = json!(id);
    let refused = Dialect::Responses.call(&gateway.client, &on).await;
    assert_eq!((refused.status, refused.error.as_str()), (400, "response_in_progress"), "{}", refused.raw);
    gateway.until("it is whole", async |gateway| status(&gateway.client, &id).await == "completed").await;
    let kept = stored(&gateway.client, &id).await.json();
    assert!(!kept["output"][0]["content"][0]["text"].as_str().expect("a text").is_empty(), "{kept}");
    let receipt = gateway.books().receipt(&call_of(&id)).await;
    assert_eq!(receipt.ending(), ("complete", "reported", "reported"));
    assert_eq!((receipt.input, receipt.output), gateway.billed().await);
    assert_eq!(kept["usage"]["output_tokens"], receipt.output);
    assert_eq!(Dialect::Responses.call(&gateway.client, &on).await.status, 200);
    gateway.books().check().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn its_events_are_resumed_after_any_of_them_exactly() {
    let gateway = Gateway::start().await;
    let mut body = background("tokens=30 gap_ms=10 reasoning=5");
    body["stream"] = json!(true);
    // Its client leaves after a few events, which stops nothing.
    let mut stream = Stream::of(Dialect::Responses.open(&gateway.client, &body).await);
    let id = stream.call_id().replace("call_", "resp_");
    for _ in 0..5 {
        assert!(stream.next().await.is_some());
    }
    let seen = String::from_utf8(std::mem::take(&mut stream.raw)).expect("UTF-8");
    drop(stream);
    let live = events(&gateway.client, &id, "&starting_after=1").await.rest().await;
    let whole = events(&gateway.client, &id, "").await.rest().await;
    let number = |event: &Value| event["sequence_number"].as_u64().expect("a number");
    let numbers: Vec<u64> = whole.events.iter().map(number).collect();
    assert_eq!(numbers, (0..whole.events.len() as u64).collect::<Vec<_>>());
    assert_eq!(live.events, whole.events[2..], "also while it runs");
    assert!(whole.raw.starts_with(&seen), "{seen}");
    let last = whole.events.last().expect("an event");
    assert_eq!(last["type"], "response.completed");
    assert_eq!(last["response"], stored(&gateway.client, &id).await.json());
    for after in 0..whole.events.len() {
        let rest = events(&gateway.client, &id, &format!("&starting_after={after}")).await.rest().await;
        assert_eq!(rest.events, whole.events[after + 1..], "{after}");
    }
    let beyond = events(&gateway.client, &id, "&starting_after=18446744073709551615").await.rest().await;
    assert!(beyond.events.is_empty());
    assert_eq!(gateway.books().receipt(&call_of(&id)).await.outcome, "complete");
    assert_eq!(gateway.chats().len(), 1);
    gateway.books().check().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn one_that_is_cancelled_stays_so_and_is_charged_for_what_it_came_to() {
    let gateway =
        Gateway::start_with(Setup { toml: "abort = \"estimate\"\n".to_owned(), ..Setup::default() }).await;
    let id = start(&gateway.client, ENDLESS).await;
    let mut reading = events(&gateway.client, &id, "").await;
    for _ in 0..8 {
        assert!(reading.next().await.is_some());
    }
    let path = format!("/v1/responses/{id}/cancel");
    let cancelled = gateway.client.post(&path, "").await;
    assert_eq!((cancelled.status.as_u16(), &cancelled.json()["status"]), (200, &json!("cancelled")));
    let again = gateway.client.post(&path, "").await;
    assert_eq!((again.status.as_u16(), again.json()), (200, cancelled.json()));
    reading.rest().await;
    gateway.settled().await;
    gateway.upstream_ended().await;
    let receipt = gateway.books().receipt(&call_of(&id)).await;
    assert_eq!(receipt.ending(), ("client_gone", "relayed", "estimated"));
    assert!(!receipt.charge.is_zero());
    assert_eq!(status(&gateway.client, &id).await, "cancelled");
    // One that has ended by itself stays as it is, and one with a client cannot be cancelled.
    let done = start(&gateway.client, "tokens=3").await;
    gateway.until("it is whole", async |gateway| status(&gateway.client, &done).await == "completed").await;
    let late = gateway.client.post(&format!("/v1/responses/{done}/cancel"), "").await;
    assert_eq!((late.status.as_u16(), &late.json()["status"]), (200, &json!("completed")));
    let usual = Dialect::Responses.question(&gateway.client, "Hello", false).await;
    let refused = gateway.client.post(&format!("/v1/responses/{}/cancel", usual.response()), "").await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (400, "response_not_in_background"));
    gateway.books().check().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn one_that_is_deleted_while_it_runs_ends_and_does_not_come_back() {
    let gateway =
        Gateway::start_with(Setup { toml: "abort = \"estimate\"\n".to_owned(), ..Setup::default() }).await;
    let id = start(&gateway.client, ENDLESS).await;
    let mut reading = events(&gateway.client, &id, "").await;
    for _ in 0..6 {
        assert!(reading.next().await.is_some());
    }
    assert_eq!(gateway.client.delete(&format!("/v1/responses/{id}")).await.status, 200);
    reading.rest().await;
    gateway.settled().await;
    gateway.upstream_ended().await;
    assert_eq!(gateway.books().receipt(&call_of(&id)).await.outcome, "client_gone");
    for query in ["", "?stream=true"] {
        let gone = gateway.client.get(&format!("/v1/responses/{id}{query}")).await;
        assert_eq!((gone.status.as_u16(), gone.code().as_str()), (404, "response_not_found"), "{query}");
    }
    gateway.books().check().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_failure_of_the_upstream_is_the_failure_of_the_response() {
    let gateway = Gateway::start().await;
    for (script, outcome, pieces) in [
        ("status=500", "upstream_error", false),
        ("tokens=30 reasoning=0 cut_after=8", "cut", true),
        ("tokens=30 reasoning=0 error_after=8", "upstream_error", true),
    ] {
        let id = start(&gateway.client, script).await;
        gateway.until("it has failed", async |gateway| status(&gateway.client, &id).await == "failed").await;
        let kept = stored(&gateway.client, &id).await.json();
        assert!(kept["error"]["message"].as_str().is_some_and(|text| !text.is_empty()), "{script}: {kept}");
        assert_eq!(kept["output"].as_array().expect("items").is_empty(), !pieces, "{script}: {kept}");
        if pieces {
            assert_eq!(kept["output"][0]["status"], "incomplete", "{script}: {kept}");
        }
        let receipt = gateway.books().receipt(&call_of(&id)).await;
        assert_eq!((receipt.outcome.as_str(), receipt.charge.is_zero()), (outcome, !pieces), "{script}");
        let told = events(&gateway.client, &id, "").await.rest().await;
        assert_eq!(
            told.events.last().expect("an event")["type"],
            "response.failed",
            "{script}: {}",
            told.raw
        );
    }
    gateway.books().check().await;
    assert!(gateway.finish().await);
}

async fn once(client: &Client, body: &Value) -> Reply {
    let headers = [JSON, ("idempotency-key", "k")];
    Reply::read(client.send_with(Method::POST, "/v1/responses", &headers, body.to_string()).await).await
}

#[tokio::test]
async fn a_repeat_gets_the_queued_response_again_and_starts_nothing() {
    let gateway = Gateway::start().await;
    let body = background(SLOW);
    let first = once(&gateway.client, &body).await;
    assert_eq!((first.status.as_u16(), &first.json()["status"]), (200, &json!("queued")));
    let id = first.json()["id"].as_str().expect("an id").to_owned();
    let same = async |gateway: &Gateway, when: &str| {
        let again = once(&gateway.client.with_key(&gateway.key), &body).await;
        assert_eq!((again.status.as_u16(), &again.body), (200, &first.body), "{when}");
        assert_eq!(
            (again.header("idempotent-replayed"), again.call_id()),
            ("true", first.call_id()),
            "{when}"
        );
        assert_eq!(again.header("content-type"), "application/json", "{when}");
    };
    same(&gateway, "while it runs").await;
    gateway.until("it is whole", async |gateway| status(&gateway.client, &id).await == "completed").await;
    same(&gateway, "when it has ended").await;
    assert_eq!(gateway.chats().len(), 1);
    let other = once(&gateway.client, &background("tokens=3")).await;
    assert_eq!((other.status.as_u16(), other.code().as_str()), (422, "idempotency_mismatch"));
    assert_eq!(gateway.books().check().await.iter().filter(|one| !one.charge.is_zero()).count(), 1);
    let (key, spent) = (gateway.key.clone(), gateway.settled().await.spent);
    assert!(!spent.is_zero());
    let folder = gateway.finish_keeping().await;
    let gateway = Gateway::start_with(Setup { folder: Some(folder), ..Setup::default() }).await;
    let again = once(&gateway.client.with_key(&key), &body).await;
    assert_eq!((again.status.as_u16(), &again.body), (200, &first.body), "after a restart");
    assert!(gateway.chats().is_empty());
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_kill_fails_what_was_running_and_a_stop_says_why() {
    let world = World::new().await;
    let mut ids = Vec::new();
    for ending in ["KILL", "TERM"] {
        let mut process = world.start_with("[server]\ndrain_ms = 100\n").await;
        let client = Client::new(&process.url(), &world.key);
        let id = start(&client, ENDLESS).await;
        world.until("it is running", async || status(&client, &id).await == "in_progress").await;
        let mut reading = events(&client, &id, "").await;
        for _ in 0..6 {
            assert!(reading.next().await.is_some());
        }
        if ending == "KILL" {
            process.kill();
        } else {
            process.signal("TERM");
            process.exit().await;
        }
        ids.push(id);
        world.audit();
    }
    let process = world.start().await;
    let client = Client::new(&process.url(), &world.key);
    for (id, ending) in ids.iter().zip(["KILL", "TERM"]) {
        let kept = stored(&client, id).await.json();
        assert_eq!(kept["status"], "failed", "{ending}: {kept}");
        assert!(kept["error"]["message"].as_str().is_some_and(|text| !text.is_empty()), "{ending}: {kept}");
        if ending == "KILL" {
            assert_eq!(kept["output"], json!([]), "never half: {kept}");
        }
        let events = client.get(&format!("/v1/responses/{id}?stream=true")).await;
        assert_eq!(
            (events.status.as_u16(), events.code().as_str()),
            (400, "stream_not_available"),
            "{ending}"
        );
    }
    let admin = process.admin(&world.admin_key);
    let books = Books { admin: &admin, account: &world.account };
    let receipts = books.check().await;
    assert_eq!(receipts.len(), 1, "what was killed is free");
    assert_eq!(
        (receipts[0].call.as_str(), receipts[0].outcome.as_str()),
        (call_of(&ids[1]).as_str(), "shutdown")
    );
}
