//! Embeddings: the same doors, limits, charges, failover and receipts as of any other call.

use domain::AccountKind;
use hf_sim::{Match, Script, UsageFault};
use serde_json::{Value, json};

use crate::client::{Client, Reply};
use crate::harness::{Gateway, Setup};
use crate::idempotency::assert_replayed;
use crate::rates::{Rates, cost_in};
use crate::raw::{Raw, reply};

/// The models of the tests at Hugging Face: at 0.10 dollars per million tokens, at 0.20, at 0.30, and without a price.
const MODELS: &str = r#"
[models."BAAI/bge-m3"]
provider = "huggingface"
kind = "embeddings"
price = { input = "0.10" }
[models."e5"]
provider = "huggingface"
upstream_model = "intfloat/multilingual-e5-large-instruct:together"
kind = "embeddings"
price = { input = "0.20" }
[models."bge-m3-deepinfra"]
provider = "huggingface"
upstream_model = "BAAI/bge-m3:deepinfra"
kind = "embeddings"
price = { input = "0.30" }
[models."sentence-transformers/all-MiniLM-L6-v2"]
provider = "huggingface"
kind = "embeddings"
[routes.vectors]
strategy = "ordered"
offers = ["huggingface/BAAI/bge-m3", "huggingface/bge-m3-deepinfra"]
[routes.mixed]
strategy = "ordered"
offers = ["huggingface/openai/gpt-oss-20b", "huggingface/e5"]
"#;

const TASK: Rates = Rates::milli(100, 0);
const TOGETHER: Rates = Rates::milli(200, 0);
pub(crate) const DEEPINFRA: Rates = Rates::milli(300, 0);

/// What a server may put around one text, in tokens.
pub(crate) const AROUND: u64 = 128;

pub(crate) fn setup() -> Setup {
    Setup { toml: MODELS.to_owned(), ..Setup::default() }
}

pub(crate) async fn embed(client: &Client, body: &Value) -> Reply {
    client.post("/v1/embeddings", body.to_string()).await
}

pub(crate) fn texts(model: &str, input: Value) -> Value {
    let mut body = json!({"model": model});
    body["input"] = input;
    body
}

/// The paths and statuses of what the simulator was asked, but for the lists of models.
pub(crate) fn asked(gateway: &Gateway) -> Vec<(String, u16)> {
    let requests = gateway.sim.requests();
    let calls = requests.iter().filter(|request| request.path != "/v1/models");
    calls.map(|call| (call.path.clone(), call.status)).collect()
}

fn last_body(gateway: &Gateway) -> Value {
    let requests = gateway.sim.requests();
    serde_json::from_slice(&requests.last().expect("a request").body).expect("JSON")
}

