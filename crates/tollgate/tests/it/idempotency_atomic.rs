//! What a request makes and the answer that is kept of it: both are there, or neither, also when the store fails or the
//! process is killed.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use hyper::Method;
use rusqlite::Connection;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::client::{Client, Reply};
use crate::crash::World;
use crate::harness::{Gateway, Setup};
use crate::idempotency::JSON;
use crate::signup::{invite, open_gateway};

/// How a transaction fails: when the answer is written, which is after the work; and when it commits.
const FAULTS: [&str; 2] = [
    "CREATE TRIGGER fault BEFORE INSERT ON answers BEGIN SELECT RAISE(ABORT, 'switched off'); END",
    "CREATE TABLE doomed (account BLOB REFERENCES accounts (id) DEFERRABLE INITIALLY DEFERRED) STRICT;
     CREATE TRIGGER fault BEFORE INSERT ON answers BEGIN INSERT INTO doomed VALUES (x'00'); END",
];

const MENDED: &str = "DROP TRIGGER fault; DROP TABLE IF EXISTS doomed";

/// Times that the gateway is killed.
const KILLS: usize = 6;

/// Clients that ask at once.
const CLIENTS: usize = 8;

/// A request that makes something.
struct Deed {
    key: &'static str,
    client: Client,
    path: String,
    body: String,
}

impl Deed {
    fn new(key: &'static str, client: &Client, path: impl Into<String>, body: &Value) -> Deed {
        Deed { key, client: client.clone(), path: path.into(), body: body.to_string() }
    }

    async fn ask(&self) -> Reply {
        let headers = [JSON, ("idempotency-key", self.key)];
        let sent = self.client.send_with(Method::POST, &self.path, &headers, self.body.clone());
        Reply::read(sent.await).await
    }
}

/// Every endpoint that takes the header and makes something.
async fn deeds(gateway: &Gateway, lead: &Client, rotated: &str) -> Vec<Deed> {
    let account = format!("/admin/accounts/{}", gateway.account);
    let code = invite(gateway, "ada").await;
    let nobody = gateway.client.with_key("");
    let admin = &gateway.admin;
    vec![
        Deed::new("account", admin, "/admin/accounts", &json!({"name": "made"})),
        Deed::new("trial", admin, "/admin/accounts", &json!({"name": "made", "plan": "trial"})),
        Deed::new(
            "grant",
            admin,
            format!("{account}/grants"),
            &json!({"amount": "2.00", "reference": "one"}),
        ),
        Deed::new("key", admin, format!("{account}/keys"), &json!({"name": "made"})),
        Deed::new("secret", admin, format!("/admin/keys/{rotated}/rotate"), &json!({})),
        Deed::new("member-key", lead, "/v1/keys", &json!({"name": "made"})),
        Deed::new("member-secret", lead, format!("/v1/keys/{rotated}/rotate"), &json!({})),
        Deed::new("invite", admin, "/admin/invites", &json!({"identity": "bob"})),
        Deed::new("sign-up", &nobody, "/v1/signup", &json!({ "invite_code": code })),
    ]
}

/// Proves that `again` is the kept answer of `first`.
fn assert_same(first: &Reply, again: &Reply) {
    assert_eq!((first.header("idempotent-replayed"), again.header("idempotent-replayed")), ("", "true"));
    assert_eq!((first.status, &first.body), (again.status, &again.body));
    assert_eq!(first.header("content-type"), again.header("content-type"));
}

/// All that the deeds write, and the kept answers.
fn stored(database: &Path) -> (Vec<String>, u32) {
    let database = Connection::open(database).expect("the database");
    let tables = [
        "SELECT hex(id) || granted_nanos || quote(trial_ends_at_ms) FROM accounts",
        "SELECT hex(id) || reference FROM grants",
        "SELECT reason || hex(ref) FROM journal",
        "SELECT hex(id) || hex(digest) || quote(previous_digest) FROM keys",
        "SELECT hex(id) || hex(digest) || quote(used_at_ms) FROM invites",
    ];
    let read = |sql: &str| {
        let mut statement = database.prepare(sql).expect("a query");
        let rows = statement.query_map([], |row| row.get(0)).expect("rows");
        rows.collect::<Result<Vec<String>, _>>().expect("texts")
    };
    let answers = database.query_row("SELECT count(*) FROM answers", [], |row| row.get(0)).expect("a count");
    (tables.into_iter().flat_map(read).collect(), answers)
}

fn run(database: &Path, sql: &str) {
    Connection::open(database).expect("the database").execute_batch(sql).expect("it runs");
}

