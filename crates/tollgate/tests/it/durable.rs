//! An answer ends well only when its charge is durable. A lock on the database, as a stranger's backup takes one,
//! stands for a disk that does not write.

use std::path::Path;
use std::time::Duration;

use domain::Money;
use rusqlite::Connection;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::answer::Answer;
use crate::books::Books;
use crate::client::{Client, Reply, Stream};
use crate::crash::World;
use crate::harness::{Gateway, Setup, ask};
use crate::rates::Rates;

/// Calls that want to end while nothing can be written.
const CALLS: usize = 20;

/// Takes the right to write from everybody else.
fn lock(database: &Path) -> Connection {
    let connection = Connection::open(database).expect("a database");
    connection.busy_timeout(Duration::from_secs(5)).expect("a timeout");
    connection.execute_batch("BEGIN IMMEDIATE").expect("nobody writes for long");
    connection
}

/// Every second one streamed.
fn question(at: usize) -> Value {
    let mut body = ask(&format!("Question {at}"));
    body["stream"] = json!(at.is_multiple_of(2));
    body
}

#[tokio::test]
async fn answers_wait_for_their_charge_and_nothing_new_is_served_meanwhile() {
    let gateway = Gateway::start().await;
    let stranger = lock(&gateway.database());
    let mut calls = JoinSet::new();
    for at in 0..CALLS {
        let client = gateway.client.clone();
        calls.spawn(async move {
            Answer::read(client.try_send_chat(&question(at)).await.expect("a response")).await
        });
    }
    gateway.until("the upstream has answered all", async |gateway| gateway.chats().len() == CALLS).await;
    gateway.upstream_ended().await;
    gateway
        .until("the gateway knows", async |gateway| gateway.client.get("/readyz").await.status == 503)
        .await;
    assert!(calls.try_join_next().is_none(), "an answer has ended before its charge was stored");
    let refused = gateway.client.chat(&ask("Hello")).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (503, "billing_unavailable"));
    drop(stranger);
    for answer in calls.join_all().await {
        assert!(answer.complete && answer.status == 200, "{answer:?}");
        let receipt = gateway.books().receipt(&answer.call).await;
        assert_eq!(receipt.charge, Rates::CEREBRAS.cost(receipt.input, receipt.output));
    }
    gateway
        .until("it is ready again", async |gateway| gateway.client.get("/readyz").await.status == 200)
        .await;
    assert_eq!(gateway.client.chat(&ask("Hello")).await.status, 200);
    assert_eq!(gateway.books().check().await.len(), CALLS + 1);
    assert!(gateway.finish().await);
}

/// The store works again long after the answers were withheld.
#[tokio::test]
async fn what_was_withheld_because_it_could_not_be_stored_is_not_charged_afterwards() {
    let toml = "[server]\nsettle_ms = 300\n".to_owned();
    let gateway = Gateway::start_with(Setup { toml, ..Setup::default() }).await;
    let stranger = lock(&gateway.database());
    let mut calls = JoinSet::new();
    for at in 0..CALLS {
        let client = gateway.client.clone();
        calls.spawn(async move {
            let response = client.try_send_chat(&question(at)).await.expect("a response");
            (at, Answer::read(response).await)
        });
    }
    let answers = calls.join_all().await;
    assert!(gateway.books().receipts().await.is_empty(), "the store still fails");
    drop(stranger);
    gateway
        .until("it is ready again", async |gateway| gateway.client.get("/readyz").await.status == 200)
        .await;
    gateway.settled().await;
    let mut told = 0;
    for (at, answer) in answers {
        assert!(!answer.complete && answer.code.as_deref() == Some("billing_unavailable"), "{answer:?}");
        // One that came after the first failure was refused at once, and has no receipt.
        let Some(receipt) = gateway.books().find(&answer.call).await else { continue };
        told += 1;
        assert_eq!(receipt.outcome, "unsettled");
        assert_eq!((receipt.error, receipt.status), (answer.code, u64::from(answer.status)));
        if at.is_multiple_of(2) {
            // All of the stream was delivered but its end mark.
            assert!(answer.status == 200 && answer.seen_bytes > 0);
            assert_eq!(receipt.charge, Rates::CEREBRAS.cost(receipt.input, receipt.output));
            assert!(!receipt.charge.is_zero());
        } else {
            assert_eq!((answer.status, receipt.rule.as_str()), (503, "waived"));
            assert_eq!((receipt.cost, receipt.charge), (Some(Money::ZERO), Money::ZERO));
        }
    }
    assert!(told >= 2);
    assert_eq!(gateway.books().check().await.len(), told);
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn what_was_never_stored_when_the_gateway_is_killed_was_never_seen_finished() {
    let world = World::new().await;
    let process = world.start().await;
    let client = Client::new(&process.url(), &world.key);
    let stranger = lock(&world.database());
    let mut calls = JoinSet::new();
    for at in 0..CALLS {
        calls.spawn(is_seen_finished(client.clone(), question(at)));
    }
    let upstream_is_done = async || {
        let requests = world.sim.requests();
        let chats = requests.iter().filter(|request| request.path == "/v1/chat/completions" && !request.open);
        chats.count() == CALLS
    };
    world.until("the upstream has answered all", upstream_is_done).await;
    world.until("the gateway knows", async || client.get("/readyz").await.status == 503).await;
    process.kill();
    let seen = calls.join_all().await;
    assert!(seen.iter().all(|finished| !finished), "an answer was seen finished that was never stored");
    drop(stranger);

    let process = world.start().await;
    let admin = process.admin(&world.admin_key);
    let books = Books { admin: &admin, account: &world.account };
    assert!(books.check().await.is_empty(), "what nobody saw finished is free");
    assert_eq!(books.balance().await.spent, Money::ZERO);
    world.audit();
}

#[tokio::test]
async fn a_gateway_that_cannot_write_stops_all_the_same() {
    let world = World::new().await;
    let mut process = world.start_with("[server]\ndrain_ms = 100\n").await;
    let client = Client::new(&process.url(), &world.key);
    let stranger = lock(&world.database());
    let mut calls = JoinSet::new();
    for at in 0..CALLS {
        calls.spawn(is_seen_finished(client.clone(), question(at)));
    }
    world.until("the gateway knows", async || client.get("/readyz").await.status == 503).await;
    process.signal("TERM");
    assert_eq!(process.exit().await.code(), Some(1), "it could not settle, and says so");
    assert!(calls.join_all().await.iter().all(|finished| !finished));
    drop(stranger);
    world.audit();
}

/// Whether the client sees a whole answer, or a stream with its end mark.
async fn is_seen_finished(client: Client, body: Value) -> bool {
    let Some(response) = client.try_send_chat(&body).await else { return false };
    if body["stream"] == false {
        return Reply::try_read(response).await.is_some_and(|reply| reply.status == 200);
    }
    let mut stream = Stream::of(response);
    let mut done = false;
    while let Some(event) = stream.next().await {
        done |= &event.data[..] == b"[DONE]";
    }
    done
}
