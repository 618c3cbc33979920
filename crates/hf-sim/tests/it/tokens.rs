//! Who may call.

use serde_json::json;

use crate::client::{ask, call, get, sim};

const CHAT: &str = "/v1/chat/completions";

#[tokio::test]
async fn each_class_of_token_has_its_answer() {
    let sim = sim();
    let body = ask("openai/gpt-oss-20b", "Hi").to_string();
    for (authorization, status, begins) in [
        (Some("Bearer hf_anything"), 200, ""),
        (Some("bearer hf_oauth_x"), 200, ""),
        (None, 401, "Invalid username or password."),
        (Some("Bearer sk-other"), 401, "Invalid username or password."),
        (Some("Bearer hf_"), 401, "Invalid username or password."),
        (Some("Basic hf_good"), 401, "Invalid username or password."),
        (
            Some("Bearer hf_noinference"),
            403,
            "This authentication method does not have sufficient permissions",
        ),
        (Some("Bearer hf_broke2"), 402, "You have depleted your monthly included credits."),
    ] {
        let headers: Vec<_> = authorization.iter().map(|value| ("authorization", *value)).collect();
        let reply = call(&sim, "POST", CHAT, &headers, &body).await;
        assert_eq!(reply.status, status, "{authorization:?}");
        let error = reply.json()["error"].clone();
        assert!(error.as_str().unwrap_or_default().starts_with(begins), "{authorization:?}: {error}");
    }
}

#[tokio::test]
async fn an_organisation_may_be_billed_unless_it_is_unknown() {
    let sim = sim();
    let body = ask("openai/gpt-oss-20b", "Hi").to_string();
    for (organisation, status) in [("acme", 200), ("org-unknown", 403)] {
        let headers = [("authorization", "Bearer hf_x"), ("x-hf-bill-to", organisation)];
        let reply = call(&sim, "POST", CHAT, &headers, &body).await;
        assert_eq!(reply.status, status, "{organisation}");
    }
    assert_eq!(sim.requests()[0].header("x-hf-bill-to"), Some("acme"));
}

#[tokio::test]
async fn the_model_list_needs_no_token_and_other_paths_do_not_exist() {
    let sim = sim();
    assert_eq!(get(&sim, "/v1/models").await.status, 200);
    let wrong = get(&sim, "/v1/embeddings").await;
    assert_eq!((wrong.status, wrong.json()), (404, json!({ "error": "Not Found" })));
    assert_eq!(get(&sim, CHAT).await.status, 405);
}

#[tokio::test]
async fn requests_that_make_no_sense_are_refused() {
    let sim = sim();
    let headers = [("authorization", "Bearer hf_x")];
    for body in [
        "",
        "{",
        "[]",
        r#"{"model":"openai/gpt-oss-20b"}"#,
        r#"{"model":"openai/gpt-oss-20b","messages":[]}"#,
        r#"{"model":"openai/gpt-oss-20b","messages":[{"role":"user","content":"x"}],"n":0}"#,
        r#"{"model":"openai/gpt-oss-20b","messages":[{"role":"user","content":"x"}],"max_tokens":0}"#,
    ] {
        let reply = call(&sim, "POST", CHAT, &headers, body).await;
        assert_eq!(
            (reply.status, reply.json()["error"]["type"].as_str()),
            (400, Some("invalid_request_error"))
        );
    }
}
