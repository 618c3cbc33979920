//! What `tollgate check` says of providers that answer, refuse or are not there.

use std::net::SocketAddr;
use std::path::PathBuf;

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use domain::AccountKind;

use super::probe::probe;
use crate::clock::Clock;
use crate::config::{Config, Env, Overrides, Sources};
use crate::ledger::{Ledger, NewAccount, StoreConfig, Terms};

const MODELS: &str = r#"{"object":"list","data":[{"id":"a"},{"id":"b"}]}"#;

/// A provider whose list is open to everybody, and whose calls are answered with the status that the token names.
async fn start() -> SocketAddr {
    let status = |headers: HeaderMap| async move {
        let token =
            headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or("Bearer 401");
        token.trim_start_matches("Bearer ").parse::<StatusCode>().unwrap()
    };
    let router = Router::new()
        .route("/v1/models", get(|| async { MODELS }))
        .route("/v1/chat/completions", post(status))
        .route("/html/models", get(|| async { "<html>" }))
        .route("/moved/models", get(|| async { (StatusCode::FOUND, [("location", "http://127.0.0.1:1/")]) }))
        .route("/locked/models", get(status));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// What the probe of the first provider of `toml` says.
async fn ask(toml: &str, token: &str) -> (bool, String) {
    let sources = Sources {
        file: Some((PathBuf::from("t.toml"), toml.to_owned())),
        env: Env::of(&[("TOKEN", token)]),
        ..Sources::default()
    };
    let config = Config::resolve(sources).unwrap();
    let found = probe(config.providers.iter().find(|row| &*row.id == "p").unwrap()).await;
    assert!(token.is_empty() || !found.message.contains(&format!("Bearer {token}")));
    (found.ok, found.message)
}

#[tokio::test]
async fn every_kind_of_answer_has_its_words() {
    let at = start().await;
    let hf = "catalogue = \"huggingface\"\napi_key = \"env:TOKEN\"";
    for (path, rest, token, ok, words) in [
        ("v1", "", "", true, "lists 2 models"),
        ("v1", hf, "400", true, "lists 2 models"),
        ("v1", hf, "401", false, "refuses the credential (status 401): the one in TOKEN"),
        ("v1", hf, "402", false, "used up (status 402)"),
        ("v1", hf, "403", false, "lacks the permission \"Make calls to Inference Providers\""),
        ("v1", hf, "403", false, "https://huggingface.co/settings/tokens/new?"),
        ("v1", hf, "", false, "wants a credential (status 401): set TOKEN"),
        ("locked", "api_key = \"env:TOKEN\"", "401", false, "refuses the credential"),
        ("locked", "", "", false, "wants a credential (status 401): set api_key"),
        ("nowhere", "", "", false, "is base_url right?"),
        ("nowhere", "catalogue = \"none\"", "", true, "its model list is not used"),
        ("html", "", "", false, "is not a model list"),
        ("moved", "", "", false, "redirects elsewhere (status 302)"),
        ("locked", "api_key = \"env:TOKEN\"", "500", false, "fails with status 500"),
    ] {
        let toml = format!("[providers.p]\nbase_url = \"http://{at}/{path}\"\n{rest}");
        let (found_ok, message) = ask(&toml, token).await;
        assert!(found_ok == ok && message.contains(words), "{path} {rest} {token}: {message}");
    }
}

#[tokio::test]
async fn an_address_where_nobody_answers_is_told_by_its_cause() {
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = free.local_addr().unwrap();
    drop(free);
    let plain = start().await;
    for (url, words) in [
        (format!("http://{closed}/v1"), "the connection was refused"),
        (format!("https://{plain}/v1"), "does not speak TLS"),
        ("http://no-such-name.invalid/v1".to_owned(), "does not resolve (DNS)"),
    ] {
        let (ok, message) = ask(&format!("[providers.p]\nbase_url = \"{url}\""), "").await;
        assert!(!ok && message.starts_with("unreachable: ") && message.contains(words), "{url}: {message}");
    }
}

#[tokio::test]
async fn a_server_that_never_answers_is_told_after_the_deadline() {
    // It accepts, by the backlog of its socket, and says nothing.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", silent.local_addr().unwrap());
    let timeouts = "timeouts = { connect_ms = 30, first_byte_ms = 20 }";
    let (ok, message) = ask(&format!("[providers.p]\nbase_url = \"{url}\"\n{timeouts}"), "").await;
    assert!(!ok && message.contains("within 50 ms"), "{message}");
}

#[tokio::test]
async fn a_plan_that_accounts_are_on_and_that_is_gone_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("tollgate.db");
    let config = |toml: &str| {
        let sources = Sources {
            file: Some((PathBuf::from("t.toml"), toml.to_owned())),
            overrides: Overrides { data_dir: Some(folder.path().to_owned()), ..Overrides::default() },
            ..Sources::default()
        };
        Config::resolve(sources).unwrap()
    };
    assert!(super::missing_plans(&config("")).is_empty(), "no store yet");
    let ledger = Ledger::open(StoreConfig::Sqlite(store), Clock::System).unwrap();
    for plan in ["gone", "gone", "kept", "trial"] {
        let terms = Terms { plan: Some(plan.parse().unwrap()), trial_ends_at_ms: None };
        let new = NewAccount { name: plan.to_owned(), kind: AccountKind::Prepaid, terms };
        ledger.create_account(new).await.unwrap();
    }
    // While a gateway serves from it.
    assert_eq!(
        super::missing_plans(&config("[plans.kept]\n")),
        ["the plan 'gone' of 2 accounts does not exist: their calls are refused"]
    );
    ledger.close().await;
}

#[test]
fn traces_and_sign_ups_are_described() {
    let oidc = "enabled = true\nverifier = \"oidc\"\n[signup.oidc]\nissuer = \"https://id.example\"\naudience = \"us\"";
    for (toml, name, words) in [
        ("", "telemetry", "no traces are sent"),
        (
            "[telemetry]\notlp_endpoint = \"http://127.0.0.1:4318\"\notlp_headers = { x = \"hush\" }\nsample_per_mille = 5",
            "telemetry",
            "traces of 5 in 1,000 calls to http://127.0.0.1:4318/v1/traces",
        ),
        ("", "sign-up", "off"),
        ("[signup]\nenabled = true", "sign-up", "on, with invite codes; opens the plan trial"),
        (
            &format!("[signup]\n{oidc}"),
            "sign-up",
            "on, with ID tokens of https://id.example for us; opens the plan trial",
        ),
    ] {
        let sources =
            Sources { file: Some((PathBuf::from("t.toml"), toml.to_owned())), ..Sources::default() };
        let rows = super::describe::describe(&Config::resolve(sources).unwrap());
        let row = rows.iter().find(|row| row.0 == name).map(|row| row.1.as_str());
        assert_eq!(row, Some(words), "{toml}");
    }
}
