//! What happens when an upstream fails before its first event: another try, another offer, or the client's turn.

use std::time::Duration;

use hf_sim::{ErrorBody, Garbage, Match, Script};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::client::Told;
use crate::harness::{Gateway, MODEL, Setup, ask, soon};
use crate::providers::{PRICED_MODEL, ROUTES, ask_for, asked};
use crate::raw::{ANSWER, Raw, ask_raw, reply};

#[tokio::test]
async fn a_busy_inference_provider_is_left_for_another() {
    for (model, first, second) in [
        // The router chose `groq`, so the next try goes elsewhere.
        (PRICED_MODEL, "openai/gpt-oss-20b", "openai/gpt-oss-20b:together"),
        (MODEL, "openai/gpt-oss-120b:cerebras", "openai/gpt-oss-120b:groq"),
    ] {
        for status in [429, 503] {
            let gateway = Gateway::start().await;
            let busy = if model == MODEL { "cerebras" } else { "groq" };
            gateway.sim.script(Match::provider(busy), Script { status: Some(status), ..Script::default() });
            let reply = gateway.client.chat(&ask_for(model)).await;
            assert_eq!(reply.status, 200, "{reply:?}");
            assert_eq!(asked(&gateway), [(first.to_owned(), status), (second.to_owned(), 200)]);
            let receipt = gateway.receipt(&reply.call_id()).await;
            let served_by = second.split(':').nth(1).expect("pinned");
            assert_eq!(
                (&receipt["attempts"], &receipt["inference_provider"]),
                (&json!(2), &json!(served_by))
            );
            assert_eq!(gateway.settled().await.spent.to_string(), reply.header("x-tollgate-cost"));
            assert!(gateway.finish().await);
        }
    }
}

