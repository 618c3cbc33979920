//! Which upstream a call goes to and why: the provider that is named, suffixes, configured servers, routes, failover.

use bytes::Bytes;
use domain::AccountKind;
use hyper::Method;
use hyper::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::client::Reply;
use crate::harness::{Gateway, Setup, ask};
use crate::raw::{ANSWER, CREDENTIAL, RAW_MODEL, Raw, ask_raw, reply};

/// A model whose every offer has a price: the router may choose among `groq` (the fastest), `together`, `nscale`.
pub(crate) const PRICED_MODEL: &str = "openai/gpt-oss-20b";

pub(crate) fn ask_for(model: &str) -> Value {
    let mut body = ask("Hello");
    body["model"] = model.into();
    body
}

/// The models that the simulator was asked for in chat calls, in order, with the status that it gave.
pub(crate) fn asked(gateway: &Gateway) -> Vec<(String, u16)> {
    let requests = gateway.sim.requests();
    let calls = requests.iter().filter(|request| request.path == "/v1/chat/completions");
    calls.map(|call| (call.model.clone().unwrap_or_default(), call.status)).collect()
}

/// The last model that the simulator was asked for.
fn last_asked(gateway: &Gateway) -> String {
    asked(gateway).pop().expect("a call").0
}

/// Checks that the reason of a choice stands in the headers and on the receipt.
async fn assert_reason(gateway: &Gateway, reply: &Reply, reason: &str) {
    let receipt = gateway.receipt(&reply.call_id()).await;
    assert!(reply.header("x-tollgate-route").contains(reason), "{reason} in {reply:?}");
    assert_eq!(receipt["route"], reply.header("x-tollgate-route"));
    assert_eq!(receipt["provider_name"], reply.header("x-tollgate-provider"));
}

