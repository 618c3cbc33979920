//! Idempotency keys at the admin API: who may see a secret again, and what happens to work whose client is gone.

use axum::body::{Body, to_bytes};
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;
use domain::AccountKind;
use futures_util::FutureExt;
use tower::ServiceExt;

use super::{Admin, request};
use crate::admin::router;
use crate::entropy::Entropy;
use crate::http::Answering;
use crate::idempotency::{Asked, Begun, HEADER, Refused, begin};
use crate::keys::AdminKey;
use crate::ledger::{Ledger, LedgerError, NewAccount, Scope, Terms};
use serde_json::json;

async fn said(response: Response<Body>) -> (u16, String) {
    let status = response.status().as_u16();
    let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, String::from_utf8(bytes.to_vec()).unwrap())
}

#[tokio::test]
async fn a_secret_is_shown_again_to_the_credential_that_asked_first_and_to_no_other() {
    let admin = Admin::start().await;
    let account = admin.create_account(&json!({"name": "Ada", "kind": "prepaid"})).await;
    let path = format!("/admin/accounts/{account}/keys");
    let body = r#"{"name": "nightly"}"#;
    let ask = || request("POST", &path).header(HEADER, "k").body(Body::from(body)).unwrap();
    let first = said(admin.send(ask()).await).await;
    assert_eq!((first.0, said(admin.send(ask()).await).await), (200, first.clone()));

    let other = "another-admin-key-of-these-tests";
    let entropy = Entropy::System;
    let (admin_key, _) = AdminKey::load_or_create(Some(other), &admin.ledger, &entropy).await.unwrap();
    let replaced = router(admin.state(admin_key));
    let mut asked = ask();
    asked.headers_mut().insert("authorization", format!("Bearer {other}").parse().unwrap());
    let refused = said(replaced.oneshot(asked).await.unwrap()).await;
    assert!(refused.0 == 409 && refused.1.contains("idempotency_other_credential"), "{refused:?}");
    assert_eq!(admin.keys.page(account.parse().unwrap(), None, 10).len(), 1, "and no other key was made");
}

/// What a request under the key `k` is at the moment.
async fn ask(admin: &Admin) -> Result<Option<Begun>, Refused> {
    let mut headers = axum::http::HeaderMap::new();
    headers.insert(HEADER, "k".parse().unwrap());
    let asked = Asked { scope: Scope::OPERATOR, route: "/here", parts: &[b"body"], credential: None };
    begin(&admin.ledger, admin.keys.entropy(), &headers, &asked).await
}

async fn first(admin: &Admin) -> Answering {
    match ask(admin).await {
        Ok(Some(Begun::First(once))) => Answering::new(Some(once)),
        _ => panic!("it is not the first"),
    }
}

/// A new account, answered with its name.
async fn make_account(ledger: Ledger, once: Answering, name: &str) -> Result<Response<Body>, LedgerError> {
    let new = NewAccount { name: name.to_owned(), kind: AccountKind::Prepaid, terms: Terms::default() };
    ledger.create_account(new).answered(move |account| once.of(StatusCode::OK, &account.name)).await
}

#[tokio::test]
async fn what_has_begun_is_done_and_kept_although_its_client_has_left() {
    let admin = Admin::start().await;
    let (go, gate) = std::sync::mpsc::sync_channel::<()>(1);
    let mut busy = Box::pin(admin.ledger.on_writer(move |_| gate.recv().map_err(|_| LedgerError::Closed)));
    assert!((&mut busy).now_or_never().is_none(), "the writer waits for the gate");
    let mut asking = Box::pin(make_account(admin.ledger.clone(), first(&admin).await, "Ada"));
    assert!((&mut asking).now_or_never().is_none(), "it waits for its turn");
    drop(asking);
    assert!(matches!(ask(&admin).await, Err(Refused::InProgress)));
    go.send(()).unwrap();
    busy.await.unwrap();
    let replay = loop {
        match ask(&admin).await {
            Ok(Some(Begun::Repeat(replay))) => break replay,
            Err(Refused::InProgress) => tokio::task::yield_now().await,
            _ => panic!("it was given up"),
        }
    };
    assert_eq!(said(replay.into_response()).await, (200, r#""Ada""#.to_owned()));
    assert_eq!(admin.ledger.accounts().len(), 1);
}

#[tokio::test]
async fn what_fails_or_is_given_up_may_be_tried_again() {
    let admin = Admin::start().await;
    let make = async |name| make_account(admin.ledger.clone(), first(&admin).await, name).await;
    assert!(make("").await.is_err(), "an account has a name");
    drop(first(&admin).await);
    assert_eq!(make("Ada").await.unwrap().status(), 200);
    assert!(matches!(ask(&admin).await, Ok(Some(Begun::Repeat(_)))));
    assert_eq!(admin.ledger.accounts().len(), 1);
}

#[tokio::test]
async fn the_operator_grants_also_where_the_account_has_filled_its_idempotency_keys() {
    let admin = Admin::start().await;
    let account = admin.create_account(&json!({"name": "Ada", "kind": "prepaid"})).await;
    let scope = Scope::of_account(account.parse().unwrap());
    let mut held = Vec::new();
    loop {
        let mut headers = axum::http::HeaderMap::new();
        headers.insert(HEADER, held.len().into());
        let asked = Asked { scope, route: "/v1/chat/completions", parts: &[b"body"], credential: None };
        match begin(&admin.ledger, admin.keys.entropy(), &headers, &asked).await {
            Ok(begun) => held.push(begun),
            Err(Refused::Full) => break,
            Err(_) => panic!("it is neither taken nor refused"),
        }
    }
    let grant = Body::from(r#"{"amount": "1", "reference": "invoice"}"#);
    let grant = request("POST", &format!("/admin/accounts/{account}/grants")).header(HEADER, "k").body(grant);
    assert_eq!(admin.send(grant.unwrap()).await.status(), 200);
}
