//! Activity and usage as clients and operators see them, over the life of a gateway.

use bytes::Bytes;
use hyper::Method;
use rusqlite::Connection;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::client::{Client, Reply};
use crate::crash::World;
use crate::dice::Dice;
use crate::harness::{Gateway, ask};
use crate::process::Process;
use crate::public::stranger;

async fn chat_with(client: &Client, body: &Value, headers: &[(&str, &str)]) -> Reply {
    let body = Bytes::from(body.to_string());
    Reply::read(client.send_with(Method::POST, "/v1/chat/completions", headers, body).await).await
}

#[tokio::test]
async fn a_call_is_found_by_its_session_and_label_and_counted_in_the_series() {
    let gateway = Gateway::start().await;
    let tagged = [
        ("x-tollgate-session", "talk 7"),
        ("x-tollgate-label", "=1+1"),
        ("content-type", "application/json"),
    ];
    let reply = chat_with(&gateway.client, &ask("Hello"), &tagged).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let call = reply.call_id();
    gateway.client.chat(&ask("Hello")).await;
    gateway.client.chat(&json!({"model": "no/such", "messages": []})).await;
    gateway.settled().await;

    let found = gateway.client.get("/v1/activity?session=talk%207&label=%3D1%2B1").await.json();
    assert_eq!((&found["total"], &found["data"][0]["id"]), (&json!(1), &json!(call)));
    assert_eq!(
        (&found["data"][0]["session"], &found["data"][0]["label"]),
        (&json!("talk 7"), &json!("=1+1"))
    );
    for (query, total) in [
        ("", 3),
        ("?status=4xx", 1),
        ("?status=refused", 1),
        ("?status=200", 2),
        ("?provider=huggingface", 2),
        ("?provider=%25", 0),
        ("?session=%25", 0),
        ("?from=2020-01-01&to=2020-02-01", 0),
        ("?from=2020-01-01T00:00:00Z", 3),
    ] {
        let shown = gateway.client.get(&format!("/v1/activity{query}")).await.json();
        assert_eq!(
            (&shown["total"], shown["data"].as_array().map(Vec::len)),
            (&json!(total), Some(total)),
            "{query}"
        );
    }
    let usage = gateway.client.get("/v1/usage?group_by=provider").await.json();
    let point =
        usage["data"].as_array().expect("points").iter().find(|point| point["group"] == "huggingface");
    let point = point.expect("calls of the provider");
    assert_eq!((&point["requests"], &point["errors"]), (&json!(2), &json!(0)));
    let spent: f64 = gateway.balance().await.spent.to_string().parse().expect("a number");
    assert_eq!(point["cost"].as_f64(), Some(spent));
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn exports_hold_every_call_and_no_formula() {
    let gateway = Gateway::start().await;
    let tagged = [("x-tollgate-label", "=1+1"), ("content-type", "application/json")];
    for _ in 0..3 {
        chat_with(&gateway.client, &ask("Hello"), &tagged).await;
    }
    gateway.settled().await;
    let csv = gateway.client.get("/v1/activity?format=csv").await;
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    let text = String::from_utf8(csv.body.to_vec()).expect("UTF-8");
    assert_eq!(text.lines().count(), 4, "{text}");
    assert!(text.lines().skip(1).all(|line| line.ends_with(",'=1+1")), "{text}");
    let lines = gateway.admin.get("/admin/activity?format=jsonl").await;
    let lines = String::from_utf8(lines.body.to_vec()).expect("UTF-8");
    let calls: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert!(calls.len() == 3 && calls.iter().all(|call| call["label"] == "=1+1"), "{lines}");
    let accepted =
        gateway.client.send_with(Method::GET, "/v1/activity", &[("accept", "text/csv")], Bytes::new()).await;
    assert_eq!(Reply::read(accepted).await.body, csv.body);
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_key_sees_its_own_calls_and_no_filter_shows_it_others() {
    let gateway = Gateway::start().await;
    let sibling = gateway.client.with_key(&gateway.books().new_key("sibling").await);
    let stranger = stranger(&gateway).await;
    for client in [&gateway.client, &sibling, &stranger] {
        assert_eq!(client.chat(&ask("Hello")).await.status, 200);
    }
    gateway.settled().await;
    let own = gateway.client.get("/v1/activity").await.json();
    assert_eq!(own["total"], 1);
    let unknown = gateway.client.get("/v1/activity?key=key_0000000000000000000000000000000f").await;
    assert_eq!(unknown.json()["total"], 0, "{unknown:?}");
    for other in [&sibling, &stranger] {
        let key =
            other.get("/v1/activity").await.json()["data"][0]["key_id"].as_str().expect("a key").to_owned();
        for path in ["/v1/activity", "/v1/usage"] {
            let asked = gateway.client.get(&format!("{path}?key={key}")).await;
            let nobodys =
                gateway.client.get(&format!("{path}?key=key_0000000000000000000000000000000f")).await;
            assert_eq!((asked.status, &asked.body), (nobodys.status, &nobodys.body), "{path}");
        }
    }
    let all = gateway.admin.get("/admin/activity").await.json();
    assert_eq!(all["total"], 3);
    let account = gateway.admin.get(&format!("/admin/activity?account={}", gateway.account)).await.json();
    assert_eq!(account["total"], 2);
    let by_key = gateway.admin.get("/admin/usage?group_by=key").await.json();
    assert_eq!(by_key["data"].as_array().map(Vec::len), Some(3));
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn hostile_queries_are_refused_or_find_nothing() {
    let gateway = Gateway::start().await;
    gateway.client.chat(&ask("Hello")).await;
    gateway.settled().await;
    let hostile = [
        "%27%20OR%201%3D1%20--",
        "%25",
        "_",
        "%00",
        "a%00b",
        "%22%3B%20DROP%20TABLE%20receipts",
        "99999999999999999999999",
        "-1",
        "1e400",
        "NaN",
        "%F0%9F%A6%80",
        "%ff",
        "",
        "null",
        "%2A",
    ];
    for path in ["/v1/activity", "/v1/usage"] {
        let names = [
            "from", "to", "key", "model", "provider", "status", "session", "label", "format", "limit",
            "cursor", "interval", "group_by", "account", "x",
        ];
        for name in names {
            for value in hostile {
                let reply = gateway.client.get(&format!("{path}?{name}={value}")).await;
                let found = reply.status == 200 && reply.json()["data"].as_array().is_some_and(Vec::is_empty);
                assert!(reply.status == 400 || found, "{path} {name}={value}: {reply:?}");
            }
        }
    }
    for (header, value) in [("x-tollgate-session", "x".repeat(129)), ("x-tollgate-label", "a\tb".to_owned())]
    {
        let reply = chat_with(
            &gateway.client,
            &ask("Hello"),
            &[(header, &value), ("content-type", "application/json")],
        )
        .await;
        assert_eq!((reply.status.as_u16(), &reply.json()["error"]["param"]), (400, &json!(header)));
    }
    gateway.settled().await;
    assert!(gateway.finish().await);
}

/// Rollups are always being made or rebuilt here, and the gateway is killed in the middle. The machine's time zone
/// puts its clocks forward in the night of the oldest calls; the hours are UTC's all the same.
#[tokio::test]
async fn rollups_survive_kills_and_a_change_of_the_clocks() {
    let world = World::new().await;
    let toml = "[usage]\nrollup_ms = 1000\nretention_days = 0\n";
    let mut dice = Dice::new(29);
    for round in 0..5 {
        let process = world.start_with(toml).await;
        let (client, admin) = (Client::new(&process.url(), &world.key), process.admin(&world.admin_key));
        if round == 0 {
            assert_eq!(client.chat(&ask("Hello")).await.status, 200);
        }
        let mut load = JoinSet::new();
        for _ in 0..8 {
            let client = client.clone();
            load.spawn(async move { while client.try_send_chat(&ask("Hello")).await.is_some() {} });
        }
        let rebuilds = 3 + dice.below(30);
        for _ in 0..rebuilds {
            assert_eq!(admin.post("/admin/usage/rebuild", "").await.json()["mended"], 0);
        }
        let rebuilding = admin.clone();
        load.spawn(async move { while rebuilding.try_post("/admin/usage/rebuild").await.is_some() {} });
        admin.get("/admin/usage").await;
        process.kill();
        load.join_all().await;
        assert!(world.audit().calls > 0);
    }
    night_of_the_change(&world);
    let process = world.start_with(toml).await;
    let admin = process.admin(&world.admin_key);
    let usage = admin
        .get("/admin/usage?interval=hour&from=2026-03-28T23:00:00Z&to=2026-03-29T23:00:00Z")
        .await
        .json();
    let hours: Vec<_> =
        usage["data"].as_array().expect("points").iter().map(|point| point["requests"].clone()).collect();
    assert_eq!(hours, vec![json!(1); 24], "{usage}");
    for group_by in ["none", "key"] {
        for (asked, requests) in [
            ("interval=day&from=2026-03-29&to=2026-03-30", 23),
            ("interval=day&from=2026-03-28&to=2026-03-29", 1),
            ("interval=month&from=2026-03-29&to=2026-03-30", 24),
        ] {
            let usage = admin.get(&format!("/admin/usage?group_by={group_by}&{asked}")).await.json();
            assert_eq!(usage["data"][0]["requests"], requests, "{group_by} {asked}: {usage}");
        }
    }
    stop(process).await;
    world.audit();
}

/// A call in each hour from 23:00 UTC before the change in Berlin to 22:59 after it, free of charge.
fn night_of_the_change(world: &World) {
    let database = Connection::open(world.database()).expect("a database");
    let sql = "INSERT INTO receipts (account, call, key, started_at_ms, settled_at_ms, dialect, stream, model_asked,
                   route_reason, input_tokens, cached_input_tokens, output_tokens, reasoning_tokens, usage_source,
                   usage_suspect, cost_nanos, hold_nanos, charge_nanos, uncollected_nanos, outcome, rule, status,
                   total_us, attempts)
               SELECT account, randomblob(16), key, ?1, ?1, dialect, stream, model_asked, route_reason, 1, 0, 1, 0,
                      usage_source, 0, 0, 0, 0, 0, outcome, rule, status, 1, 1
               FROM receipts LIMIT 1";
    // 2026-03-28T23:30:00Z
    for hour in 0..24 {
        let at_ms = 1_774_740_600_000_i64 + hour * 3_600_000;
        assert_eq!(database.execute(sql, [at_ms]).expect("a row"), 1);
    }
}

async fn stop(mut process: Process) {
    process.signal("TERM");
    assert!(process.exit().await.success());
}
