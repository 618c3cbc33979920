//! Calls that are refused leave nothing of their conversation: those that nobody pays for, and those that compose to more
//! than may be sent.

use std::path::Path;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::books::Books;
use crate::client::Client;
use crate::crash::World;
use crate::dialects::{DIALECTS, Dialect, stored};
use crate::harness::{Gateway, Setup};
use crate::sessions::{items, says};

/// Sessions, turns and items in the store.
fn rows(database: &Path) -> [u32; 3] {
    let database = Connection::open(database).expect("the database");
    ["sessions", "turns", "items"].map(|table| {
        let sql = format!("SELECT count(*) FROM {table}");
        database.query_row(&sql, [], |row| row.get(0)).expect("a count")
    })
}

/// A question in the session of that name.
fn within(dialect: Dialect, session: &str, text: &str, streamed: bool) -> Value {
    let mut body = dialect.ask(text);
    (body["session_id"], body["stream"]) = (json!(session), json!(streamed));
    body
}

#[tokio::test]
async fn a_call_that_is_not_paid_for_makes_no_conversation_and_no_turn_in_any_dialect() {
    // Something is there, so that what the call could cost is what it is refused for, when it has been put together.
    let gateway = Gateway::start_with(Setup { credit: "0.000000001", ..Setup::default() }).await;
    for dialect in DIALECTS {
        for streamed in [false, true] {
            let body = within(dialect, "mine", "Hello", streamed);
            let refused = dialect.call(&gateway.client, &body).await;
            assert_eq!(refused.status, 402, "{dialect:?}: {}", refused.raw);
            assert_eq!(stored(&gateway.client, &refused.response()).await.status, 404, "{dialect:?}");
            assert_eq!(rows(&gateway.database()), [0; 3], "{dialect:?} {streamed}");
        }
    }
    assert!(gateway.chats().is_empty());
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_call_over_a_cap_or_a_limit_leaves_a_conversation_as_it_was_in_every_dialect() {
    let gateway = Gateway::start().await;
    let first = within(Dialect::Responses, "mine", &says("One", "Answer One"), false);
    let first = Dialect::Responses.call(&gateway.client, &first).await;
    assert_eq!(first.status, 200, "{}", first.raw);
    let kept = stored(&gateway.client, &first.response()).await.json();
    let conversation = kept["conversation"]["id"].as_str().expect("a conversation").to_owned();
    let poor = json!({"name": "poor", "limits": {"spend_total": "0.000000001"}});
    let poor = gateway.make_key(poor).await.client;
    let spent = gateway.make_key(json!({"name": "spent", "limits": {"requests_total": 1}})).await.client;
    assert_eq!(Dialect::Chat.question(&spent, "The only one", false).await.status, 200);
    let (before, sent) = (rows(&gateway.database()), gateway.chats().len());
    for (client, status) in [(&poor, 402), (&spent, 429)] {
        for dialect in DIALECTS {
            for session in ["mine", "another"] {
                for streamed in [false, true] {
                    let body = within(dialect, session, "Two", streamed);
                    let refused = dialect.call(client, &body).await;
                    assert_eq!(refused.status, status, "{dialect:?}: {}", refused.raw);
                    assert_eq!(stored(client, &refused.response()).await.status, 404, "{dialect:?}");
                }
            }
        }
    }
    assert_eq!((rows(&gateway.database()), gateway.chats().len()), (before, sent));
    let told = ["user: One", "assistant: Answer One"];
    let shown = items(&gateway.client, &conversation).await;
    assert!(shown.len() == 2 && shown[0].starts_with(told[0]) && shown[1] == told[1], "{shown:?}");
    // The session is free, and the next call in it hears nothing of what was refused.
    let next = within(Dialect::Chat, "mine", "Two", false);
    assert_eq!(Dialect::Chat.call(&gateway.client, &next).await.status, 200);
    assert_eq!(gateway.heard(), [shown[0].as_str(), told[1], "user: Two"]);
    gateway.books().check().await;
    assert!(gateway.finish().await);
}

/// A model whose context has no end, at a provider that is not there.
const ENDLESS: &str = "[providers.bare]\nbase_url = \"http://127.0.0.1:1/v1\"\napi_key = \"none\"\n\
                       catalogue = \"none\"\n[models.\"endless\"]\nprovider = \"bare\"\ncontext_length = 2000000000\n\
                       price = { input = \"1.00\", output = \"1.00\" }\n";

/// Bytes of each stored item. Sixteen are the most that a body may be put together of.
const ITEM_BYTES: usize = 4 << 20;

/// What such calls, one after another, may add to the memory of the gateway: the items, the body that is made of them, and
/// as much again.
const PEAK_MAX: u64 = 192 << 20;

/// A conversation with four large items, as its id and theirs.
async fn large(client: &Client) -> (String, Vec<String>) {
    let message = json!({"role": "user", "content": "x".repeat(ITEM_BYTES)});
    let body = json!({"items": [message, message, message, message]});
    let made = client.post("/v1/conversations", body.to_string()).await;
    assert_eq!(made.status, 200, "{made:?}");
    let id = made.json()["id"].as_str().expect("an id").to_owned();
    let mut names = Vec::new();
    let mut after = String::new();
    while names.len() < 4 {
        let path = format!("/v1/conversations/{id}/items?order=asc&limit=1{after}");
        let last = client.get(&path).await.json()["last_id"].as_str().expect("an id").to_owned();
        after = format!("&after={last}");
        names.push(last);
    }
    (id, names)
}

/// A small request that refers to `count` items, and says `more` itself.
fn referring(names: &[String], count: usize, more: &str) -> Value {
    let references = names.iter().cycle().take(count);
    let mut input: Vec<Value> = references.map(|id| json!({"type": "item_reference", "id": id})).collect();
    input.push(json!({"role": "user", "content": more}));
    json!({"model": "endless", "input": input, "max_output_tokens": 16})
}

#[tokio::test]
async fn a_small_request_that_composes_to_too_much_is_refused_and_costs_neither_money_nor_much_memory() {
    let world = World::new().await;
    let mut process = world.start_with(ENDLESS).await;
    let client = Client::new(&process.url(), &world.key);
    let (conversation, names) = large(&client).await;
    let mut behind = referring(&names, 12, "and these");
    behind["conversation"] = json!(conversation);
    let cases = [
        ("items alone", referring(&names, 17, "and this")),
        ("items and a request", referring(&names, 15, &"y".repeat(ITEM_BYTES + 1))),
        ("items behind a history", behind),
    ];
    let before = rows(&world.database());
    let start = process.peak_bytes();
    for (name, body) in &cases {
        let refused = Dialect::Responses.call(&client, body).await;
        let said = (refused.status, refused.error.as_str());
        assert_eq!(said, (400, "context_length_exceeded"), "{name}: {}", refused.raw);
        for words in ["\"param\":\"input\"", "too long together"] {
            assert!(refused.raw.contains(words), "{name}: {}", refused.raw);
        }
        assert_eq!(stored(&client, &refused.response()).await.status, 404, "{name}");
    }
    let grown = process.peak_bytes() - start;
    println!("{} MiB at the most", grown >> 20);
    assert!(grown < PEAK_MAX, "{grown} bytes");
    // A little less is no such thing: it goes on, to where nobody answers.
    let less = Dialect::Responses.call(&client, &referring(&names, 15, "and this")).await;
    assert_eq!((less.status, less.error.as_str()), (402, "insufficient_credits"), "{}", less.raw);
    assert_eq!(rows(&world.database()), before);
    let admin = process.admin(&world.admin_key);
    let receipts = Books { admin: &admin, account: &world.account }.check().await;
    assert!(receipts.iter().all(|receipt| receipt.charge.is_zero()), "{receipts:?}");
    process.signal("TERM");
    assert!(process.exit().await.success());
    world.audit();
}