#[tokio::test]
async fn a_hugging_face_model_is_embedded_by_its_task_and_charged_as_estimated() {
    let gateway = Gateway::start_with(setup()).await;
    let body = texts("BAAI/bge-m3", json!(["A cat.", "A dog, which is longer."]));
    let reply = embed(&gateway.client, &body).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let path = "/hf-inference/models/BAAI/bge-m3/pipeline/feature-extraction".to_owned();
    assert_eq!(asked(&gateway), [(path, 200)]);
    assert_eq!(last_body(&gateway), json!({"inputs": ["A cat.", "A dog, which is longer."]}));

    let list = reply.json();
    assert_eq!((&list["object"], &list["model"]), (&json!("list"), &json!("BAAI/bge-m3")));
    assert_eq!(list["data"].as_array().map(Vec::len), Some(2));
    for (at, item) in list["data"].as_array().into_iter().flatten().enumerate() {
        assert_eq!((&item["object"], &item["index"]), (&json!("embedding"), &json!(at)));
        assert_eq!(item["embedding"].as_array().map(Vec::len), Some(1024));
    }
    // Six bytes are two tokens, 23 are six.
    assert_eq!((&list["usage"]["prompt_tokens"], &list["usage"]["total_tokens"]), (&json!(8), &json!(8)));
    assert_eq!(list["usage"]["cost_details"]["usage_source"], "estimated");
    assert_eq!(reply.header("x-tollgate-inference-provider"), "hf-inference");

    let receipt = gateway.books().receipt(&reply.call_id()).await;
    assert_eq!((receipt.input, receipt.output, receipt.charge), (8, 0, TASK.cost(8, 0)));
    assert_eq!((receipt.rule.as_str(), receipt.source.as_str()), ("relayed", "estimated"));
    assert_eq!(receipt.served_by.as_deref(), Some("hf-inference"));
    let written = "\"A cat.\"".len() + "\"A dog, which is longer.\"".len();
    assert_eq!(receipt.hold, TASK.cost(written as u64 + 2 * AROUND, 0));
    assert_eq!(cost_in(&String::from_utf8_lossy(&reply.body)), Some(receipt.charge));
    assert_eq!(reply.header("x-tollgate-cost"), receipt.charge.to_string());
    let shown = gateway.receipt(&reply.call_id()).await;
    assert_eq!(shown["model"], "BAAI/bge-m3");
    gateway.books().check().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn another_inference_provider_is_asked_by_its_own_route_and_charged_as_it_counts() {
    let gateway = Gateway::start_with(setup()).await;
    for (model, path, sent, rates) in [
        ("e5", "/together/v1/embeddings", "intfloat/multilingual-e5-large-instruct", TOGETHER),
        ("bge-m3-deepinfra", "/deepinfra/v1/openai/embeddings", "BAAI/bge-m3", DEEPINFRA),
    ] {
        let mut body = texts(model, json!("Hello"));
        body["dimensions"] = json!(4);
        body["truncate"] = json!("END");
        let reply = embed(&gateway.client, &body).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        assert_eq!(asked(&gateway).pop(), Some((path.to_owned(), 200)));
        let expected = json!({"model": sent, "input": "Hello", "dimensions": 4, "truncate": "END"});
        assert_eq!(last_body(&gateway), expected);
        let list = reply.json();
        assert_eq!(list["data"][0]["embedding"].as_array().map(Vec::len), Some(4));
        assert_eq!(list["usage"]["cost_details"]["usage_source"], "reported");
        let receipt = gateway.books().receipt(&reply.call_id()).await;
        assert_eq!((receipt.input, receipt.output, receipt.charge), (4, 0, rates.cost(4, 0)));
        assert_eq!((receipt.rule.as_str(), receipt.source.as_str()), ("reported", "reported"));
        assert!(path.starts_with(&format!("/{}/", receipt.served_by.as_deref().expect("named"))));
    }
    gateway.sim.script(Match::any(), Script { usage: Some(UsageFault::None), ..Script::default() });
    let reply = embed(&gateway.client, &texts("e5", json!([[1, 2, 3], [4]]))).await;
    let receipt = gateway.books().receipt(&reply.call_id()).await;
    assert_eq!((receipt.input, receipt.source.as_str()), (4, "estimated"), "tokens are counted as given");
    assert_eq!(gateway.sim.total_usage().prompt_tokens, 4 + 4 + 8);
    gateway.books().check().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn base64_is_made_of_numbers_where_the_upstream_makes_none() {
    let gateway = Gateway::start_with(setup()).await;
    for model in ["BAAI/bge-m3", "e5"] {
        let mut body = texts(model, json!(["Hello"]));
        let plain = embed(&gateway.client, &body).await.json();
        body["encoding_format"] = json!("base64");
        let coded = embed(&gateway.client, &body).await.json();
        let text = coded["data"][0]["embedding"].as_str().expect("a text");
        let bytes = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, text).expect("base64");
        let decoded = bytes.chunks(4).map(|four| f32::from_le_bytes(four.try_into().expect("four bytes")));
        let numbers = plain["data"][0]["embedding"].as_array().expect("numbers");
        let numbers = numbers.iter().map(|number| number.to_string().parse::<f32>().expect("a number"));
        assert!(numbers.eq(decoded), "{model}");
    }
    gateway.books().check().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn vectors_that_nobody_waited_for_are_charged_when_they_were_made() {
    let raw = Raw::start().await;
    let models =
        "[models.\"raw-vectors\"]\nprovider = \"raw\"\nkind = \"embeddings\"\nprice = { input = \"1\" }\n";
    let gateway = Gateway::start_with(Setup { toml: raw.toml_with("") + models, ..Setup::default() }).await;
    let (client, body) = (gateway.client.clone(), texts("raw-vectors", json!("a")));
    let call = tokio::spawn(async move { embed(&client, &body).await });
    let mut exchange = raw.accept().await;
    call.abort();
    gateway.until("the client is gone", async |_| call.is_finished()).await;
    let good = "{\"data\":[{\"embedding\":[1]}],\"usage\":{\"prompt_tokens\":3,\"total_tokens\":3}}";
    exchange.write(reply("200 OK", "application/json", good).as_bytes()).await;
    exchange.close().await;
    gateway.until("the call is settled", async |gateway| !gateway.books().receipts().await.is_empty()).await;
    let receipt = gateway.books().receipts().await.remove(0);
    // The gateway may hear of the leaving before or after the answer: charged all the same.
    assert!(matches!(receipt.rule.as_str(), "drained" | "reported"), "{receipt:?}");
    assert_eq!((receipt.input, receipt.charge), (3, Rates::milli(1_000, 0).cost(3, 0)));
    gateway.settled().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn credit_and_quotas_are_taken_before_and_settled_after() {
    let toml = format!("{MODELS}[plans.small]\ntokens_per_day = 300\n");
    let gateway = Gateway::start_with(Setup { toml, credit: "0.001", ..Setup::default() }).await;
    // 71 texts of one letter may be 71 × 131 tokens; at 0.20 dollars per million that is more than there is.
    let dear = embed(&gateway.client, &texts("e5", json!(vec!["a"; 71]))).await;
    assert_eq!((dear.status.as_u16(), dear.code().as_str()), (402, "insufficient_credits"), "{dear:?}");
    let plan = gateway.put_on(&gateway.account, Some("small")).await;
    assert!(plan.status.is_success(), "{plan:?}");
    for (words, status) in [(200, 200), (200, 200), (1_200, 429)] {
        let text = "a ".repeat(words / 2);
        let reply = embed(&gateway.client, &texts("BAAI/bge-m3", json!(text))).await;
        assert_eq!(reply.status.as_u16(), status, "{words}: {reply:?}");
    }
    let spent = gateway.settled().await.spent;
    assert_eq!(spent.nanos(), 2 * TASK.cost(50, 0).nanos());
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_request_that_is_repeated_with_its_key_is_embedded_once() {
    let gateway = Gateway::start_with(setup()).await;
    let body = texts("BAAI/bge-m3", json!("Hello")).to_string();
    let headers = [("content-type", "application/json"), ("idempotency-key", "\"once\"")];
    let send = async || {
        let sent =
            gateway.client.send_with(hyper::Method::POST, "/v1/embeddings", &headers, body.clone()).await;
        Reply::read(sent).await
    };
    let (first, again) = (send().await, send().await);
    assert_replayed(&first, &again);
    assert_eq!(asked(&gateway).len(), 1);
    assert_eq!(gateway.settled().await.spent, TASK.cost(2, 0));
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_session_is_told_on_the_receipt_and_a_model_in_the_list() {
    let gateway = Gateway::start_with(Setup { kind: AccountKind::Metered, ..setup() }).await;
    let mut body = texts("sentence-transformers/all-MiniLM-L6-v2", json!("Hello"));
    body["session_id"] = json!("books");
    let reply = embed(&gateway.client, &body).await;
    assert_eq!(reply.status, 200, "an account that only counts needs no price: {reply:?}");
    assert_eq!(last_body(&gateway), json!({"inputs": ["Hello"]}));
    assert_eq!(gateway.receipt(&reply.call_id()).await["session"], "books");
    let card = gateway.client.get("/v1/models/BAAI/bge-m3").await.json();
    assert_eq!((&card["mode"], &card["output_modalities"]), (&json!("embedding"), &json!(["embeddings"])));
    assert_eq!(card["pricing"], json!({"input": "0.10", "output": "0.00", "free": false}));
    let receipt = gateway.admin.get(&format!("/admin/receipts/{}", reply.call_id())).await.json();
    assert_eq!(receipt["dialect"], "embeddings");
    gateway.settled().await;
    assert!(gateway.finish().await);
}
