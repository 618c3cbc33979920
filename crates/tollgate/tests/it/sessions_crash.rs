//! `kill -9` in mid-conversation: whatever a client saw finished is there and whole, everything else is whole, absent, or
//! failed where it was promised; and turns and receipts agree one to one.

use std::sync::{Arc, Mutex};

use rusqlite::Connection;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::books::Books;
use crate::client::{Client, Reply, Stream};
use crate::crash::World;
use crate::dialects::{Dialect, stored};
use crate::dice::Dice;
use crate::sessions::items;

/// Times that the gateway is killed.
const ROUNDS: u64 = 6;

/// Conversations at once: each with a client that goes on and on.
const CLIENTS: usize = 24;

/// An answer that a client saw to its end.
#[derive(Clone)]
struct Finished {
    client: usize,
    response: String,
    question: String,
    answer: String,
}

/// What the clients have seen, and a bell that rings at each answer.
#[derive(Default)]
struct Seen {
    finished: Mutex<Vec<Finished>>,
    /// Responses of which a client knows no more than the id.
    begun: Mutex<Vec<String>>,
    bell: Notify,
}

impl Seen {
    fn finished(&self) -> Vec<Finished> {
        self.finished.lock().expect("no panic").clone()
    }

    async fn reach(&self, count: usize) {
        loop {
            let bell = self.bell.notified();
            if self.finished().len() >= count {
                return;
            }
            bell.await;
        }
    }

    /// The last response of a client.
    fn last(&self, client: usize) -> Option<String> {
        self.finished().iter().rev().find(|one| one.client == client).map(|one| one.response.clone())
    }
}

/// How a client goes on: in a named session of a dialect, from response to response, or in the background.
fn request(seen: &Seen, client: usize, question: &str) -> (Dialect, Value) {
    let (dialect, session) = match client % 6 {
        0 => (Dialect::Chat, true),
        1 => (Dialect::Messages, true),
        2 => (Dialect::Completions, true),
        3 => (Dialect::Responses, true),
        _ => (Dialect::Responses, false),
    };
    let mut body = dialect.ask(question);
    body["stream"] = json!(!client.is_multiple_of(4));
    if session {
        body["session_id"] = json!(format!("session-{client}"));
    } else if client % 6 == 4 {
        if let Some(last) = seen.last(client) {
            body["previous_response_id"] = json!(last);
        }
    } else {
        body["background"] = json!(true);
    }
    (dialect, body)
}

async fn talk_until_it_dies(client: Client, seen: Arc<Seen>, number: usize, round: u64) {
    for turn in 0.. {
        let answer = format!("Answer {number}.{round}.{turn} and some words more to be cut");
        let question =
            format!("Question {number}.{round}.{turn} [[sim text=\"{answer}\" reasoning=0 gap_ms=1]]");
        let (dialect, body) = request(&seen, number, &question);
        let headers = [("content-type", "application/json")];
        let path = dialect.path();
        let sent = client.try_send_with(hyper::Method::POST, path, &headers, body.to_string()).await;
        let Some(response) = sent else { return };
        let Some(call) = finished(dialect, response, &seen).await else { return };
        let response = call.replace("call_", "resp_");
        if body["background"] == true && !is_completed(&client, &response).await {
            return;
        }
        seen.finished.lock().expect("no panic").push(Finished { client: number, response, question, answer });
        seen.bell.notify_waiters();
    }
}

/// The call of an answer that came whole.
async fn finished(
    dialect: Dialect,
    response: hyper::Response<hyper::body::Incoming>,
    seen: &Seen,
) -> Option<String> {
    let streams =
        response.headers()["content-type"].to_str().is_ok_and(|kind| kind.starts_with("text/event-stream"));
    assert_eq!(response.status(), 200);
    if !streams {
        let reply = Reply::try_read(response).await?;
        seen.begun.lock().expect("no panic").push(reply.call_id().replace("call_", "resp_"));
        return Some(reply.call_id());
    }
    let mut stream = Stream::of(response);
    let call = stream.call_id();
    seen.begun.lock().expect("no panic").push(call.replace("call_", "resp_"));
    let mut whole = false;
    while let Some(event) = stream.next().await {
        let data = String::from_utf8_lossy(&event.data).into_owned();
        whole |= match dialect {
            Dialect::Chat | Dialect::Completions => data == "[DONE]",
            Dialect::Messages => data.contains("\"message_stop\""),
            Dialect::Responses => data.contains("\"response.completed\""),
        };
    }
    whole.then_some(call)
}

