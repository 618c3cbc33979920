//! What a management key may still do when its request is done: not what it might when the request began, nor by a
//! secret that was replaced, nor to the keys that it comes from.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{Client, Reply};
use crate::harness::{Gateway, soon};
use crate::keys::{Made, patch};

async fn post(client: &Client, path: &str, body: &Value) -> Reply {
    client.post(path, body.to_string()).await
}

fn refused(reply: &Reply) -> (u16, String) {
    (reply.status.as_u16(), reply.code())
}

/// A request whose head the gateway has taken, and whose body is not sent yet.
struct Begun {
    stream: TcpStream,
    body: String,
}

impl Begun {
    /// The gateway asks for the body (100) once it knows who calls.
    async fn new(gateway: &Gateway, request: &str, secret: &str, body: &Value) -> Begun {
        let address = gateway.url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        let body = body.to_string();
        let head = format!(
            "{request} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {secret}\r\nexpect: 100-continue\r\n\
             content-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.expect("the gateway reads");
        let mut told = [0; 25];
        soon("the gateway asks for the body", stream.read_exact(&mut told)).await.expect("an answer");
        assert_eq!(&told, b"HTTP/1.1 100 Continue\r\n\r\n");
        Begun { stream, body }
    }

    /// Sends the body: the status, and the JSON of the answer.
    async fn end(mut self) -> (u16, Value) {
        self.stream.write_all(self.body.as_bytes()).await.expect("the gateway reads");
        let mut answer = String::new();
        soon("an answer", self.stream.read_to_string(&mut answer)).await.expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).expect("a status");
        (status, serde_json::from_str(body).expect("JSON"))
    }
}