#[tokio::test]
async fn when_the_store_fails_nothing_was_made_and_the_repeat_makes_it_once() {
    let gateway = open_gateway().await;
    let lead = gateway.make_key(json!({"name": "lead", "role": "management"})).await;
    let rotated = gateway.make_key(json!({"name": "rotated"})).await;
    let deeds = deeds(&gateway, &lead.client, &rotated.id).await;
    let database = gateway.database();
    let before = stored(&database);
    assert_eq!(before.1, 0);
    for fault in FAULTS {
        run(&database, fault);
        for deed in &deeds {
            let refused = deed.ask().await;
            assert!(refused.status.is_server_error(), "{} {refused:?}", deed.path);
            assert_eq!(stored(&database), before, "{}", deed.path);
        }
        let accounts = gateway.admin.get("/admin/accounts").await.json();
        assert_eq!(accounts["data"].as_array().map(Vec::len), Some(1), "nothing in memory either");
        let keys = gateway.admin.get(&format!("/admin/keys?account={}", gateway.account)).await.json();
        assert_eq!(keys["data"].as_array().map(Vec::len), Some(3));
        assert_eq!(rotated.client.get("/v1/key").await.status, 200, "its secret was not replaced");
        assert_eq!(gateway.balance().await.granted, "1.00".parse().expect("an amount"));
        run(&database, MENDED);
    }

    let mut firsts = Vec::new();
    for (made, deed) in (1..).zip(&deeds) {
        let first = deed.ask().await;
        assert!(first.status.is_success(), "{} {first:?}", deed.path);
        firsts.push(first);
        assert_eq!(stored(&database).1, made, "{}", deed.path);
    }
    let after = stored(&database);
    let folder = gateway.finish_keeping().await;

    // The test's own account is made anew by every start.
    let toml = "[signup]\nenabled = true\n".to_owned();
    let setup = Setup { folder: Some(folder), toml, credit: "0.00", ..Setup::default() };
    let gateway = Gateway::start_with(setup).await;
    let restarted = stored(&database);
    for (first, deed) in firsts.iter().zip(deeds) {
        let client = match deed.path.as_str() {
            path if path.starts_with("/admin") => gateway.admin.clone(),
            "/v1/signup" => gateway.client.with_key(""),
            _ => gateway.client.with_key(&lead.secret),
        };
        assert_same(first, &Deed { client, ..deed }.ask().await);
    }
    assert_eq!(stored(&database), restarted, "the repeats made nothing");
    assert!(after.0.iter().all(|row| restarted.0.contains(row)), "and the restart lost nothing");
    assert!(gateway.finish().await);
}

/// What clients have asked for, by their idempotency keys, and the answers that they saw.
type Asked = Arc<Mutex<HashMap<String, Option<Reply>>>>;

/// Makes keys, each under an idempotency key of its own, until the gateway is gone.
async fn make_keys(admin: Client, path: String, asked: Asked, name: String) {
    for at in 0.. {
        let key = format!("{name}-{at}");
        asked.lock().expect("no panic").insert(key.clone(), None);
        let Some(reply) = make_key(&admin, &path, &key).await else { return };
        assert_eq!(reply.status, 200, "{reply:?}");
        asked.lock().expect("no panic").insert(key, Some(reply));
    }
}

/// `None` when the answer never came.
async fn make_key(admin: &Client, path: &str, key: &str) -> Option<Reply> {
    let headers = [JSON, ("idempotency-key", key)];
    let body = json!({ "name": key }).to_string();
    Reply::try_read(admin.try_send_with(Method::POST, path, &headers, body).await?).await
}

/// Keys that were made under an idempotency key, and kept answers, at one moment.
fn made_and_kept(database: &Path) -> (u32, u32) {
    let database = Connection::open(database).expect("the database");
    let sql = "SELECT (SELECT count(*) FROM keys WHERE name LIKE 'kill-%'), (SELECT count(*) FROM answers)";
    database.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).expect("two counts")
}

#[tokio::test]
async fn a_key_that_a_kill_hides_from_its_client_is_shown_by_the_repeat_and_not_made_again() {
    let world = World::new().await;
    let path = format!("/admin/accounts/{}/keys", world.account);
    let asked = Asked::default();
    for round in 0..KILLS {
        let process = world.start().await;
        let admin = process.admin(&world.admin_key);
        let mut clients = JoinSet::new();
        for client in 0..CLIENTS {
            let name = format!("kill-{round}-{client}");
            clients.spawn(make_keys(admin.clone(), path.clone(), Arc::clone(&asked), name));
        }
        let (before, _) = made_and_kept(&world.database());
        world
            .until("some keys are made", async || {
                let (made, kept) = made_and_kept(&world.database());
                assert_eq!(made, kept);
                made > before + 40
            })
            .await;
        process.kill();
        clients.join_all().await;
        let (made, kept) = made_and_kept(&world.database());
        assert_eq!(made, kept);
        world.audit();
    }

    let asked = std::mem::take(&mut *asked.lock().expect("no panic"));
    let mut process = world.start().await;
    let admin = process.admin(&world.admin_key);
    let (mut unseen, mut shown) = (0, 0);
    for (key, seen) in &asked {
        let again = make_key(&admin, &path, key).await.expect("an answer");
        match seen {
            Some(first) => assert_same(first, &again),
            None => {
                unseen += 1;
                shown += u32::from(again.header("idempotent-replayed") == "true");
                assert_eq!(again.status, 200, "{again:?}");
            }
        }
    }
    println!("{} keys: {unseen} whose answer was not seen, of which {shown} were made", asked.len());
    assert_eq!(unseen, KILLS * CLIENTS, "each kill took an answer from every client");
    let all = u32::try_from(asked.len()).expect("a count");
    assert_eq!(made_and_kept(&world.database()), (all, all), "one key for each idempotency key");
    process.signal("TERM");
    assert!(process.exit().await.success());
    world.audit();
}
