//! What the admin API refuses, and how.

use axum::body::Body;
use axum::http::Request;
use serde_json::json;

use super::{ADMIN_KEY, Admin, request};

/// Method, path and body; the status, and the parameter that is named. ID is an account, GHOST is none.
const WRONG: &[(&str, &str, &str, u16, Option<&str>)] = &[
    ("POST", "/admin/accounts", "{}", 400, Some("name")),
    ("POST", "/admin/accounts", r#"{"name":7}"#, 400, Some("name")),
    ("POST", "/admin/accounts", r#"{"name":" "}"#, 400, Some("name")),
    ("POST", "/admin/accounts", r#"{"name":"a","kind":"free"}"#, 400, Some("kind")),
    ("POST", "/admin/accounts", r#"{"name":"a","plam":"x"}"#, 400, Some("plam")),
    ("POST", "/admin/accounts", r#"{"name":"a","name":"b"}"#, 400, Some("name")),
    ("POST", "/admin/accounts", "[]", 400, None),
    ("POST", "/admin/accounts", r#"["a",null,null]"#, 400, None),
    ("POST", "/admin/accounts", r#"{"name":"a"} {"#, 400, None),
    ("POST", "/admin/accounts", r#"{"name":null}"#, 400, Some("name")),
    ("POST", "/admin/accounts", r#"{"name":"a","plan":["x"]}"#, 400, Some("plan")),
    ("POST", "/admin/accounts", "{", 400, None),
    ("POST", "/admin/accounts", "", 400, None),
    ("POST", "/admin/accounts/ID/grants", r#"{"amount":1,"reference":"r"}"#, 400, Some("amount")),
    ("POST", "/admin/accounts/ID/grants", r#"{"amount":"0","reference":"r"}"#, 400, Some("amount")),
    ("POST", "/admin/accounts/ID/grants", r#"{"amount":"-1","reference":"r"}"#, 400, Some("amount")),
    (
        "POST",
        "/admin/accounts/ID/grants",
        r#"{"amount":"0.0000000001","reference":"r"}"#,
        400,
        Some("amount"),
    ),
    (
        "POST",
        "/admin/accounts/ID/grants",
        r#"{"amount":"1000000000.01","reference":"r"}"#,
        400,
        Some("amount"),
    ),
    ("POST", "/admin/accounts/ID/grants", r#"{"amount":"NaN","reference":"r"}"#, 400, Some("amount")),
    ("POST", "/admin/accounts/ID/grants", r#"{"amount":"1"}"#, 400, Some("reference")),
    ("POST", "/admin/accounts/ID/grants", r#"{"amount":"1","reference":""}"#, 400, Some("reference")),
    ("POST", "/admin/accounts/ID/grants", r#"{"amount":"1","reference":"a\nb"}"#, 400, Some("reference")),
    ("POST", "/admin/accounts/ID/keys", "{}", 400, Some("name")),
    ("POST", "/admin/accounts/ID/keys", r#"{"name":"a","secret":"mine"}"#, 400, Some("secret")),
    ("GET", "/admin/receipts", "", 404, None),
    ("GET", "/admin/activity?account=ID&limit=0", "", 400, Some("limit")),
    ("GET", "/admin/activity?account=ID&limit=1001", "", 400, Some("limit")),
    ("GET", "/admin/activity?account=ID&limit=-1", "", 400, Some("limit")),
    ("GET", "/admin/activity?account=ID&limit=", "", 400, Some("limit")),
    ("GET", "/admin/activity?account=ID&cursor=x", "", 400, Some("cursor")),
    ("GET", "/admin/activity?account=ID&limit=1&limit=2", "", 400, Some("limit")),
    ("GET", "/admin/activity?account=ID&offset=1", "", 400, Some("offset")),
    ("GET", "/admin/receipts/call_00000000000000000000000000000000", "", 404, None),
    ("GET", "/admin/accounts/GHOST", "", 404, None),
    ("GET", "/admin/accounts/blue", "", 404, None),
    ("GET", "/admin/accounts/%ff", "", 404, None),
    ("GET", "/admin/keys?account=GHOST", "", 404, None),
    ("POST", "/admin/accounts/GHOST/keys", r#"{"name":"a"}"#, 404, None),
    ("POST", "/admin/accounts/GHOST/grants", r#"{"amount":"1","reference":"r"}"#, 404, None),
    ("DELETE", "/admin/keys/key_00000000000000000000000000000000", "", 404, None),
    ("GET", "/admin/keys/key_00000000000000000000000000000000", "", 404, None),
    ("PATCH", "/admin/keys/key_00000000000000000000000000000000", "{}", 404, None),
    ("POST", "/admin/keys/key_00000000000000000000000000000000/rotate", "{}", 404, None),
    ("GET", "/admin/keys", "", 400, Some("account")),
    ("GET", "/admin/keys?account=ID&limit=0", "", 400, Some("limit")),
    ("GET", "/admin/nothing", "", 404, None),
    ("PATCH", "/admin/accounts", "{}", 405, None),
];

#[tokio::test]
async fn what_is_wrong_is_named_and_changes_nothing() {
    let admin = Admin::start().await;
    let id = admin.create_account(&json!({"name": "blue"})).await;
    let ghost = "acct_00000000000000000000000000000000";
    let long = json!({"amount": "1", "reference": "x".repeat(300)}).to_string();
    let too_long = ("POST", "/admin/accounts/ID/grants", long.as_str(), 400, Some("reference"));
    for (method, path, body, expected, param) in WRONG.iter().chain([&too_long]) {
        let path = path.replace("ID", &id).replace("GHOST", ghost);
        let (status, answer) = admin.ask(method, &path, body).await;
        let error = &answer["error"];
        assert_eq!(
            (status, error["param"].as_str()),
            (*expected, *param),
            "{method} {path} {body}: {answer}"
        );
        assert!(error["message"].is_string() && error["code"].is_string());
        assert_eq!(error["type"], "invalid_request_error");
    }
    let (_, accounts) = admin.ask("GET", "/admin/accounts", "").await;
    assert_eq!(accounts["data"].as_array().unwrap().len(), 1);
    assert_eq!(accounts["data"][0]["balance"]["granted"], "0.00");
}

#[tokio::test]
async fn bodies_are_bounded_and_must_be_json() {
    let admin = Admin::start().await;
    let large = json!({"name": "x".repeat(64 * 1024)}).to_string();
    assert_eq!(admin.ask("POST", "/admin/accounts", &large).await.0, 413);
    let mut form = request("POST", "/admin/accounts").body(Body::from(r#"{"name":"a"}"#)).unwrap();
    form.headers_mut().insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
    assert_eq!(admin.send(form).await.status(), 415);
    assert!(admin.ledger.accounts().is_empty());
}

#[tokio::test]
async fn nothing_answers_without_the_key_but_health() {
    let admin = Admin::start().await;
    let wrong = format!("Bearer {ADMIN_KEY}x");
    let scheme = format!("Basic {ADMIN_KEY}");
    for key in [None, Some(""), Some("Bearer "), Some(wrong.as_str()), Some(scheme.as_str()), Some(ADMIN_KEY)]
    {
        for (method, path) in
            [("GET", "/admin/accounts"), ("POST", "/admin/accounts"), ("GET", "/"), ("PUT", "/x")]
        {
            let mut request = request(method, path).body(Body::from(r#"{"name":"a"}"#)).unwrap();
            request.headers_mut().remove("authorization");
            if let Some(key) = key {
                request.headers_mut().insert("authorization", key.parse().unwrap());
            }
            assert_eq!(admin.send(request).await.status(), 401, "{method} {path} {key:?}");
        }
    }
    assert!(admin.ledger.accounts().is_empty());
    let health = Request::get("/healthz").header("host", "127.0.0.1").body(Body::empty()).unwrap();
    assert_eq!(admin.send(health).await.status(), 200);
    let cases = [format!("bearer {ADMIN_KEY}"), format!("BEARER  {ADMIN_KEY} ")];
    for key in cases {
        let mut request = request("GET", "/admin/accounts").body(Body::empty()).unwrap();
        request.headers_mut().insert("authorization", key.parse().unwrap());
        assert_eq!(admin.send(request).await.status(), 200, "{key}");
    }
}

#[tokio::test]
async fn a_foreign_host_is_turned_away_with_the_right_key() {
    let admin = Admin::start().await;
    for (host, expected) in [
        ("localhost", 200),
        ("LOCALHOST:8001", 200),
        ("127.0.0.1:8001", 200),
        ("[::1]:8001", 200),
        ("10.1.2.3", 200),
        ("gateway.internal:8001", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost.evil.example", 421),
        ("user@evil.example", 421),
        ("", 421),
    ] {
        let mut asked = request("GET", "/admin/accounts").body(Body::empty()).unwrap();
        asked.headers_mut().insert("host", host.parse().unwrap());
        assert_eq!(admin.send(asked).await.status().as_u16(), expected, "{host}");
    }
    let mut none = request("GET", "/admin/accounts").body(Body::empty()).unwrap();
    none.headers_mut().remove("host");
    assert_eq!(admin.send(none).await.status(), 421);
    let target =
        Request::get("http://evil.example/healthz").header("host", "localhost").body(Body::empty()).unwrap();
    assert_eq!(admin.send(target).await.status(), 421);
}