#[tokio::test]
async fn a_key_that_ends_before_the_body_of_its_request_manages_nothing() {
    let gateway = Gateway::start().await;
    let target = gateway.make_key(json!({"name": "target"})).await;
    let path = format!("/v1/keys/{}", target.id);
    let before = gateway.show_key(&target.id).await;
    let keys = async || {
        let all = gateway.admin.get(&format!("/admin/keys?account={}", gateway.account)).await.json();
        all["data"].as_array().expect("keys").len()
    };
    for (request, body) in [
        ("POST /v1/keys".to_owned(), json!({"name": "back door", "role": "management"})),
        (format!("PATCH {path}"), json!({"name": "mine"})),
        (format!("POST {path}/rotate"), json!({})),
    ] {
        for (ending, code) in [
            ("revoked", (401, "invalid_api_key")),
            ("expired", (401, "invalid_api_key")),
            ("rotated", (403, "secret_replaced")),
            ("rotated with an overlap", (403, "secret_replaced")),
        ] {
            let lead = gateway.make_key(json!({"name": "lead", "role": "management"})).await;
            let count = keys().await;
            let begun = Begun::new(&gateway, &request, &lead.secret, &body).await;
            let admin_path = format!("/admin/keys/{}", lead.id);
            let rotate = format!("{admin_path}/rotate");
            let ended = match ending {
                "revoked" => gateway.admin.delete(&admin_path).await,
                "expired" => {
                    let soon = tollgate::time::rfc3339(tollgate::clock::Clock::System.now_ms() + 200);
                    let changed = patch(&gateway.admin, &admin_path, json!({"expires_at": soon})).await;
                    gateway
                        .until("it expires", async |_| lead.client.get("/v1/key").await.status == 401)
                        .await;
                    changed
                }
                "rotated" => post(&gateway.admin, &rotate, &json!({})).await,
                _ => post(&gateway.admin, &rotate, &json!({"overlap_s": 3600})).await,
            };
            assert_eq!(ended.status, 200, "{ended:?}");
            let (status, answer) = begun.end().await;
            assert_eq!((status, &answer["error"]["code"]), (code.0, &json!(code.1)), "{ending}: {request}");
            assert_eq!(keys().await, count, "{ending}: {request}");
        }
    }
    assert_eq!(gateway.show_key(&target.id).await, before);
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_key_that_is_narrowed_before_the_body_of_its_request_stays_narrow() {
    let gateway = Gateway::start().await;
    let narrow = json!({"models": ["openai/*"], "expires_at": "3000-01-01T00:00:00.000Z"});
    let started = async |request: &str, body: Value| {
        let lead = gateway.make_key(json!({"name": "lead", "role": "management"})).await;
        let request = request.replace("{self}", &format!("/v1/keys/{}", lead.id));
        let begun = Begun::new(&gateway, &request, &lead.secret, &body).await;
        let narrowed = patch(&gateway.admin, &format!("/admin/keys/{}", lead.id), narrow.clone()).await;
        assert_eq!(narrowed.status, 200);
        (lead, begun.end().await)
    };
    let unbound = json!({"models": null, "expires_at": null});
    let (lead, (status, _)) = started("PATCH {self}", unbound).await;
    let after = gateway.show_key(&lead.id).await;
    assert_eq!(
        (status, &after["models"], &after["expires_at"]),
        (200, &narrow["models"], &narrow["expires_at"])
    );

    let (lead, (status, made)) = started("POST /v1/keys", json!({"name": "child"})).await;
    assert_eq!((status, &made["maker_id"]), (200, &json!(lead.id)));
    assert_eq!((&made["models"], &made["expires_at"]), (&narrow["models"], &narrow["expires_at"]));
    let (_, (status, told)) = started("POST /v1/keys", json!({"name": "child", "models": ["*"]})).await;
    assert_eq!((status, &told["error"]["code"]), (403, &json!("rights_exceeded")));
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_secret_that_was_replaced_calls_and_reads_and_manages_nothing() {
    let gateway = Gateway::start().await;
    let lead = gateway.make_key(json!({"name": "lead", "role": "management"})).await;
    let other = gateway.make_key(json!({"name": "other"})).await;
    let own = format!("/v1/keys/{}", lead.id);
    let rotated = post(&lead.client, &format!("{own}/rotate"), &json!({"overlap_s": 3600})).await;
    let owner = Made::of(&gateway.client, &rotated);
    for path in ["/v1/key", "/v1/keys", own.as_str()] {
        assert_eq!(lead.client.get(path).await.status, 200, "{path}");
    }
    let others = format!("/v1/keys/{}", other.id);
    for reply in [
        post(&lead.client, &format!("{own}/rotate"), &json!({})).await,
        post(&lead.client, &format!("{others}/rotate"), &json!({})).await,
        post(&lead.client, "/v1/keys", &json!({"name": "a"})).await,
        patch(&lead.client, &own, json!({"name": "a"})).await,
        lead.client.delete(&own).await,
        lead.client.delete(&others).await,
    ] {
        assert_eq!(refused(&reply), (403, "secret_replaced".to_owned()), "{reply:?}");
    }
    assert_eq!(post(&owner.client, "/v1/keys", &json!({"name": "a"})).await.status, 200);
    assert_eq!(owner.client.delete(&others).await.status, 200);
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_key_touches_none_of_its_makers() {
    let gateway = Gateway::start().await;
    let body = json!({"name": "one", "role": "management"});
    let first = gateway.make_key(body.clone()).await;
    let second = Made::of(&gateway.client, &post(&first.client, "/v1/keys", &body).await);
    let third = Made::of(&gateway.client, &post(&second.client, "/v1/keys", &body).await);
    let fourth = Made::of(&gateway.client, &post(&first.client, "/v1/keys", &body).await);
    for (asks, maker) in [(&second, &first), (&third, &second), (&third, &first), (&fourth, &first)] {
        let path = format!("/v1/keys/{}", maker.id);
        for reply in [
            post(&asks.client, &format!("{path}/rotate"), &json!({})).await,
            patch(&asks.client, &path, json!({"name": "mine"})).await,
            asks.client.delete(&path).await,
        ] {
            assert_eq!(refused(&reply), (403, "key_is_maker".to_owned()), "{reply:?}");
        }
    }
    // Itself, and those that neither made the other, it may.
    for (asks, key) in [(&third, &third), (&third, &fourth), (&fourth, &second), (&first, &third)] {
        let renamed = patch(&asks.client, &format!("/v1/keys/{}", key.id), json!({"name": "renamed"})).await;
        assert_eq!(renamed.status, 200, "{renamed:?}");
    }
    assert_eq!(second.client.delete(&format!("/v1/keys/{}", third.id)).await.status, 200);
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_key_that_is_looser_than_a_plan_that_was_tightened_can_be_changed_but_not_loosened() {
    let gateway = Gateway::start().await;
    let tighten = async |rate: u64| {
        let reply = gateway
            .admin
            .put("/admin/plans/small", json!({"key": {"requests_per_minute": rate}}).to_string());
        assert_eq!(reply.await.status, 200);
    };
    tighten(100).await;
    let account = format!("/admin/accounts/{}", gateway.account);
    assert_eq!(patch(&gateway.admin, &account, json!({"plan": "small"})).await.status, 200);
    let lead = gateway.make_key(json!({"name": "lead", "role": "management"})).await;
    let key = gateway.make_key(json!({"name": "old", "limits": {"requests_per_minute": 50}})).await;
    tighten(10).await;
    for (client, path) in
        [(&gateway.admin, format!("/admin/keys/{}", key.id)), (&lead.client, format!("/v1/keys/{}", key.id))]
    {
        for changes in [
            json!({"name": "new"}),
            json!({"labels": {"team": "blue"}, "models": ["openai/*"]}),
            json!({"limit": 1.5}),
            json!({"limits": {"requests_per_minute": 50}}),
        ] {
            let changed = patch(client, &path, changes.clone()).await;
            assert_eq!(changed.status, 200, "{path} {changes}: {changed:?}");
            assert_eq!(changed.json()["limits"]["requests_per_minute"], 50);
        }
        for rate in [11, 49, 51] {
            let reply = patch(client, &path, json!({"limits": {"requests_per_minute": rate}})).await;
            assert_eq!(refused(&reply), (400, "invalid_value".to_owned()), "{rate}");
        }
    }
    assert!(gateway.finish().await);
}
