//! Credit that holds: the cap under a stampede, the clamp of the output limit, what is refused, and at which price a
//! call is charged.

use std::sync::Arc;

use domain::{AccountKind, Money};
use hyper::Method;
use serde_json::{Value, json};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::books::{Rates, cost_in, nanos};
use crate::client::{Reply, Stream};
use crate::harness::{Gateway, MODEL, Setup, ask};

/// Rates of offers in the simulator's catalogue.
const CEREBRAS: Rates = Rates::milli(250, 690);
const GROQ: Rates = Rates::milli(150, 750);
const BASETEN: Rates = Rates::milli(100, 500);

/// The dearest rates of the three offers that a call for [`MODEL`] can be sent to: what it is held at.
const MODEL_HELD: Rates = Rates::milli(250, 750);

/// A model whose live offers are all priced, so that the router chooses among them.
const ROUTER_CHOOSES: &str = "Qwen/Qwen3-Coder-480B-A35B-Instruct";

/// A model without a price.
const UNPRICED: &str = "katanemo/Arch-Router-1.5B";

/// Calls in a stampede.
const CALLS: usize = 1_000;

/// Credit for exactly one call, and a thousand calls that want it at once.
struct Stampede {
    choices: u64,
    keys: usize,
    streamed: fn(usize) -> bool,
}

#[tokio::test]
async fn a_thousand_calls_on_credit_for_one() {
    Stampede { choices: 1, keys: 1, streamed: |_| false }.run().await;
}

#[tokio::test]
async fn a_thousand_calls_for_three_choices_each_on_credit_for_one() {
    Stampede { choices: 3, keys: 1, streamed: |_| false }.run().await;
}

#[tokio::test]
async fn a_thousand_streams_on_credit_for_one() {
    Stampede { choices: 1, keys: 1, streamed: |_| true }.run().await;
}

#[tokio::test]
async fn a_thousand_calls_with_many_keys_of_one_account_streamed_and_not_on_credit_for_one() {
    Stampede { choices: 2, keys: 7, streamed: |at| at % 2 == 0 }.run().await;
}

impl Stampede {
    async fn run(&self) {
        let gateway = Gateway::start_with(Setup { credit: "0", ..Setup::default() }).await;
        let hold = MODEL_HELD.hold(&self.body(0), 64);
        gateway.books().grant(hold, "for one call").await;
        let answers = self.trample(&gateway).await;

        let (served, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|one| one.status == 200);
        assert_eq!((served.len(), refused.len()), (1, CALLS - 1));
        assert!(served[0].complete);
        for one in &refused {
            assert_eq!(
                (one.status, one.code.as_str(), one.should_retry.as_str()),
                (402, "insufficient_credits", "false")
            );
        }
        // They met the hold, not its end.
        let in_flight = refused.iter().filter(|one| one.message.contains("has $0.00 available")).count();
        assert!(in_flight > CALLS / 2, "only {in_flight} came while the call was in flight");

        let balance = gateway.settled().await;
        let receipts = gateway.books().check().await;
        let paid: Vec<_> = receipts.iter().filter(|one| one.outcome == "complete").collect();
        assert_eq!((receipts.len(), paid.len()), (CALLS, 1));
        assert_eq!(paid[0].hold, hold);
        assert_eq!(paid[0].charge, CEREBRAS.cost(paid[0].input, paid[0].output));
        assert_eq!((balance.granted, balance.spent), (hold, paid[0].charge));
        assert_eq!(chats(&gateway).len(), 1, "only one call was sent on");
        assert!(gateway.finish().await);
    }

    fn body(&self, at: usize) -> Value {
        let mut body = ask("Hello [[sim first_token_ms=4000]]");
        body["n"] = json!(self.choices);
        body["stream"] = json!((self.streamed)(at));
        body
    }

    /// Sends all calls at once.
    async fn trample(&self, gateway: &Gateway) -> Vec<Answered> {
        let mut clients = vec![gateway.client.clone()];
        for at in 1..self.keys {
            let secret = gateway.books().new_key(&format!("key {at}")).await;
            clients.push(gateway.client.with_key(&secret));
        }
        let start = Arc::new(Barrier::new(CALLS));
        let mut calls = JoinSet::new();
        for at in 0..CALLS {
            let (client, body) = (clients[at % clients.len()].clone(), self.body(at).to_string());
            let start = Arc::clone(&start);
            calls.spawn(async move {
                start.wait().await;
                Answered::of(client.send(Method::POST, "/v1/chat/completions", body).await).await
            });
        }
        calls.join_all().await
    }
}