/// Polls a response in the background; `false` when the gateway died before its end was seen.
async fn is_completed(client: &Client, response: &str) -> bool {
    let path = format!("/v1/responses/{response}");
    loop {
        let Some(sent) = client.try_send_with(hyper::Method::GET, &path, &[], "").await else { return false };
        let Some(reply) = Reply::try_read(sent).await else { return false };
        match reply.json()["status"].as_str().expect("a status") {
            "completed" => return true,
            "queued" | "in_progress" => tokio::task::yield_now().await,
            other => panic!("{other}: {reply:?}"),
        }
    }
}

/// All that must hold after a restart.
async fn check(world: &World, client: &Client, seen: &Seen) {
    world.audit();
    let finished = seen.finished();
    for one in &finished {
        let kept = stored(client, &one.response).await;
        assert_eq!(kept.status, 200, "{} was seen finished and is lost: {kept:?}", one.response);
        assert_eq!(kept.json()["status"], "completed");
        assert_eq!(kept.json()["output"][0]["content"][0]["text"], one.answer.as_str());
    }
    let begun = seen.begun.lock().expect("no panic").clone();
    for response in begun {
        let kept = stored(client, &response).await;
        if kept.status == 404 {
            continue;
        }
        let kept = kept.json();
        match kept["status"].as_str() {
            Some("completed") => assert!(kept["output"][0]["content"][0]["text"].is_string(), "{kept}"),
            Some("failed") => assert_eq!((&kept["background"], &kept["output"]), (&json!(true), &json!([]))),
            _ => panic!("half: {kept}"),
        }
    }
    for number in 0..CLIENTS {
        check_conversation(client, number, &finished).await;
    }
    agree(world);
}

/// A session holds whole turns, in their order, and among them all that its client saw.
async fn check_conversation(client: &Client, number: usize, finished: &[Finished]) {
    let mine: Vec<&Finished> = finished.iter().filter(|one| one.client == number).collect();
    let Some(last) = mine.last() else { return };
    let Some(id) =
        stored(client, &last.response).await.json()["conversation"]["id"].as_str().map(str::to_owned)
    else {
        return;
    };
    let told = items(client, &id).await;
    let mut pairs = told.chunks(2);
    for pair in told.chunks(2) {
        let number = pair[0].strip_prefix("user: Question ").and_then(|text| text.split(' ').next());
        let answer = format!("assistant: Answer {} and", number.expect("a question"));
        assert!(pair.get(1).is_some_and(|text| text.starts_with(&answer)), "half a turn: {pair:?}");
    }
    for one in mine {
        let pair = [format!("user: {}", one.question), format!("assistant: {}", one.answer)];
        assert!(pairs.any(|found| found == pair), "{} is not in its place in {told:?}", one.question);
    }
}

/// Every call that was answered has its turn, and every turn that has ended by itself its receipt.
fn agree(world: &World) {
    let database = Connection::open(world.database()).expect("the database");
    let count = |sql: &str| -> i64 { database.query_row(sql, [], |row| row.get(0)).expect("a count") };
    let complete = count("SELECT count(*) FROM receipts WHERE outcome = 'complete'");
    let turns = count("SELECT count(*) FROM turns WHERE status = 'completed'");
    let both = count(
        "SELECT count(*) FROM turns JOIN receipts USING (call) \
         WHERE turns.status = 'completed' AND receipts.outcome = 'complete'",
    );
    assert_eq!((complete, turns), (both, both));
    let open = count("SELECT count(*) FROM turns WHERE status IN ('queued', 'in_progress')");
    assert_eq!(open, 0, "nothing is promised any more");
}

#[tokio::test]
async fn conversations_survive_a_kill_in_their_middle() {
    let world = World::new().await;
    let seen = Arc::new(Seen::default());
    let mut dice = Dice::new(77);
    for round in 0..ROUNDS {
        let process = world.start().await;
        let client = Client::new(&process.url(), &world.key);
        check(&world, &client, &seen).await;
        let mut load = JoinSet::new();
        for number in 0..CLIENTS {
            load.spawn(talk_until_it_dies(client.clone(), Arc::clone(&seen), number, round));
        }
        let more = usize::try_from(20 + dice.below(60)).expect("a count");
        seen.reach(seen.finished().len() + more).await;
        process.kill();
        while let Some(ended) = load.join_next().await {
            ended.expect("no panic");
        }
    }
    let process = world.start().await;
    let client = Client::new(&process.url(), &world.key);
    check(&world, &client, &seen).await;
    let admin = process.admin(&world.admin_key);
    let receipts = Books { admin: &admin, account: &world.account }.check().await;
    assert!(receipts.len() >= seen.finished().len());
}
