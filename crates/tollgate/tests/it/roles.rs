//! Who may use what: every route of both listeners, as their descriptions list them, by every kind of caller.

use bytes::Bytes;
use hyper::Method;
use serde_json::{Value, json};
use tollgate::clock::Clock;
use tollgate::time::rfc3339;

use crate::client::{Client, Reply};
use crate::described::{Described, described};
use crate::harness::{ADMIN_KEY, Gateway};

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
pub(crate) async fn other_accounts_manager(gateway: &Gateway) -> String {
    let account = gateway.admin.post("/admin/accounts", json!({"name": "other"}).to_string()).await.json();
    let keys = format!("/admin/accounts/{}/keys", account["id"].as_str().expect("an id"));
    let body = json!({"name": "theirs", "role": "management"}).to_string();
    gateway.admin.post(&keys, body).await.json()["secret"].as_str().expect("a secret").to_owned()
}

#[tokio::test]
async fn other_methods_of_every_described_path_are_refused() {
    let gateway = Gateway::start().await;
    for client in [&gateway.client, &gateway.admin] {
        let routes = described(client).await;
        for route in &routes {
            for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
                let described = routes.iter().any(|other| other.path == route.path && other.method == method);
                let path = route.path_of_nobody();
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