/// What a client was answered.
struct Answered {
    status: u16,
    complete: bool,
    code: String,
    message: String,
    should_retry: String,
}

impl Answered {
    async fn of(response: hyper::Response<hyper::body::Incoming>) -> Answered {
        let status = response.status().as_u16();
        let streams =
            response.headers()["content-type"].to_str().expect("text").starts_with("text/event-stream");
        if streams {
            let complete = Stream::of(response).rest().await.done;
            let none = String::new;
            return Answered { status, complete, code: none(), message: none(), should_retry: none() };
        }
        let reply = Reply::read(response).await;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let json = reply.json();
        Answered {
            status,
            complete: json["choices"][0]["message"].is_object(),
            code: text(&json["error"]["code"]),
            message: text(&json["error"]["message"]),
            should_retry: reply.header("x-should-retry").to_owned(),
        }
    }
}

/// The bodies of the chat requests that reached the upstream.
fn chats(gateway: &Gateway) -> Vec<Value> {
    let requests = gateway.sim.requests();
    let chats = requests.iter().filter(|request| request.path == "/v1/chat/completions");
    chats.map(|request| serde_json::from_slice(&request.body).expect("JSON")).collect()
}

/// The body of [`ask`] without an output limit.
fn ask_without_limit(text: &str) -> Value {
    let mut body = ask(text);
    body.as_object_mut().expect("an object").remove("max_tokens");
    body
}

fn ask_model(model: &str, text: &str) -> Value {
    let mut body = ask(text);
    body["model"] = json!(model);
    body
}

/// A gateway whose account can spend exactly `credit`.
async fn with_credit(credit: Money) -> Gateway {
    let gateway = Gateway::start_with(Setup { credit: "0", ..Setup::default() }).await;
    gateway.books().grant(credit, "exactly").await;
    gateway
}