#[tokio::test]
async fn the_provider_is_named_by_field_header_or_prefix_or_found_in_the_catalogue() {
    let gateway = Gateway::start().await;
    let named = "provider huggingface named by the caller";
    for (provider, model, reason) in [
        (json!("huggingface"), PRICED_MODEL, named),
        (json!("hug"), PRICED_MODEL, named),
        (json!("HF"), PRICED_MODEL, named),
        (json!("hug"), "huggingface/openai/gpt-oss-20b", named),
        (Value::Null, "huggingface/openai/gpt-oss-20b", "prefix names huggingface"),
        (Value::Null, "hug/openai/gpt-oss-20b", "prefix names huggingface"),
        (Value::Null, PRICED_MODEL, "found in the catalogue of huggingface"),
        (Value::Null, "OpenAI/GPT-OSS-20B", "found in the catalogue of huggingface"),
    ] {
        let mut body = ask_for(model);
        if provider.is_string() {
            body["provider"] = provider;
        }
        let reply = gateway.client.chat(&body).await;
        assert_eq!(reply.status, 200, "{model}: {reply:?}");
        assert_eq!(reply.header("x-tollgate-provider"), "huggingface");
        assert_eq!(reply.header("x-tollgate-model"), PRICED_MODEL);
        assert_eq!(reply.header("x-tollgate-inference-provider"), "groq");
        assert_eq!(last_asked(&gateway), PRICED_MODEL, "{model}");
        assert_reason(&gateway, &reply, reason).await;
    }
    let headers = [(CONTENT_TYPE.as_str(), "application/json"), ("x-tollgate-provider", "hug")];
    let body = Bytes::from(ask_for(PRICED_MODEL).to_string());
    let sent = gateway.client.send_with(Method::POST, "/v1/chat/completions", &headers, body).await;
    assert_reason(&gateway, &Reply::read(sent).await, named).await;
    gateway.settled().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn an_unknown_provider_is_refused_with_the_known_ones() {
    let raw = Raw::start().await;
    let gateway = Gateway::start_with(raw.setup()).await;
    let mut body = ask("Hello");
    body["provider"] = json!("openrouter");
    let by_field = gateway.client.chat(&body).await;
    let headers = [(CONTENT_TYPE.as_str(), "application/json"), ("x-tollgate-provider", "openrouter")];
    let body = Bytes::from(ask("Hello").to_string());
    let by_header = gateway.client.send_with(Method::POST, "/v1/chat/completions", &headers, body).await;
    for reply in [by_field, Reply::read(by_header).await] {
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (400, "unknown_provider"), "{reply:?}");
        let error = &reply.json()["error"];
        assert_eq!(error["param"], "provider");
        assert_eq!(error["message"], "There is no provider 'openrouter'. Known providers: huggingface, raw.");
        assert_eq!(gateway.receipt(&reply.call_id()).await["error_code"], "unknown_provider");
    }
    assert!(asked(&gateway).is_empty());
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_provider_header_that_is_no_name_is_refused_and_not_ignored() {
    let gateway = Gateway::start().await;
    for name in ["", "huggingface, raw", "анонимъ", "x\u{a0}y", &"x".repeat(4_000)] {
        let headers = [(CONTENT_TYPE.as_str(), "application/json"), ("x-tollgate-provider", name)];
        let body = Bytes::from(ask("Hello").to_string());
        let sent = gateway.client.send_with(Method::POST, "/v1/chat/completions", &headers, body).await;
        let reply = Reply::read(sent).await;
        assert_eq!(
            (reply.status.as_u16(), reply.code().as_str()),
            (400, "unknown_provider"),
            "{name}: {reply:?}"
        );
        assert!(reply.body.len() < 1_000, "{reply:?}");
    }
    assert!(asked(&gateway).is_empty());
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn an_unknown_model_is_refused_with_close_matches() {
    let gateway = Gateway::start().await;
    for (model, hint) in [
        ("openai/gpt-oss-21b", "openai/gpt-oss-20b?"),
        ("gpt-oss-20b", "Did you mean: "),
        ("hug/openai/gpt-oss-21b", "Did you mean: "),
        ("zzz", "GET /v1/models lists those that are served."),
    ] {
        let reply = gateway.client.chat(&ask_for(model)).await;
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (404, "model_not_found"), "{reply:?}");
        let error = &reply.json()["error"];
        assert_eq!(error["param"], "model");
        assert!(error["message"].as_str().expect("text").contains(hint), "{model}: {error}");
    }
    assert!(asked(&gateway).is_empty());
    assert!(gateway.finish().await);
}

/// What is asked for, what is sent, who serves.
const SUFFIXES: &[(&str, &str, &str)] = &[
    // The router may choose where every live offer has a price …
    ("openai/gpt-oss-20b", "openai/gpt-oss-20b", "groq"),
    ("openai/gpt-oss-20b:fastest", "openai/gpt-oss-20b:fastest", "groq"),
    ("openai/gpt-oss-20b:cheapest", "openai/gpt-oss-20b:cheapest", "together"),
    ("openai/gpt-oss-20b:preferred", "openai/gpt-oss-20b:preferred", "together"),
    ("openai/gpt-oss-20b:nscale", "openai/gpt-oss-20b:nscale", "nscale"),
    // … and a priced one is pinned where one has none.
    ("openai/gpt-oss-120b", "openai/gpt-oss-120b:cerebras", "cerebras"),
    ("openai/gpt-oss-120b:cheapest", "openai/gpt-oss-120b:deepinfra", "deepinfra"),
    ("openai/gpt-oss-120b:Groq", "openai/gpt-oss-120b:groq", "groq"),
];

#[tokio::test]
async fn suffixes_choose_the_inference_provider() {
    let gateway = Gateway::start().await;
    for (model, sent, served_by) in SUFFIXES {
        let reply = gateway.client.chat(&ask_for(model)).await;
        assert_eq!(reply.status, 200, "{model}: {reply:?}");
        assert_eq!(last_asked(&gateway), *sent);
        assert_eq!(reply.header("x-tollgate-inference-provider"), *served_by, "{model}");
        let receipt = gateway.receipt(&reply.call_id()).await;
        assert_eq!(
            (&receipt["model_asked"], &receipt["inference_provider"]),
            (&json!(model), &json!(served_by))
        );
        assert_eq!(receipt["model"], model.split(':').next().expect("an id"));
    }
    gateway.settled().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_suffix_that_nobody_serves_is_refused() {
    let gateway = Gateway::start().await;
    for (model, code, says) in [
        ("openai/gpt-oss-20b:cerebras", "model_not_supported", "served by: groq, together, nscale"),
        ("openai/gpt-oss-20b:", "model_not_supported", "not served by ''"),
        (
            "openai/gpt-oss-120b:fireworks-ai",
            "model_not_priced",
            "[models.\"openai/gpt-oss-120b:fireworks-ai\"]",
        ),
        (
            "hug/openai/gpt-oss-120b:Fireworks-AI",
            "model_not_priced",
            "[models.\"openai/gpt-oss-120b:fireworks-ai\"]",
        ),
        ("allenai/Olmo-3-7B-Instruct", "model_not_supported", "No inference provider serves"),
    ] {
        let reply = gateway.client.chat(&ask_for(model)).await;
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (400, code), "{model}: {reply:?}");
        assert!(reply.json()["error"]["message"].as_str().expect("text").contains(says), "{reply:?}");
    }
    assert!(asked(&gateway).is_empty());
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn any_other_server_is_a_row_in_the_file() {
    let raw = Raw::start().await;
    let more = format!(
        "[providers.open]\nbase_url = \"{}\"\ncatalogue = \"none\"\n\
         [models.\"own/gift\"]\nprovider = \"open\"\nfree = true\nupstream_model = \"the-name-there\"\n\
         [models.mystery]\nprovider = \"open\"\n",
        raw.url()
    );
    let toml = raw.toml_with("headers = { X-Team = \"blue\" }") + &more;
    let gateway = Gateway::start_with(Setup { toml, ..Setup::default() }).await;
    let answer = reply("200 OK", "application/json", ANSWER);

    let body = ask_raw("Hello");
    let (priced, seen) = tokio::join!(gateway.client.chat(&body), raw.answer(answer.as_bytes()));
    assert_eq!((priced.status.as_u16(), priced.header("x-tollgate-provider")), (200, "raw"));
    assert_eq!(priced.header("x-tollgate-cost"), "0.00002", "10 tokens at 1 and 5 at 2 dollars per million");
    assert!(seen.head.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"), "{}", seen.head);
    assert_eq!(seen.header("authorization"), format!("Bearer {CREDENTIAL}"));
    assert_eq!((seen.header("x-team"), seen.header("content-type")), ("blue", "application/json"));
    assert_eq!(seen.json()["model"], RAW_MODEL);
    assert_reason(&gateway, &priced, "configured").await;

    let body = ask_for("own/gift");
    let (free, seen) = tokio::join!(gateway.client.chat(&body), raw.answer(answer.as_bytes()));
    assert_eq!((free.status.as_u16(), free.header("x-tollgate-cost")), (200, "0.00"));
    assert_eq!((seen.json()["model"].as_str(), seen.header("authorization")), (Some("the-name-there"), ""));
    assert_eq!(free.header("x-tollgate-model"), "own/gift");

    for model in ["mystery", "open/not-listed"] {
        let refused = gateway.client.chat(&ask_for(model)).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code().as_str()),
            (400, "model_not_priced"),
            "{refused:?}"
        );
    }
    assert_eq!(gateway.settled().await.spent.to_string(), "0.00002");
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_metered_account_may_use_a_model_without_a_price() {
    let raw = Raw::start().await;
    let toml = format!("[providers.open]\nbase_url = \"{}\"\ncatalogue = \"none\"\n", raw.url());
    let kind = AccountKind::Metered;
    let gateway = Gateway::start_with(Setup { credit: "0", kind, toml, ..Setup::default() }).await;
    let (body, answer) = (ask_for("open/anything"), reply("200 OK", "application/json", ANSWER));
    let (told, seen) = tokio::join!(gateway.client.chat(&body), raw.answer(answer.as_bytes()));
    assert_eq!((told.status.as_u16(), told.header("x-tollgate-cost")), (200, ""), "the cost is unknown");
    assert!(told.json()["usage"].get("cost").is_none_or(Value::is_null), "{told:?}");
    assert_eq!(seen.json()["model"], "anything");
    assert_reason(&gateway, &told, "not listed, passed through").await;
    gateway.settled().await;
    assert!(gateway.finish().await);
}

/// Routes over the raw upstream and Hugging Face.
pub(crate) const ROUTES: &str = "[routes.smart]\noffers = [\"raw/raw-model\", \"hug/openai/gpt-oss-20b:groq\"]\n\
    [routes.other]\noffers = [\"hug/openai/gpt-oss-20b\", \"raw/raw-model\"]\n";

#[tokio::test]
async fn a_route_tries_its_offers_in_order() {
    let raw = Raw::start().await;
    let gateway = Gateway::start_with(Setup { toml: raw.toml_with("") + ROUTES, ..Setup::default() }).await;
    let (body, good) = (ask_for("smart"), reply("200 OK", "application/json", ANSWER));
    let (first, _) = tokio::join!(gateway.client.chat(&body), raw.answer(good.as_bytes()));
    assert_eq!((first.status.as_u16(), first.header("x-tollgate-provider")), (200, "raw"));
    assert_reason(&gateway, &first, "route smart: ordered, 2 offers").await;

    for status in
        ["503 Service Unavailable", "429 Too Many Requests", "500 Oops", "402 Broke", "401 No", "404 No"]
    {
        let bad = reply(status, "application/json", "{\"error\":\"no\"}");
        let (second, _) = tokio::join!(gateway.client.chat(&body), raw.answer(bad.as_bytes()));
        assert_eq!(
            (second.status.as_u16(), second.header("x-tollgate-provider")),
            (200, "huggingface"),
            "{status}"
        );
        let receipt = gateway.receipt(&second.call_id()).await;
        assert_eq!((&receipt["attempts"], &receipt["model"]), (&json!(2), &json!(PRICED_MODEL)));
    }
    // A request that is wrong is wrong everywhere.
    let bad =
        reply("400 Bad Request", "application/json", "{\"error\":{\"message\":\"no\",\"param\":\"x\"}}");
    let (refused, _) = tokio::join!(gateway.client.chat(&body), raw.answer(bad.as_bytes()));
    assert_eq!((refused.status.as_u16(), &refused.json()["error"]["param"]), (400, &json!("x")));
    gateway.settled().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn the_organisation_to_bill_is_named_when_configured() {
    let toml = "bill_to = \"my-org\"\n".to_owned();
    let gateway = Gateway::start_with(Setup { toml, ..Setup::default() }).await;
    assert_eq!(gateway.client.chat(&ask("Hello")).await.status, 200);
    let requests = gateway.sim.requests();
    let call = requests.last().expect("a call");
    assert_eq!(call.header("x-hf-bill-to"), Some("my-org"));
    assert_eq!(call.header("authorization"), Some("Bearer hf_test_token_canary"));
    gateway.settled().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn no_header_of_a_client_reaches_the_upstream() {
    let gateway = Gateway::start().await;
    let ours = [
        "x-hf-bill-to",
        "cookie",
        "x-forwarded-for",
        "x-team",
        "openai-organization",
        "user-agent",
        "accept",
    ];
    let mut headers = vec![(CONTENT_TYPE.as_str(), "application/json")];
    headers.extend(ours.map(|name| (name, "from-the-client")));
    let body = Bytes::from(ask("Hello").to_string());
    let sent = gateway.client.send_with(Method::POST, "/v1/chat/completions", &headers, body).await;
    assert_eq!(sent.status(), 200);
    Reply::read(sent).await;
    let requests = gateway.sim.requests();
    let seen = &requests.last().expect("a call").headers;
    assert!(
        !format!("{seen:?}").contains("from-the-client") && !format!("{seen:?}").contains(&gateway.key),
        "{seen:?}"
    );
    gateway.settled().await;
    assert!(gateway.finish().await);
}
