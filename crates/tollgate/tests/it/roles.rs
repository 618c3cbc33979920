//! Who may use what: every route of both listeners, as their descriptions list them, by every kind of caller.

use bytes::Bytes;
use hyper::Method;
use serde_json::{Value, json};
use tollgate::admin::view::rfc3339;
use tollgate::clock::Clock;

use crate::client::{Client, Reply};
use crate::described::{Described, described};
use crate::dialects::{Dialect, stored};
use crate::harness::{ADMIN_KEY, Gateway, ask};
use crate::public::stranger;
use crate::sessions::items;

/// What a caller gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gets {
    /// Whatever the route has to say.
    Served,
    /// 401, with this code.
    Unknown(&'static str),
    /// 403, with this code.
    Forbidden(&'static str),
}

use Gets::{Forbidden, Served, Unknown};

const NO_KEY: Gets = Unknown("invalid_api_key");
const NO_ADMIN: Gets = Unknown("invalid_admin_key");
const NO_MANAGER: Gets = Forbidden("management_key_required");
const EXPIRED: Gets = Unknown("key_expired");
const ELSEWHERE: Gets = Forbidden("address_not_allowed");

/// A kind of caller: its name, its key, and what it gets from routes of each role of the listener.
type Caller = (&'static str, String, fn(&str) -> Gets);

/// The roles of the public listener, for one kind of caller.
macro_rules! gets {
    ($($role:ident: $gets:expr),* $(,)?) => {
        |role| match role { $(stringify!($role) => $gets,)* other => panic!("no rule for the role '{other}'") }
    };
}

#[tokio::test]
async fn every_route_of_the_public_listener_gives_each_caller_what_its_role_says() {
    let gateway = Gateway::start().await;
    let revoked = revoked_key(&gateway).await;
    let expired = expired_key(&gateway).await;
    let manager = gateway.make_key(json!({"name": "manager", "role": "management"})).await.secret;
    let elsewhere = json!({"name": "elsewhere", "role": "management", "networks": ["203.0.113.0/24"]});
    let elsewhere = gateway.make_key(elsewhere).await.secret;
    let other = other_accounts_manager(&gateway).await;
    let callers: &[Caller] = &[
        ("no key", String::new(), gets!(public: Served, key: NO_KEY, management: NO_KEY)),
        ("unknown", "tg-unknown".to_owned(), gets!(public: Served, key: NO_KEY, management: NO_KEY)),
        ("revoked", revoked, gets!(public: Served, key: NO_KEY, management: NO_KEY)),
        ("expired", expired, gets!(public: Served, key: EXPIRED, management: EXPIRED)),
        ("elsewhere", elsewhere, gets!(public: Served, key: ELSEWHERE, management: ELSEWHERE)),
        ("user", gateway.key.clone(), gets!(public: Served, key: Served, management: NO_MANAGER)),
        ("management", manager, gets!(public: Served, key: Served, management: Served)),
        ("another account's", other, gets!(public: Served, key: Served, management: Served)),
        ("admin", ADMIN_KEY.to_owned(), gets!(public: Served, key: NO_KEY, management: NO_KEY)),
    ];
    assert_matrix(&gateway.client, callers).await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn every_route_of_the_admin_listener_gives_each_caller_what_its_role_says() {
    let gateway = Gateway::start().await;
    let manager = gateway.make_key(json!({"name": "manager", "role": "management"})).await.secret;
    let callers: &[Caller] = &[
        ("no key", String::new(), gets!(public: Served, admin: NO_ADMIN)),
        ("wrong", format!("{ADMIN_KEY}x"), gets!(public: Served, admin: NO_ADMIN)),
        ("user", gateway.key.clone(), gets!(public: Served, admin: NO_ADMIN)),
        ("management", manager, gets!(public: Served, admin: NO_ADMIN)),
        ("admin", ADMIN_KEY.to_owned(), gets!(public: Served, admin: Served)),
    ];
    assert_matrix(&gateway.admin, callers).await;
    assert!(gateway.finish().await);
}

async fn assert_matrix(listener: &Client, callers: &[Caller]) {
    let routes = described(listener).await;
    assert!(routes.len() > 5, "{routes:?}");
    for route in &routes {
        for (name, key, gets) in callers {
            let client = listener.with_key(key);
            let reply = send(&client, route).await;
            let declared = gets(&route.role);
            let got = match reply.status.as_u16() {
                401 => Unknown(code_in(
                    &told_by_code(&client, route, &reply).await,
                    &[NO_KEY, NO_ADMIN, EXPIRED],
                )),
                403 => {
                    Forbidden(code_in(&told_by_code(&client, route, &reply).await, &[NO_MANAGER, ELSEWHERE]))
                }
                405 => panic!("{route:?} is described and not served"),
                500.. => panic!("{name}: {} {} failed: {reply:?}", route.method, route.path),
                _ => Served,
            };
            assert_eq!(got, declared, "{name}: {} {}: {reply:?}", route.method, route.path);
            assert!(route.answers(reply.status), "{name}: {} is not described: {route:?}", reply.status);
        }
    }
}

/// The code of a refusal. Anthropic's shape has none: there the type follows from the status, and the words are those
/// that the same caller reads with the code at the path of chat.
async fn told_by_code(client: &Client, route: &Described, reply: &Reply) -> String {
    if !route.path.starts_with("/v1/messages") {
        return reply.code();
    }
    let twin =
        Reply::read(client.send_with(Method::POST, "/v1/chat/completions", &[], Bytes::new()).await).await;
    let kind = if reply.status == 401 { "authentication_error" } else { "permission_error" };
    let error = &reply.json()["error"];
    assert_eq!((&error["type"], &error["message"]), (&json!(kind), &twin.json()["error"]["message"]));
    assert_eq!(reply.status, twin.status);
    twin.code()
}

/// The code of an error, which must be one of those known.
fn code_in(code: &str, known: &[Gets]) -> &'static str {
    let codes = known.iter().filter_map(|gets| match gets {
        Unknown(code) | Forbidden(code) => Some(*code),
        Served => None,
    });
    codes.into_iter().find(|known| *known == code).unwrap_or_else(|| panic!("the code '{code}'"))
}

/// Asks without a body and with an id that nobody has: who calls is judged before either.
async fn send(client: &Client, route: &Described) -> Reply {
    let path = route.path_with("nothing");
    Reply::read(client.send_with(route.method.clone(), &path, &[], Bytes::new()).await).await
}

async fn revoked_key(gateway: &Gateway) -> String {
    let path = format!("/admin/accounts/{}/keys", gateway.account);
    let made = gateway.admin.post(&path, json!({"name": "revoked"}).to_string()).await.json();
    let id = made["id"].as_str().expect("an id");
    assert_eq!(gateway.admin.delete(&format!("/admin/keys/{id}")).await.status, 200);
    made["secret"].as_str().expect("a secret").to_owned()
}

/// A management key whose time is over.
async fn expired_key(gateway: &Gateway) -> String {
    let soon_ms = Clock::System.now_ms() + 500;
    let body = json!({"name": "expired", "role": "management", "expires_at": rfc3339(soon_ms)});
    let key = gateway.make_key(body).await;
    gateway.until("it expires", async |_| key.client.get("/v1/key").await.status == 401).await;
    key.secret
}

/// A management key of another account.
async fn other_accounts_manager(gateway: &Gateway) -> String {
    let account = gateway.admin.post("/admin/accounts", json!({"name": "other"}).to_string()).await.json();
    let keys = format!("/admin/accounts/{}/keys", account["id"].as_str().expect("an id"));
    let body = json!({"name": "theirs", "role": "management"}).to_string();
    gateway.admin.post(&keys, body).await.json()["secret"].as_str().expect("a secret").to_owned()
}

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
    let positions: [(&str, &dyn Fn(&str) -> (Method, String, String)); 6] = [
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

#[tokio::test]
async fn other_methods_of_every_described_path_are_refused() {
    let gateway = Gateway::start().await;
    for client in [&gateway.client, &gateway.admin] {
        let routes = described(client).await;
        for route in &routes {
            for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
                let described = routes.iter().any(|other| other.path == route.path && other.method == method);
                let path = route.path_with("nothing");
                let reply = Reply::read(client.send(method.clone(), &path, Bytes::new()).await).await;
                assert_eq!(reply.status != 405, described, "{method} {path}: {reply:?}");
                let told: Option<Value> = serde_json::from_slice(&reply.body).ok();
                let message = told.map(|told| told["error"]["message"].to_string()).unwrap_or_default();
                assert!(
                    !message.contains("There is no route") && !message.contains("nothing at"),
                    "{message}"
                );
            }
        }
    }
    assert!(gateway.finish().await);
}
