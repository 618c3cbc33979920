//! At which price a call is charged: of whoever served it, once, whatever it took.

use domain::AccountKind;
use serde_json::json;

use crate::harness::{Gateway, MODEL, Setup, ask, ask_model};
use crate::rates::{Rates, cost_in, nanos};

/// A model whose live offers are all priced, so that the router chooses among them.
const ROUTER_CHOOSES: &str = "Qwen/Qwen3-Coder-480B-A35B-Instruct";

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
        assert_eq!(gateway.chats().last().expect("a request")["model"], model.as_str());
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
    assert_eq!(gateway.chats()[0]["model"], "meta-llama/Llama-3.1-8B-Instruct:cerebras");
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
        // A policy says who is to serve, not at what price.
        (":cheapest", "together", Rates::milli(3_000, 7_000), Rates::milli(3_000, 7_000)),
        // An inference provider's name asks for its own offer.
        (":groq", "groq", Rates::milli(100, 500), Rates::milli(100, 500)),
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
    let message = reply.json()["error"]["message"].to_string();
    assert!(message.contains("'unpriced'"), "{message}");
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
    assert_eq!(receipt.charge, Rates::CEREBRAS.cost(receipt.input, receipt.output));
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
        ("status=429 times=1", 200, 2, "groq", Rates::GROQ),
        ("status=500 times=1", 200, 2, "groq", Rates::GROQ),
        ("status=503 body=html provider=cerebras", 200, 2, "groq", Rates::GROQ),
        ("error_after=0 times=1", 200, 2, "groq", Rates::GROQ),
        ("ok_error times=2", 200, 3, "baseten", Rates::BASETEN),
        ("status=429 times=2", 200, 3, "baseten", Rates::BASETEN),
        ("status=503", 503, 3, "baseten", Rates::BASETEN),
        ("status=400", 400, 1, "cerebras", Rates::CEREBRAS),
    ] {
        for streamed in [true, false] {
            if script.starts_with("error_after") && !streamed {
                continue;
            }
            let before = gateway.chats().len() as u64;
            let mut body = ask(&format!("{streamed} [[sim {script}]]"));
            body["stream"] = json!(streamed);
            let reply = gateway.client.chat(&body).await;
            assert_eq!(reply.status, status, "{script}: {reply:?}");
            gateway.settled().await;
            let receipt = gateway.books().receipt(&reply.call_id()).await;
            assert_eq!(
                (receipt.attempts, gateway.chats().len() as u64 - before),
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
