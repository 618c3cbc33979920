//! The catalogue: what clients are shown of it, and how it lives through changes and failures of the upstream.

use hf_sim::{ErrorBody, Match, Script, Status};
use serde_json::{Value, json};

use crate::harness::{Gateway, MODEL, Setup, ask};
use crate::raw::{ANSWER, Raw, reply};

const FAST: &str = "refresh_ms = 100\n";

/// The path of the model list, at the upstream as at the gateway.
const MODELS: &str = "/v1/models";

fn dead() -> Option<String> {
    // Nothing listens on the port of tcpmux.
    Some("http://127.0.0.1:1/v1".to_owned())
}

/// How often the upstream's list was read.
fn reads(gateway: &Gateway) -> usize {
    gateway.sim.requests().iter().filter(|request| request.path == MODELS && !request.open).count()
}

/// Waits until the list was read twice more, so that what was set before is in force.
async fn refreshed(gateway: &Gateway) {
    let before = reads(gateway);
    gateway.until("the list is read anew", async |gateway| reads(gateway) >= before + 2).await;
}

#[tokio::test]
async fn a_start_without_network_serves_from_the_stored_copy() {
    let first = Gateway::start().await;
    let shown = first.client.get(MODELS).await.json();
    let folder = first.finish_keeping().await;
    let gateway =
        Gateway::start_with(Setup { upstream: dead(), folder: Some(folder), ..Setup::default() }).await;
    assert_eq!(gateway.client.get("/readyz").await.json()["catalogue"], "loaded");
    assert_eq!(gateway.client.get(MODELS).await.json(), shown);
    let told = gateway.client.chat(&ask("Hello")).await;
    assert_eq!((told.status.as_u16(), told.code().as_str()), (502, "upstream_unreachable"), "{told:?}");
    assert_eq!(gateway.receipt(&told.call_id()).await["total_cost"], 0.0);
    let balance = gateway.settled().await;
    assert_eq!(balance.available, balance.granted);
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn without_a_catalogue_calls_are_refused_until_there_is_one() {
    let gateway = Gateway::start_with(Setup { upstream: dead(), wait: false, ..Setup::default() }).await;
    let ready = gateway.client.get("/readyz").await;
    assert_eq!(ready.status, 503);
    assert_eq!(ready.json(), json!({"status": "not ready", "catalogue": "not loaded yet", "ledger": "ok"}));
    assert_eq!(gateway.client.get("/healthz").await.status, 200);
    for model in [MODEL, "huggingface/openai/gpt-oss-20b", "anything"] {
        let mut body = ask("Hello");
        body["model"] = model.into();
        let told = gateway.client.chat(&body).await;
        assert_eq!((told.status.as_u16(), told.code().as_str()), (503, "catalogue_not_loaded"), "{model}");
        assert_eq!(told.header("retry-after"), "1");
    }
    assert_eq!(gateway.client.get(MODELS).await.json()["data"], json!([]));
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn the_first_catalogue_is_taken_as_soon_as_it_comes() {
    let raw = Raw::start().await;
    let upstream = Some(raw.url().to_owned());
    let setup = Setup { upstream, wait: false, toml: FAST.to_owned(), ..Setup::default() };
    let gateway = Gateway::start_with(setup).await;
    raw.answer(reply("503 Later", "text/html", "<html>").as_bytes()).await;
    let list = r#"{"data":[{"id":"org/new","providers":[{"provider":"a","status":"live","pricing":{"input":1,"output":2}}]}]}"#;
    let mut request = raw.answer(reply("200 OK", "application/json", list).as_bytes()).await;
    assert!(request.head.starts_with("GET /v1/models HTTP/1.1\r\n"), "{}", request.head);
    request.close().await;
    gateway.until("it is ready", async |gateway| gateway.client.get("/readyz").await.status == 200).await;
    let card = gateway.client.get("/v1/models/org/new").await.json();
    assert_eq!(card["pricing"], json!({"input": "1.00", "output": "2.00", "free": false}));
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn an_inference_provider_that_fails_its_probe_is_left_out_until_it_is_back() {
    let gateway = Gateway::start_with(Setup { toml: FAST.to_owned(), ..Setup::default() }).await;
    let served_by = async || {
        let told = gateway.client.chat(&ask("Hello")).await;
        told.header("x-tollgate-inference-provider").to_owned()
    };
    assert_eq!(served_by().await, "cerebras");
    gateway.sim.set_status(MODEL, "cerebras", Status::Error);
    refreshed(&gateway).await;
    assert_eq!(served_by().await, "groq");
    let card = gateway.client.get(&format!("{MODELS}/{MODEL}")).await.json();
    let offers = card["offers"].as_array().expect("a list");
    let offer = offers.iter().find(|offer| offer["inference_provider"] == "cerebras").expect("still shown");
    assert_eq!(offer["status"], "error");
    gateway.sim.set_status(MODEL, "cerebras", Status::Live);
    refreshed(&gateway).await;
    assert_eq!(served_by().await, "cerebras");
    gateway.settled().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_broken_list_changes_nothing() {
    let gateway = Gateway::start_with(Setup { toml: FAST.to_owned(), ..Setup::default() }).await;
    let shown = gateway.client.get(MODELS).await.json();
    for script in [
        Script { status: Some(500), ..Script::default() },
        Script { status: Some(401), body: Some(ErrorBody::String), ..Script::default() },
        Script { ok_error: true, ..Script::default() },
        Script { ok_error: true, body: Some(ErrorBody::Html), ..Script::default() },
        Script { ok_error: true, body: Some(ErrorBody::Empty), ..Script::default() },
        Script { ok_error: true, body: Some(ErrorBody::Huge), ..Script::default() },
    ] {
        gateway.sim.clear_scripts();
        gateway.sim.script(Match::path(MODELS), script.clone());
        refreshed(&gateway).await;
        assert_eq!(gateway.client.get(MODELS).await.json(), shown, "{script:?}");
        assert_eq!(gateway.client.get("/readyz").await.status, 200);
    }
    // The copy in the store is the good one, too.
    let folder = gateway.finish_keeping().await;
    let again =
        Gateway::start_with(Setup { upstream: dead(), folder: Some(folder), ..Setup::default() }).await;
    assert_eq!(again.client.get(MODELS).await.json(), shown);
    assert!(again.finish().await);
}

/// Lists that are JSON and still none to believe.
#[tokio::test]
async fn a_list_that_says_nonsense_changes_nothing_that_matters() {
    let raw = Raw::start().await;
    let good = r#"{"id":"org/good","providers":[{"provider":"a","status":"live","pricing":{"input":1,"output":2}}]}"#;
    let upstream = Some(raw.url().to_owned());
    let setup = Setup { upstream, wait: false, toml: FAST.to_owned(), ..Setup::default() };
    let gateway = Gateway::start_with(setup).await;
    let say = async |list: &str| raw.answer(reply("200 OK", "application/json", list).as_bytes()).await;
    say(&format!("{{\"data\":[{good}]}}")).await;
    for list in [
        "{}",
        "[]",
        "null",
        "{\"data\":[]}",
        "{\"data\":{}}",
        "{\"data\":[1,null,{}]}",
        "{\"data\":[{\"id\":7}]}",
    ] {
        say(list).await;
    }
    let odd = |pricing: &str| {
        format!(r#"{{"id":"org/odd","providers":[{{"provider":"a","status":"live","pricing":{pricing}}}]}}"#)
    };
    for pricing in [
        r#"{"input":-1,"output":-1}"#,
        r#"{"input":1e308,"output":1e308}"#,
        r#"{"input":"NaN","output":null}"#,
        r#"{"input":0.5}"#,
        "7",
    ] {
        say(&format!("{{\"data\":[{good},{}]}}", odd(pricing))).await;
        // The next read begins when this one was taken in.
        say("{}").await;
        let mut body = ask("Hello");
        body["model"] = "org/odd".into();
        let told = gateway.client.chat(&body).await;
        assert!(
            matches!(told.code().as_str(), "model_not_priced" | "insufficient_credits"),
            "{pricing}: {told:?}"
        );
        assert_eq!(gateway.client.get("/v1/models/org/good").await.json()["pricing"]["output"], "2.00");
    }
    let balance = gateway.settled().await;
    assert_eq!(balance.available, balance.granted);
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn another_servers_list_names_models_and_the_file_prices_them() {
    let raw = Raw::start().await;
    let toml = format!(
        "[providers.other]\nbase_url = \"{}\"\n[models.known]\nprovider = \"other\"\n\
         price = {{ input = \"1\", output = \"2\" }}\n",
        raw.url()
    );
    let gateway = Gateway::start_with(Setup { toml, ..Setup::default() }).await;
    let list = r#"{"object":"list","data":[{"id":"known","object":"model","created":7,"owned_by":"me"},{"id":"unpriced"}]}"#;
    raw.answer(reply("200 OK", "application/json", list).as_bytes()).await;
    gateway
        .until("the list is taken in", async |gateway| {
            gateway.client.get("/v1/models/unpriced").await.status == 200
        })
        .await;
    let unpriced = gateway.client.get("/v1/models/unpriced").await.json();
    assert_eq!((&unpriced["pricing"], &unpriced["mode"]), (&Value::Null, &Value::Null));
    assert_eq!(gateway.client.get("/v1/models/known").await.json()["pricing"]["output"], "2.00");
    let mut body = ask("Hello");
    body["model"] = "unpriced".into();
    assert_eq!(gateway.client.chat(&body).await.code(), "model_not_priced");
    body["model"] = "known".into();
    let answer = reply("200 OK", "application/json", ANSWER);
    let (told, _) = tokio::join!(gateway.client.chat(&body), raw.answer(answer.as_bytes()));
    assert_eq!((told.status.as_u16(), told.header("x-tollgate-provider")), (200, "other"));
    gateway.settled().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn the_list_has_openais_shape_plus_price_context_and_abilities() {
    let toml = "[providers.own]\nbase_url = \"http://127.0.0.1:1/v1\"\ncatalogue = \"none\"\n\
        [models.\"own/gift\"]\nprovider = \"own\"\nfree = true\ncontext_length = 4096\ntools = true\nvision = true\n\
        [models.plain]\nprovider = \"own\"\n";
    let gateway = Gateway::start_with(Setup { toml: toml.to_owned(), ..Setup::default() }).await;
    let list = gateway.client.get(MODELS).await.json();
    assert_eq!(list["object"], "list");
    let models = list["data"].as_array().expect("a list");
    let ids: Vec<&str> = models.iter().map(|model| model["id"].as_str().expect("an id")).collect();
    assert!(ids.is_sorted() && ids.contains(&MODEL) && ids.contains(&"own/gift"), "{ids:?}");
    for model in models {
        assert_eq!(model["object"], "model");
        assert!(model["created"].is_i64() && model["owned_by"].is_string(), "{model}");
    }
    let find = |id: &str| models.iter().find(|model| model["id"] == id).expect("listed").clone();
    let gift = find("own/gift");
    assert_eq!(gift["pricing"], json!({"input": "0.00", "output": "0.00", "free": true}));
    assert_eq!((&gift["context_length"], &gift["supports_tools"]), (&json!(4096), &json!(true)));
    assert_eq!(gift["input_modalities"], json!(["text", "image"]));
    assert_eq!(find("plain")["pricing"], Value::Null);
    let listed = find("openai/gpt-oss-20b");
    assert_eq!(listed["pricing"], json!({"input": "0.10", "output": "0.50", "free": false}), "the dearest");
    assert_eq!(listed["offers"].as_array().map(Vec::len), Some(3));
    assert_eq!(find("Qwen/Qwen3-VL-30B-A3B-Instruct")["input_modalities"], json!(["text", "image"]));
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn the_list_tells_base_models_and_makers_of_vectors_from_those_that_chat() {
    let toml = "[models.base]\nprovider = \"huggingface\"\nkind = \"completions\"\n\
        [models.vectors]\nprovider = \"huggingface\"\nkind = \"embeddings\"\n\
        [models.chatty]\nprovider = \"huggingface\"\n\
        [models.old]\nprovider = \"huggingface\"\nkind = \"completions\"\n\
        [routes.either]\noffers = [\"huggingface/base\", \"huggingface/openai/gpt-oss-20b\"]\n\
        [routes.bases]\noffers = [\"huggingface/base\", \"huggingface/old\"]\n\
        [routes.unlike]\noffers = [\"huggingface/vectors\", \"huggingface/base\"]\n\
        [routes.talk]\noffers = [\"huggingface/openai/gpt-oss-20b\"]\n";
    let gateway = Gateway::start_with(Setup { toml: toml.to_owned(), ..Setup::default() }).await;
    let list = gateway.client.get(MODELS).await.json();
    let in_list = |id: &str| {
        let card = list["data"].as_array().expect("a list").iter().find(|card| card["id"] == id);
        card.unwrap_or_else(|| panic!("{id} is listed")).clone()
    };
    let expected = [
        ("base", "completion", "text"),
        ("vectors", "embedding", "embeddings"),
        ("chatty", "chat", "text"),
        (MODEL, "chat", "text"),
        // A chat to it is served by the one that chats.
        ("either", "chat", "text"),
        ("bases", "completion", "text"),
        ("talk", "chat", "text"),
    ];
    for (id, mode, makes) in expected {
        let card = in_list(id);
        assert_eq!((&card["mode"], &card["output_modalities"]), (&json!(mode), &json!([makes])), "{id}");
        assert_eq!(gateway.client.get(&format!("{MODELS}/{id}")).await.json(), card, "{id}");
    }
    let unlike = in_list("unlike");
    assert_eq!((&unlike["mode"], &unlike["output_modalities"]), (&Value::Null, &json!(["text"])));
    let document = gateway.client.get("/openapi.json").await.json();
    let described = document["components"]["schemas"]["ModelMode"].to_string();
    assert!(expected.iter().all(|(_, mode, _)| described.contains(&format!("\"{mode}\""))), "{described}");
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn one_model_is_shown_under_its_id_however_it_is_written() {
    let gateway = Gateway::start().await;
    let list = gateway.client.get(MODELS).await.json();
    let listed =
        list["data"].as_array().expect("a list").iter().find(|model| model["id"] == MODEL).expect("listed");
    for id in [MODEL, "openai%2Fgpt-oss-120b", "openai%2fgpt-oss-120b", "OpenAI/GPT-oss-120B"] {
        let reply = gateway.client.get(&format!("{MODELS}/{id}")).await;
        assert_eq!((reply.status.as_u16(), &reply.json()), (200, listed), "{id}");
    }
    for id in ["openai/gpt-oss-121b", "openai", "openai/gpt-oss-120b/", "%20", &"x".repeat(2_000)] {
        let reply = gateway.client.get(&format!("{MODELS}/{id}")).await;
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (404, "model_not_found"), "{id}");
    }
    assert!(gateway.finish().await);
}