#[tokio::test]
async fn attempts_end_after_three_and_the_last_failure_is_told() {
    let gateway = Gateway::start().await;
    gateway.sim.script(Match::any(), Script { status: Some(503), ..Script::default() });
    let reply = gateway.client.chat(&ask("Hello")).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (503, "upstream_unavailable"), "{reply:?}");
    let models: Vec<String> = asked(&gateway).into_iter().map(|(model, _)| model).collect();
    assert_eq!(models, ["cerebras", "groq", "baseten"].map(|slug| format!("{MODEL}:{slug}")));
    assert_eq!(reply.header("x-should-retry"), "false", "the gateway has retried already");
    let receipt = gateway.receipt(&reply.call_id()).await;
    assert_eq!((&receipt["attempts"], &receipt["outcome"]), (&json!(3), &json!("upstream_error")));
    assert_eq!((&receipt["rule"], &receipt["status"]), (&json!("nothing_generated"), &json!(503)));
    let balance = gateway.settled().await;
    assert_eq!(balance.available, balance.granted);
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn exhausted_credit_at_hugging_face_is_not_tried_again_there() {
    let raw = Raw::start().await;
    let toml = format!("api_key = \"hf_broke\"\n{}{ROUTES}", raw.toml_with(""));
    let gateway = Gateway::start_with(Setup { toml, ..Setup::default() }).await;
    let reply_ = gateway.client.chat(&ask("Hello")).await;
    assert_eq!(
        (reply_.status.as_u16(), reply_.code().as_str()),
        (503, "upstream_quota_exhausted"),
        "{reply_:?}"
    );
    assert_eq!(reply_.header("x-should-retry"), "false");
    assert_eq!(asked(&gateway).len(), 1, "the other inference providers share the account");
    let (body, good) = (ask_for("other"), reply("200 OK", "application/json", ANSWER));
    let (elsewhere, _) = tokio::join!(gateway.client.chat(&body), raw.answer(good.as_bytes()));
    assert_eq!((elsewhere.status.as_u16(), elsewhere.header("x-tollgate-provider")), (200, "raw"));
    assert_eq!(asked(&gateway).len(), 2);
    gateway.settled().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn each_provider_has_its_own_deadlines() {
    let raw = Raw::start().await;
    for (more, streamed) in [
        ("timeouts = { first_byte_ms = 50, idle_ms = 60000, total_ms = 60000 }", true),
        ("timeouts = { first_byte_ms = 60000, idle_ms = 60000, total_ms = 50 }", false),
    ] {
        let gateway = Gateway::start_with(raw.setup_with(more)).await;
        let mut body = ask_raw("Hello");
        body["stream"] = streamed.into();
        let (silent, mut exchange) = tokio::join!(gateway.client.chat(&body), raw.accept());
        assert_eq!((silent.status.as_u16(), silent.code().as_str()), (504, "upstream_timeout"), "{silent:?}");
        exchange.closed_by_gateway().await;
        let receipt = gateway.receipt(&silent.call_id()).await;
        assert_eq!((&receipt["outcome"], &receipt["rule"]), (&json!("timeout"), &json!("nothing_generated")));
        // Hugging Face keeps its own, which are longer.
        gateway.sim.script(Match::any(), Script { headers_ms: Some(150), ..Script::default() });
        assert_eq!(gateway.client.chat(&ask("Hello")).await.status, 200);
        gateway.settled().await;
        assert!(gateway.finish().await);
    }
}

#[tokio::test]
async fn how_long_to_wait_is_passed_on() {
    let raw = Raw::start().await;
    let gateway = Gateway::start_with(raw.setup()).await;
    for (status, given, after, after_ms) in [
        ("429 Slow", "retry-after: 7", "7", "7000"),
        ("429 Slow", "retry-after-ms: 6500", "7", "6500"),
        ("429 Slow", "retry-after: 9\r\nretry-after-ms: 8000", "8", "8000"),
        ("503 Later", "retry-after: 30", "30", "30000"),
        ("429 Slow", "retry-after: 18446744073709551615", "18446744073709551615", "18446744073709551615"),
    ] {
        let said = reply(status, "application/json", "{}")
            .replace("connection: close", &format!("connection: close\r\n{given}"));
        let upstream = raw.always(said);
        let told = gateway.client.chat(&ask_raw("Hello")).await;
        assert_eq!(told.status.as_str(), &status[..3], "{told:?}");
        assert_eq!((told.header("retry-after"), told.header("retry-after-ms")), (after, after_ms), "{given}");
        assert_eq!(upstream.requests(), 1, "what asks for so long is not waited for");
        assert_eq!(told.header("x-should-retry"), "", "so the client may try again");
    }
    // A short wait is waited for here, and the client is told not to try again after that.
    let said = reply("429 Slow", "application/json", "{}")
        .replace("connection: close", "connection: close\r\nretry-after-ms: 10");
    let upstream = raw.always(said);
    let told = gateway.client.chat(&ask_raw("Hello")).await;
    assert_eq!((told.status.as_u16(), upstream.requests()), (429, 3));
    assert_eq!(told.header("x-should-retry"), "false");
    gateway.settled().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_date_to_wait_for_is_passed_on_as_seconds() {
    let raw = Raw::start().await;
    let gateway = Gateway::start_with(raw.setup()).await;
    let said = reply("429 Slow", "application/json", "{}")
        .replace("connection: close", "connection: close\r\nretry-after: Fri, 31 Dec 2100 23:59:59 GMT");
    let (body, said) = (ask_raw("Hello"), said.into_bytes());
    let (told, _) = tokio::join!(gateway.client.chat(&body), raw.answer(&said));
    let seconds: u64 = told.header("retry-after").parse().expect("seconds");
    assert!(seconds > Duration::from_secs(86_400 * 365).as_secs(), "{seconds}");
    gateway.settled().await;
    assert!(gateway.finish().await);
}

/// What the simulator does, how often it is asked, and what the client gets.
#[tokio::test]
async fn what_may_be_tried_again_is_tried_again_and_nothing_else() {
    for (script, attempts, status) in [
        (Script { status: Some(500), ..Script::default() }, 3, 502),
        (Script { status: Some(503), body: Some(ErrorBody::Html), ..Script::default() }, 3, 503),
        (Script { status: Some(429), body: Some(ErrorBody::Empty), ..Script::default() }, 3, 429),
        (Script { status: Some(502), body: Some(ErrorBody::Huge), ..Script::default() }, 3, 502),
        (Script { ok_error: true, ..Script::default() }, 3, 502),
        (Script { error_after: Some(0), ..Script::default() }, 1, 200),
        (Script { status: Some(400), ..Script::default() }, 1, 400),
        (Script { status: Some(422), body: Some(ErrorBody::Detail), ..Script::default() }, 1, 422),
        (Script { garbage: Some(Garbage::Json), ..Script::default() }, 1, 502),
        (Script { cut_after: Some(1), ..Script::default() }, 1, 502),
    ] {
        let gateway = Gateway::start().await;
        gateway.sim.script(Match::any(), script.clone());
        let told = gateway.client.chat(&ask("Hello")).await;
        assert_eq!(told.status.as_u16(), status, "{script:?}: {told:?}");
        let calls = gateway.sim.requests().iter().filter(|call| call.path.ends_with("completions")).count();
        assert_eq!(calls, attempts, "{script:?}");
        assert_eq!(gateway.receipt(&told.call_id()).await["attempts"], attempts, "{script:?}");
        let expected = if attempts > 1 { "false" } else { "" };
        assert_eq!(told.header("x-should-retry"), expected, "{script:?}");
        gateway.settled().await;
        assert!(gateway.finish().await);
    }
}

#[tokio::test]
async fn a_stream_that_fails_before_its_first_event_is_tried_again_and_after_it_never() {
    for (script, attempts) in [
        (Script { error_after: Some(0), ..Script::default() }, 3),
        (Script { error_after: Some(2), ..Script::default() }, 1),
        (Script { cut_after: Some(2), ..Script::default() }, 1),
    ] {
        let gateway = Gateway::start().await;
        gateway.sim.script(Match::any(), script.clone());
        let stream = gateway.client.stream(&ask("Hello")).await;
        let failed_before = attempts > 1;
        assert_eq!(stream.status.as_u16(), if failed_before { 502 } else { 200 }, "{script:?}");
        let call = stream.call_id();
        if !failed_before {
            let told: Told = stream.rest().await;
            assert!(told.error().is_some_and(Value::is_object) && !told.done, "{told:?}");
        }
        assert_eq!(gateway.receipt(&call).await["attempts"], attempts, "{script:?}");
        gateway.settled().await;
        assert!(gateway.finish().await);
    }
}

#[tokio::test]
async fn an_upstream_that_cannot_be_reached_is_told_as_such() {
    let toml = "[providers.gone]\nbase_url = \"http://127.0.0.1:1/v1\"\ncatalogue = \"none\"\n\
                [models.gone]\nprovider = \"gone\"\nfree = true\n";
    let gateway = Gateway::start_with(Setup { toml: toml.to_owned(), ..Setup::default() }).await;
    let mut body = ask("Hello");
    body["model"] = "gone".into();
    let told = gateway.client.chat(&body).await;
    assert_eq!((told.status.as_u16(), told.code().as_str()), (502, "upstream_unreachable"), "{told:?}");
    let receipt = gateway.receipt(&told.call_id()).await;
    assert_eq!((&receipt["attempts"], &receipt["outcome"]), (&json!(3), &json!("upstream_error")));
    gateway.settled().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn an_upstream_that_never_answers_the_tls_handshake_cannot_be_reached() {
    // The system accepts for it, and nobody ever reads.
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let address = silent.local_addr().expect("an address");
    let toml = format!(
        "[providers.stuck]\nbase_url = \"https://{address}/v1\"\ncatalogue = \"none\"\n\
         timeouts = {{ connect_ms = 50, first_byte_ms = 600000, idle_ms = 600000, total_ms = 600000 }}\n\
         [models.stuck]\nprovider = \"stuck\"\nfree = true\n\
         [routes.smart]\noffers = [\"stuck/stuck\", \"hug/openai/gpt-oss-20b:groq\"]\n"
    );
    let gateway = Gateway::start_with(Setup { toml, ..Setup::default() }).await;
    let alone = soon("an error", gateway.client.chat(&ask_for("stuck"))).await;
    assert_eq!((alone.status.as_u16(), alone.code().as_str()), (502, "upstream_unreachable"), "{alone:?}");
    let told = soon("an answer", gateway.client.chat(&ask_for("smart"))).await;
    assert_eq!((told.status.as_u16(), told.header("x-tollgate-provider")), (200, "huggingface"), "{told:?}");
    assert_eq!(gateway.receipt(&told.call_id()).await["attempts"], 2);
    gateway.settled().await;
    assert!(gateway.finish().await);
}
