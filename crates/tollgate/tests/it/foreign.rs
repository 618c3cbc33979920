//! Ids of another account, in every position where an id can stand: each is an id that does not exist.

use hyper::Method;
use serde_json::{Value, json};

use crate::client::{Client, Reply};
use crate::described::described;
use crate::dialects::{Dialect, stored};
use crate::harness::{Gateway, ask};
use crate::public::stranger;
use crate::roles::other_accounts_manager;
use crate::sessions::items;

/// The routes of keys that take an id, and what the id is of. `MODEL` belongs to nobody. Where there are two ids, the
/// first is of another account in one row, and the second in the other.
const IDS: &[(&str, &str, &str, &str)] = &[
    ("GET", "/v1/generation?id={id}", "CALL", "{}"),
    ("GET", "/v1/models/{id}", "MODEL", "{}"),
    ("GET", "/v1/keys/{id}", "KEY", "{}"),
    ("PATCH", "/v1/keys/{id}", "KEY", "{}"),
    ("POST", "/v1/keys/{id}/rotate", "KEY", "{}"),
    ("DELETE", "/v1/keys/{id}", "KEY", "{}"),
    ("GET", "/v1/responses/{id}", "RESPONSE", ""),
    ("GET", "/v1/responses/{id}?stream=true", "RUN", ""),
    ("GET", "/v1/responses/{id}/input_items", "RESPONSE", ""),
    ("POST", "/v1/responses/{id}/cancel", "RESPONSE", ""),
    ("DELETE", "/v1/responses/{id}", "RESPONSE", ""),
    ("GET", "/v1/conversations/{id}", "CONVERSATION", ""),
    ("POST", "/v1/conversations/{id}", "CONVERSATION", r#"{"metadata":{"note":"taken"}}"#),
    ("GET", "/v1/conversations/{id}/items", "CONVERSATION", ""),
    (
        "POST",
        "/v1/conversations/{id}/items",
        "CONVERSATION",
        r#"{"items":[{"role":"user","content":"taken"}]}"#,
    ),
    ("GET", "/v1/conversations/{id}/items/THEIRS", "CONVERSATION", ""),
    ("GET", "/v1/conversations/OURS/items/{id}", "ITEM", ""),
    ("DELETE", "/v1/conversations/{id}/items/THEIRS", "CONVERSATION", ""),
    ("DELETE", "/v1/conversations/OURS/items/{id}", "ITEM", ""),
    ("DELETE", "/v1/conversations/{id}", "CONVERSATION", ""),
];

/// A described path, with nothing but places where its ids are.
fn places(path: &str) -> String {
    let path = path.split('?').next().unwrap_or(path);
    let id = |part: &str| part.starts_with('{') || matches!(part, "THEIRS" | "OURS");
    path.split('/').map(|part| if id(part) { "{}" } else { part }).collect::<Vec<_>>().join("/")
}

/// What an account has that others may not find.
struct Belongings {
    call: String,
    key: String,
    response: String,
    run: String,
    conversation: String,
    item: String,
}

impl Belongings {
    async fn of(client: &Client, manager: &Client) -> Belongings {
        let call = client.chat(&ask("Hello")).await.call_id();
        let key = text(&manager.get("/v1/keys").await.json()["data"][0]["id"]);
        let response = Dialect::Responses.question(client, "Hello", false).await.response();
        let mut body = Dialect::Responses.ask("Hello");
        body["background"] = json!(true);
        let run = text(&client.post("/v1/responses", body.to_string()).await.json()["id"]);
        let body = json!({"items": [{"role": "user", "content": "Mine"}]}).to_string();
        let conversation = text(&client.post("/v1/conversations", body).await.json()["id"]);
        let item =
            &client.get(&format!("/v1/conversations/{conversation}/items")).await.json()["data"][0]["id"];
        Belongings { call, key, response, run, conversation, item: text(item) }
    }

    fn id(&self, what: &str) -> Option<&str> {
        Some(match what {
            "CALL" => &self.call,
            "KEY" => &self.key,
            "RESPONSE" => &self.response,
            "RUN" => &self.run,
            "CONVERSATION" => &self.conversation,
            "ITEM" => &self.item,
            _ => return None,
        })
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a text in place of {value}")).to_owned()
}

/// The same id, but for its last digit.
fn almost(id: &str) -> String {
    let last = if id.ends_with('0') { '1' } else { '0' };
    format!("{}{last}", &id[..id.len() - 1])
}

#[tokio::test]
async fn an_id_of_another_account_is_an_id_that_does_not_exist() {
    let gateway = Gateway::start().await;
    for route in described(&gateway.client).await {
        let takes_id = route.path.contains('{') || route.query.iter().any(|name| name == "id");
        let listed = IDS.iter().any(|(method, path, _, _)| {
            *method == route.method.as_str() && places(path) == places(&route.path)
        });
        assert_eq!(takes_id, listed, "{} {} takes an id: add it to the table", route.method, route.path);
    }
    let stranger = stranger(&gateway).await;
    let managing = stranger.with_key(&other_accounts_manager(&gateway).await);
    let theirs = Belongings::of(&stranger, &managing).await;
    let manager = gateway.make_key(json!({"name": "manager", "role": "management"})).await.client;
    let ours = Belongings::of(&gateway.client, &manager).await;
    let fill = |path: &str, ours: &str| path.replace("THEIRS", &theirs.item).replace("OURS", ours);
    for (method, path, what, body) in IDS {
        let Some(foreign) = theirs.id(what) else { continue };
        let (owner, client) =
            if *what == "KEY" { (&managing, &manager) } else { (&stranger, &gateway.client) };
        let get = async |client: &Client, conversation: &str, id: &str| {
            let method: Method = method.parse().expect("a method");
            let path = fill(path, conversation).replace("{id}", id);
            Reply::read(client.send(method, &path, *body).await).await
        };
        if *method == "GET" {
            let own = get(owner, &theirs.conversation, foreign).await;
            assert_eq!(own.status, 200, "{path}: its own: {own:?}");
        }
        let refused = get(client, &ours.conversation, foreign).await;
        assert_eq!(refused.status, 404, "{path}: another's: {refused:?}");
        for unknown in [almost(foreign).as_str(), "nonsense", "%00", "99999999999999999999"] {
            let reply = get(client, &ours.conversation, unknown).await;
            assert_eq!((reply.status, &reply.body), (refused.status, &refused.body), "{path} {unknown}");
        }
    }
    let untouched = managing.get(&format!("/v1/keys/{}", theirs.key)).await.json();
    assert_eq!((&untouched["revoked_at"], &untouched["rotated_at"]), (&Value::Null, &Value::Null));
    let untouched = stranger.get(&format!("/v1/conversations/{}", theirs.conversation)).await.json();
    assert_eq!(untouched["metadata"], json!({}));
    assert_eq!(items(&stranger, &theirs.conversation).await, ["user: Mine"]);
    for id in [&theirs.response, &theirs.run] {
        assert_eq!(stored(&stranger, id).await.status, 200);
    }
    in_other_positions(&gateway, &ours, &theirs).await;
    gateway
        .until("all have ended", async |_| {
            stored(&stranger, &theirs.run).await.json()["status"] == "completed"
        })
        .await;
    gateway.settled().await;
    assert!(gateway.finish().await);
}

/// A request that has an id in one position: its method, path and body.
type Asks<'a> = &'a dyn Fn(&str) -> (Method, String, String);

/// Ids in bodies and cursors. What is told of a foreign one is told of an unknown one, but for the id itself.
async fn in_other_positions(gateway: &Gateway, ours: &Belongings, theirs: &Belongings) {
    let ask = |name: &str, value: Value| {
        let mut body = Dialect::Responses.ask("Hello");
        body[name] = value;
        (Method::POST, "/v1/responses".to_owned(), body.to_string())
    };
    let reference = |id: &str| ask("input", json!([{"type": "item_reference", "id": id}]));
    let cursor = |list: String, id: &str| (Method::GET, format!("{list}?after={id}"), String::new());
    let (response, conversation) = (&ours.response, &ours.conversation);
    let positions: [(&str, Asks<'_>); 6] = [
        (&theirs.response, &|id| ask("previous_response_id", json!(id))),
        (&theirs.conversation, &|id| ask("conversation", json!(id))),
        (&theirs.conversation, &|id| ask("conversation", json!({"id": id}))),
        (&theirs.item, &reference),
        (&theirs.item, &|id| cursor(format!("/v1/responses/{response}/input_items"), id)),
        (&theirs.item, &|id| cursor(format!("/v1/conversations/{conversation}/items"), id)),
    ];
    let sent = gateway.chats().len();
    for (foreign, request) in positions {
        let told = async |id: &str| {
            let (method, path, body) = request(id);
            let reply = Reply::read(gateway.client.send(method, &path, body).await).await;
            let said = String::from_utf8_lossy(&reply.body).replace(id, "ID");
            (reply.status.as_u16(), said)
        };
        let refused = told(foreign).await;
        assert_eq!(refused.0, 404, "{refused:?}");
        for unknown in [almost(foreign).as_str(), "nonsense"] {
            assert_eq!(told(unknown).await, refused, "{unknown}");
        }
    }
    assert_eq!(gateway.chats().len(), sent);
    // A session's name is each account's own.
    let stranger = stranger(gateway).await;
    for (client, text) in [(&stranger, "Theirs"), (&gateway.client, "Ours")] {
        let mut body = Dialect::Chat.ask(text);
        body["session_id"] = json!("the same name");
        assert_eq!(client.chat(&body).await.status, 200);
        assert_eq!(gateway.heard(), [format!("user: {text}")]);
    }
}