#[tokio::test]
async fn a_metered_account_is_never_refused_and_owes_what_it_used() {
    let setup = Setup { credit: "0", kind: AccountKind::Metered, ..Setup::default() };
    let gateway = Gateway::start_with(setup).await;
    let mut calls = JoinSet::new();
    for at in 0..100 {
        let client = gateway.client.clone();
        let mut body = ask(&format!("Question {at}"));
        body["max_tokens"] = json!(1_000_000_000);
        calls.spawn(async move { client.chat(&body).await.status });
    }
    assert!(calls.join_all().await.iter().all(|status| *status == 200));
    let balance = gateway.settled().await;
    assert_eq!((balance.granted, balance.available), (balance.spent, Money::ZERO));
    let receipts = gateway.books().check().await;
    assert!(receipts.len() == 100 && receipts.iter().all(|one| !one.charge.is_zero()));
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn an_unpriced_model_is_refused_to_credit() {
    let gateway = Gateway::start().await;
    for model in [UNPRICED, "meta-llama/Llama-3.1-8B-Instruct:featherless-ai"] {
        let reply = gateway.client.chat(&ask_model(model, "Hello")).await;
        let error = &reply.json()["error"];
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (400, "model_not_priced"), "{reply:?}");
        assert_eq!(error["param"], "model");
        let receipt = gateway.books().receipt(&reply.call_id()).await;
        assert_eq!(receipt.ending(), ("refused", "not_sent", "none"));
        assert_eq!((receipt.hold, receipt.charge), (Money::ZERO, Money::ZERO));
    }
    assert!(chats(&gateway).is_empty());
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn an_unpriced_model_is_served_to_a_metered_account_at_a_cost_that_nobody_knows() {
    let gateway = Gateway::start_with(Setup { kind: AccountKind::Metered, ..Setup::default() }).await;
    let mut body = ask_model(UNPRICED, "Hello");
    let whole = gateway.client.chat(&body).await;
    assert_eq!(whole.status, 200, "{whole:?}");
    assert!(
        whole.json()["usage"]["cost"].is_null() && whole.header("x-tollgate-cost").is_empty(),
        "{whole:?}"
    );
    body["stream_options"] = json!({"include_usage": true});
    let stream = gateway.client.stream(&body).await;
    let call = stream.call_id();
    let told = stream.rest().await;
    assert!(told.done && told.raw.contains("\"cost\":null"), "{told:?}");
    for call in [whole.call_id(), call] {
        let receipt = gateway.books().receipt(&call).await;
        assert_eq!(receipt.ending(), ("complete", "reported", "reported"));
        assert_eq!((receipt.cost, receipt.hold, receipt.charge), (None, Money::ZERO, Money::ZERO));
        assert!(receipt.output > 0, "the tokens are counted all the same");
    }
    gateway.books().check().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_call_without_a_limit_gets_the_one_that_the_balance_affords() {
    let body = ask_without_limit("Hello");
    let credit = MODEL_HELD.hold(&body, 1_000);
    for streamed in [false, true] {
        let gateway = with_credit(credit).await;
        let mut body = body.clone();
        body["stream"] = json!(streamed);
        let reply = gateway.client.chat(&body).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        assert_eq!(reply.header("x-tollgate-max-tokens"), "1000");
        assert_eq!(chats(&gateway)[0]["max_tokens"], 1_000, "what was priced is what was sent");
        gateway.settled().await;
        let receipt = gateway.books().receipt(&reply.call_id()).await;
        assert_eq!(receipt.hold, credit, "the limit that was sent is the one that was held");
        assert!(gateway.finish().await);
    }
}

#[tokio::test]
async fn a_rich_call_without_a_limit_gets_the_default_one_and_holds_no_more() {
    let gateway = Gateway::start().await;
    let body = ask_without_limit("Hello");
    let reply = gateway.client.chat(&body).await;
    let limit: u64 = reply.header("x-tollgate-max-tokens").parse().expect("a limit");
    assert_eq!(chats(&gateway)[0]["max_tokens"], limit);
    let receipt = gateway.books().receipt(&reply.call_id()).await;
    assert_eq!(receipt.hold, MODEL_HELD.hold(&body, limit));
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_balance_below_the_floor_is_told_what_it_affords_and_gets_that() {
    let body = ask_without_limit("Hello");
    let gateway = with_credit(MODEL_HELD.hold(&body, 255)).await;
    let reply = gateway.client.chat(&body).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (402, "insufficient_credits"));
    assert_eq!(affordable(&reply), 255);
    let mut limited = body;
    limited["max_tokens"] = json!(255);
    assert_eq!(gateway.client.chat(&limited).await.status, 200);
    gateway.settled().await;
    gateway.books().check().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_limit_that_is_too_dear_is_refused_with_the_one_that_is_not() {
    for choices in [1, 4] {
        let mut body = ask("Hello");
        body["n"] = json!(choices);
        let gateway = with_credit(MODEL_HELD.hold(&body, 700)).await;
        for limit in [100_000, 701] {
            body["max_tokens"] = json!(limit);
            let reply = gateway.client.chat(&body).await;
            assert_eq!((reply.status.as_u16(), reply.header("x-should-retry")), (402, "false"));
            assert_eq!(affordable(&reply), 700, "{}", reply.json());
        }
        assert!(chats(&gateway).is_empty());
        body["max_tokens"] = json!(700);
        assert_eq!(gateway.client.chat(&body).await.status, 200);
        gateway.settled().await;
        gateway.books().check().await;
        assert!(gateway.finish().await);
    }
}

/// The number that a 402 names.
fn affordable(reply: &Reply) -> u64 {
    let message = reply.json()["error"]["message"].as_str().expect("a message").to_owned();
    let (_, number) = message.rsplit_once("at most ").unwrap_or_else(|| panic!("no number: {message}"));
    number.trim_end_matches('.').parse().expect("a number")
}

#[tokio::test]
async fn one_reference_grants_once_however_often_it_is_sent() {
    let gateway = Gateway::start_with(Setup { credit: "0", ..Setup::default() }).await;
    let mut grants = JoinSet::new();
    for _ in 0..200 {
        let (admin, account) = (gateway.admin.clone(), gateway.account.clone());
        grants.spawn(async move {
            let body = json!({"amount": "0.123456789", "reference": "invoice 7"}).to_string();
            admin.post(&format!("/admin/accounts/{account}/grants"), body).await.json()
        });
    }
    let answers = grants.join_all().await;
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(gateway.balance().await.granted, nanos(123_456_789));
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn the_charge_is_at_the_price_of_whoever_served() {
    let gateway = Gateway::start().await;
    for (suffix, held, served_by, rates) in [
        ("", Rates::milli(2_000, 2_000), "baseten", Rates::milli(380, 1_530)),
        (":cheapest", Rates::milli(2_000, 2_000), "novita", Rates::milli(290, 1_200)),
        (":together", Rates::milli(2_000, 2_000), "together", Rates::milli(2_000, 2_000)),
    ] {
        let model = format!("{ROUTER_CHOOSES}{suffix}");
        let body = ask_model(&model, "Hello");
        let reply = gateway.client.chat(&body).await;
        assert_eq!(chats(&gateway).last().expect("a request")["model"], model.as_str());
        assert_eq!(reply.header("x-tollgate-inference-provider"), served_by);
        let receipt = gateway.books().receipt(&reply.call_id()).await;
        assert_eq!(receipt.served_by.as_deref(), Some(served_by));
        assert_eq!(receipt.hold, held.hold(&body, 64), "{model}");
        assert_eq!(receipt.charge, rates.cost(receipt.input, receipt.output), "{model}");
        let shown = reply.header("x-tollgate-cost").parse().expect("an amount");
        let body = String::from_utf8_lossy(&reply.body);
        assert_eq!((receipt.charge, Some(receipt.charge)), (shown, cost_in(&body)));
    }
    gateway.books().check().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_priced_offer_is_pinned_where_another_has_no_price() {
    let gateway = Gateway::start().await;
    let reply = gateway.client.chat(&ask_model("meta-llama/Llama-3.1-8B-Instruct", "Hello")).await;
    assert_eq!(chats(&gateway)[0]["model"], "meta-llama/Llama-3.1-8B-Instruct:cerebras");
    assert!(reply.header("x-tollgate-route").contains("pinned to cerebras"), "{:?}", reply.headers);
    let receipt = gateway.books().receipt(&reply.call_id()).await;
    assert_eq!(receipt.charge, Rates::milli(100, 100).cost(receipt.input, receipt.output));
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn cached_tokens_are_charged_at_their_own_rate() {
    let toml = "[models.cached]\nprovider = \"huggingface\"\nupstream_model = \"openai/gpt-oss-20b:groq\"\n\
                price = { input = \"0.10\", output = \"0.50\", cached_input = \"0.01\" }\n";
    let gateway = Gateway::start_with(Setup { toml: toml.to_owned(), ..Setup::default() }).await;
    let question = "All work and no play. ".repeat(400);
    for round in 0..2 {
        for model in ["cached", "openai/gpt-oss-20b:groq"] {
            let reply = gateway.client.chat(&ask_model(model, &question)).await;
            let receipt = gateway.books().receipt(&reply.call_id()).await;
            assert_eq!(receipt.cached >= 1024, round == 1 || model != "cached", "{receipt:?}");
            let cached_rate = if model == "cached" { 10 } else { 100 };
            let sum = u128::from(receipt.input - receipt.cached) * 100
                + u128::from(receipt.cached) * cached_rate
                + u128::from(receipt.output) * 500;
            assert_eq!(receipt.charge, nanos(sum), "{model}");
        }
    }
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_price_in_the_configuration_stands_above_the_catalogue() {
    let toml = "[models.\"openai/gpt-oss-20b\"]\nprovider = \"huggingface\"\n\
                price = { input = \"3.00\", output = \"7.00\" }\n";
    let gateway = Gateway::start_with(Setup { toml: toml.to_owned(), ..Setup::default() }).await;
    for (suffix, served_by, held, rates) in [
        ("", "groq", Rates::milli(3_000, 7_000), Rates::milli(3_000, 7_000)),
        // A suffix asks for an offer of the catalogue.
        (":cheapest", "together", Rates::milli(100, 500), Rates::milli(50, 200)),
    ] {
        let body = ask_model(&format!("openai/gpt-oss-20b{suffix}"), "Hello");
        let reply = gateway.client.chat(&body).await;
        assert_eq!(reply.header("x-tollgate-inference-provider"), served_by);
        let receipt = gateway.books().receipt(&reply.call_id()).await;
        assert_eq!(receipt.hold, held.hold(&body, 64), "{suffix}");
        assert_eq!(receipt.charge, rates.cost(receipt.input, receipt.output), "{suffix}");
    }
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_long_prompt_is_held_for_the_offer_with_the_largest_context() {
    let gateway = Gateway::start().await;
    // More tokens than the context of the first offer, which is busy; the third one serves it.
    let question = format!("{} [[sim status=429 times=2]]", "word ".repeat(80_000));
    let reply = gateway.client.chat(&ask_model("meta-llama/Llama-3.1-8B-Instruct", &question)).await;
    assert_eq!(reply.status, 200);
    let receipt = gateway.books().receipt(&reply.call_id()).await;
    assert_eq!(receipt.served_by.as_deref(), Some("together"));
    assert!(receipt.input > 32_768);
    assert_eq!(receipt.charge, Rates::milli(180, 180).cost(receipt.input, receipt.output));
    assert!(receipt.uncollected.is_zero() && receipt.charge <= receipt.hold, "{receipt:?}");
    assert!(gateway.finish().await);
}

/// A route whose first offer has no price, and whose provider is not there.
const ROUTE: &str = "[providers.nobody]\nbase_url = \"http://127.0.0.1:9/v1\"\nabort = \"void\"\n\
                     catalogue = \"none\"\n\
                     [models.unpriced]\nprovider = \"nobody\"\n\
                     [routes.smart]\noffers = [\"nobody/unpriced\", \"huggingface/openai/gpt-oss-120b\"]\n";

#[tokio::test]
async fn a_route_with_an_unpriced_offer_is_refused_to_credit_by_the_name_of_that_offer() {
    let gateway = Gateway::start_with(Setup { toml: ROUTE.to_owned(), ..Setup::default() }).await;
    let reply = gateway.client.chat(&ask_model("smart", "Hello")).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (400, "model_not_priced"));
    assert!(reply.json()["error"]["message"].as_str().expect("a message").contains("'unpriced'"));
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_metered_account_pays_for_the_priced_offer_of_a_route_by_its_own_policy() {
    let setup = Setup { kind: AccountKind::Metered, toml: ROUTE.to_owned(), ..Setup::default() };
    let gateway = Gateway::start_with(setup).await;
    let reply = gateway.client.chat(&ask_model("smart", "Hello")).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let receipt = gateway.books().receipt(&reply.call_id()).await;
    assert_eq!((receipt.attempts, receipt.served_by.as_deref()), (2, Some("cerebras")));
    assert_eq!(receipt.charge, CEREBRAS.cost(receipt.input, receipt.output));
    // A client that leaves has left the second provider, which is read on; the first one's policy is void.
    let mut stream = gateway.client.stream(&ask_model("smart", "Hello [[sim tokens=40 gap_ms=20]]")).await;
    let call = stream.call_id();
    assert!(stream.next().await.is_some() && stream.next().await.is_some());
    drop(stream);
    gateway.settled().await;
    let receipt = gateway.books().receipt(&call).await;
    assert_eq!(receipt.ending(), ("client_gone", "drained", "reported"));
    gateway.books().check().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_call_is_charged_once_whatever_it_took() {
    let gateway = Gateway::start().await;
    for (script, status, attempts, served_by, rates) in [
        ("status=429 times=1", 200, 2, "groq", GROQ),
        ("status=500 times=1", 200, 2, "groq", GROQ),
        ("status=503 body=html provider=cerebras", 200, 2, "groq", GROQ),
        ("error_after=0 times=1", 200, 2, "groq", GROQ),
        ("ok_error times=2", 200, 3, "baseten", BASETEN),
        ("status=429 times=2", 200, 3, "baseten", BASETEN),
        ("status=503", 503, 3, "baseten", BASETEN),
        ("status=400", 400, 1, "cerebras", CEREBRAS),
    ] {
        for streamed in [true, false] {
            if script.starts_with("error_after") && !streamed {
                continue;
            }
            let before = chats(&gateway).len() as u64;
            let mut body = ask(&format!("{streamed} [[sim {script}]]"));
            body["stream"] = json!(streamed);
            let reply = gateway.client.chat(&body).await;
            assert_eq!(reply.status, status, "{script}: {reply:?}");
            gateway.settled().await;
            let receipt = gateway.books().receipt(&reply.call_id()).await;
            assert_eq!(
                (receipt.attempts, chats(&gateway).len() as u64 - before),
                (attempts, attempts),
                "{script}"
            );
            assert_eq!(receipt.served_by.as_deref(), Some(served_by), "{script}");
            let cost = rates.cost(receipt.input, receipt.output);
            assert_eq!(
                (receipt.charge, receipt.charge.is_zero()),
                (cost, status != 200),
                "{script}: {receipt:?}"
            );
            let gave_up = status != 200 && attempts > 1;
            assert_eq!(reply.header("x-should-retry"), if gave_up { "false" } else { "" }, "{script}");
        }
    }
    gateway.books().check().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn what_is_charged_is_what_the_upstream_billed() {
    let gateway = Gateway::start().await;
    for at in 0..20 {
        let mut body = ask_model(&format!("{MODEL}:groq"), &format!("Question {at}"));
        body["stream"] = json!(at % 2 == 0);
        body["n"] = json!(1 + at % 3);
        assert_eq!(gateway.client.chat(&body).await.status, 200);
    }
    gateway.settled().await;
    let receipts = gateway.books().check().await;
    let billed = gateway.sim.total_usage();
    let input: u64 = receipts.iter().map(|one| one.input).sum();
    let output: u64 = receipts.iter().map(|one| one.output).sum();
    assert_eq!((input, output), (billed.prompt_tokens, billed.completion_tokens));
    assert!(gateway.finish().await);
}
