//! Whole answers: which are answers, what is counted, and what the client gets.

use bytes::Bytes;
use domain::{Money, Usage, UsageSource};
use wire::chat::{ChatReply, ReplyFault};

const REPLY: &str = r#"{"id":"r1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hello","reasoning_content":"hm"},"logprobs":null,"finish_reason":"stop","x":1.50}],"usage":{"prompt_tokens":9,"queue_time":0.5,"completion_tokens":4,"total_tokens":13,"prompt_tokens_details":{"cached_tokens":8,"audio_tokens":0},"cost":9},"service_tier":null,"x_groq":{"id":"req"}}"#;

#[test]
fn an_answer_is_counted() {
    let reply = ChatReply::parse(Bytes::from_static(REPLY.as_bytes())).unwrap();
    let tally = reply.tally();
    assert_eq!(tally.relayed_bytes, 7);
    assert_eq!(tally.reported, Some(Usage { input: 9, cached_input: 8, output: 4, reasoning: 0 }));
    assert_eq!(tally.finish_reason.as_deref(), Some("stop"));
    assert_eq!((tally.upstream_id.as_deref(), tally.model.as_deref()), (Some("r1"), Some("m")));
    assert_eq!((tally.events, tally.usage_suspect), (1, false));
}

#[test]
fn the_cost_is_added_and_all_else_stays() {
    let usage = Usage { input: 9, cached_input: 8, output: 4, reasoning: 0 };
    let cost = Money::from_nanos(23_000);
    let (head, _) = REPLY.split_once(r#","usage""#).unwrap();
    let tail = r#""service_tier":null,"x_groq":{"id":"req"}"#;
    let table = [
        (
            REPLY.to_owned(),
            UsageSource::Reported,
            r#"{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13,"prompt_tokens_details":{"cached_tokens":8,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0},"queue_time":0.5,"cost":0.000023,"cost_details":{"usage_source":"reported"}}"#,
        ),
        (
            REPLY.to_owned(),
            UsageSource::Estimated,
            r#"{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13,"prompt_tokens_details":{"cached_tokens":8},"completion_tokens_details":{"reasoning_tokens":0},"queue_time":0.5,"cost":0.000023,"cost_details":{"usage_source":"estimated"}}"#,
        ),
        (
            format!("{head},{tail}}}"),
            UsageSource::Estimated,
            r#"{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13,"prompt_tokens_details":{"cached_tokens":8},"completion_tokens_details":{"reasoning_tokens":0},"cost":0.000023,"cost_details":{"usage_source":"estimated"}}"#,
        ),
    ];
    for (body, source, expected) in table {
        let sent = ChatReply::parse(body.into()).unwrap().with_usage(&usage, cost, source);
        assert_eq!(sent, format!("{head},{tail},\"usage\":{expected}}}"));
    }
    let spaced = ChatReply::parse(format!("\u{c}\n{REPLY} \n").into()).unwrap();
    let plain = ChatReply::parse(REPLY.into()).unwrap();
    assert_eq!(
        spaced.with_usage(&usage, cost, UsageSource::Reported),
        plain.with_usage(&usage, cost, UsageSource::Reported)
    );
    let unpriced = ChatReply::parse(REPLY.into()).unwrap().with_usage(&usage, None, UsageSource::Reported);
    assert!(String::from_utf8_lossy(&unpriced).contains(r#""cost":null"#));
}

#[test]
fn a_cost_has_the_digits_of_its_integer() {
    let table = [(0, "0.00"), (1, "0.000000001"), (1_000_000_000, "1.00"), (12_345_678_901, "12.345678901")];
    for (nanos, digits) in table {
        let reply = ChatReply::parse(REPLY.into()).unwrap();
        let sent = reply.with_usage(&Usage::default(), Money::from_nanos(nanos), UsageSource::Reported);
        let sent = String::from_utf8(sent.to_vec()).unwrap();
        assert!(sent.contains(&format!(r#""cost":{digits},"#)), "{sent}");
        serde_json::from_str::<serde_json::Value>(&sent).unwrap();
    }
}

#[test]
fn an_error_with_a_successful_status_is_an_error() {
    let table = [
        (r#"{"error":"no"}"#, "no"),
        (r#"{"error":{"code":"1113","message":"quota"}}"#, "quota"),
        (r#"{"detail":"no"}"#, "no"),
        (r#"{"code":500,"msg":"no","success":false}"#, "no"),
        (
            r#"{"choices":[{"message":{"content":"x"},"finish_reason":"error"}]}"#,
            "the upstream ended the answer with finish_reason error",
        ),
    ];
    for (body, message) in table {
        match ChatReply::parse(body.into()) {
            Err(ReplyFault::Error(error)) => assert_eq!(error.message, message),
            other => panic!("{body}: {other:?}"),
        }
    }
}

#[test]
fn what_is_no_whole_answer_is_malformed() {
    let table: [&[u8]; 17] = [
        b"",
        b" \n",
        b"<html><body>502</body></html>",
        b"OK",
        b"[]",
        b"null",
        b"{}",
        b"{\"choices\":null}",
        b"{\"choices\":[]}",
        b"{\"choices\":[{}]}",
        b"{\"choices\":[{\"finish_reason\":\"stop\"}]}",
        b"{\"choices\":[{\"message\":{\"content\":\"x\"}}]}",
        b"{\"choices\":[{\"message\":{\"content\":\"x\"},\"finish_reason\":null}]}",
        b"{\"choices\":[{\"message\":{\"content\":\"x\"},\"finish_reason\":\"\"}]}",
        b"{\"choices\":[{\"message\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}]",
        b"{\"choices\":[{\"message\":{\"content\":\"\xff\"},\"finish_reason\":\"stop\"}]}",
        b"data: {\"choices\":[]}\n\n",
    ];
    for body in table {
        let parsed = ChatReply::parse(Bytes::from_static(body));
        assert!(
            matches!(parsed, Err(ReplyFault::Malformed(_))),
            "{}: {parsed:?}",
            String::from_utf8_lossy(body)
        );
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { fork: false, ..Default::default() })]

    #[test]
    fn no_bytes_make_it_panic(body: Vec<u8>, cut in 0..REPLY.len(), noise: u8) {
        let _ = ChatReply::parse(body.into());
        let _ = ChatReply::parse(REPLY.as_bytes()[..cut].to_vec().into());
        let mut spoiled = REPLY.as_bytes().to_vec();
        spoiled[cut] = noise;
        if let Ok(reply) = ChatReply::parse(spoiled.into()) {
            let sent = reply.with_usage(&Usage::default(), None, UsageSource::None);
            assert!(serde_json::from_slice::<serde_json::Value>(&sent).is_ok());
        }
    }
}
