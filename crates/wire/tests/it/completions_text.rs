//! Completions that go as they are to who completes texts: what is checked and bounded of the request, what is sent,
//! and what is counted of the answer.

use bytes::Bytes;
use domain::{CallBound, Money, Usage, UsageSource};
use proptest::prelude::*;
use serde_json::{Value, json};
use wire::chat::{ChatReply, ChatStream, Echo, End, ReplyFault, RequestError, Step};
use wire::completions::TextRequest;
use wire::error::ErrorBody;

use crate::completions::request;

fn text(fields: Value) -> Result<TextRequest, RequestError> {
    request(fields).map(|request| request.text)
}

#[test]
fn what_is_sent_is_what_was_written_behind_the_model_and_the_limit() {
    for (body, sent) in [
        (
            r#"{"prompt":"Once","model":"m","seed":7}"#,
            r#"{"model":"up","max_tokens":16,"prompt":"Once","seed":7}"#,
        ),
        (
            r#"{ "model":"m", "max_tokens" : 5, "prompt": [ [1, 2],[3] ],"provider":"acme", "session_id":"s", "n":2,"suffix":"\u0065nd" }"#,
            r#"{"model":"up","max_tokens":5,"prompt": [ [1, 2],[3] ],"n":2,"suffix":"\u0065nd"}"#,
        ),
        (
            r#"{"model":"m","prompt":"a","max_tokens":0,"echo":true,"logprobs":1,"response_format":{"type":"json_object"}}"#,
            r#"{"model":"up","max_tokens":0,"prompt":"a","echo":true,"logprobs":1,"response_format":{"type":"json_object"}}"#,
        ),
        (
            r#"{"model":"m","prompt":"a","max_tokens":null,"stream":true,"stream_options":{"include_usage":false,"x":1}}"#,
            r#"{"model":"up","max_tokens":16,"prompt":"a","stream":true,"stream_options":{"include_usage":true,"x":1}}"#,
        ),
        (
            r#"{"model":"m","prompt":"a","stream":true}"#,
            r#"{"model":"up","max_tokens":16,"prompt":"a","stream":true,"stream_options":{"include_usage":true}}"#,
        ),
    ] {
        let body = Bytes::from(body.to_owned());
        let read = wire::completions::CompletionsRequest::parse(&body).unwrap().text;
        assert_eq!(str::from_utf8(&read.forward("up")).unwrap(), sent, "{body:?}");
    }
}

#[test]
fn what_no_server_can_do_is_refused_with_its_place() {
    for (fields, code, param) in [
        (json!({"prompt": {}}), "invalid_type", "prompt"),
        (json!({"prompt": []}), "invalid_value", "prompt"),
        (json!({"prompt": ["a", 1]}), "invalid_type", "prompt[1]"),
        (json!({"prompt": [[1], "a"]}), "invalid_type", "prompt"),
        (json!({"prompt": [1, -1]}), "invalid_type", "prompt"),
        (json!({"prompt": [1, 1.5]}), "invalid_type", "prompt"),
        (json!({"prompt": vec!["a"; 129]}), "invalid_value", "prompt"),
        (json!({"prompt": ["a", "b"], "n": 65}), "invalid_value", "prompt"),
        (json!({"n": 129}), "invalid_value", "n"),
        (json!({"n": 0}), "invalid_value", "n"),
        (json!({"best_of": 2}), "unsupported_parameter", "best_of"),
        (json!({"suffix": 1}), "invalid_type", "suffix"),
        (json!({"echo": 1}), "invalid_type", "echo"),
        (json!({"logprobs": true}), "invalid_type", "logprobs"),
        (json!({"logprobs": 21}), "invalid_value", "logprobs"),
        (json!({"max_tokens": 0}), "invalid_value", "max_tokens"),
        (json!({"max_tokens": 1u64 << 31}), "invalid_value", "max_tokens"),
        (json!({"Max_Tokens": 9}), "invalid_value", "Max_Tokens"),
        (json!({"N": 9}), "invalid_value", "N"),
        (json!({"Echo": true}), "invalid_value", "Echo"),
        // A server that matches keys without regard to case knows more of them than those of this dialect.
        (json!({"Max_Completion_Tokens": 9}), "invalid_value", "Max_Completion_Tokens"),
        (json!({"Service_Tier": "priority"}), "invalid_value", "Service_Tier"),
        (json!({"auto_max_new_tokens": true}), "unsupported_parameter", "auto_max_new_tokens"),
        (json!({"n_predict": 9}), "unsupported_parameter", "n_predict"),
        (json!({"max_new_tokens": 9}), "unsupported_parameter", "max_new_tokens"),
        (json!({"max_completion_tokens": 9}), "unsupported_parameter", "max_completion_tokens"),
        (json!({"prompt_embeds": "AAAA"}), "unsupported_parameter", "prompt_embeds"),
        (json!({"messages": []}), "unsupported_parameter", "messages"),
        (json!({"service_tier": "priority"}), "unsupported_parameter", "service_tier"),
        (json!({"stream_options": {"Include_Usage": true}}), "invalid_value", "stream_options.include_usage"),
        (json!({"model": ""}), "invalid_value", "model"),
        (json!({"provider": {}}), "invalid_type", "provider"),
    ] {
        let error = text(fields.clone()).unwrap_err();
        assert_eq!((error.code, error.param.as_deref()), (code, Some(param)), "{fields}");
    }
}

#[test]
fn a_call_is_bounded_by_its_bytes_its_tokens_and_all_its_completions() {
    let bound = |fields: Value| text(fields).unwrap().bound();
    let of = |input_tokens, output, n| CallBound { input_tokens, output_tokens: Some(output), n };
    for (fields, expected) in [
        (json!({}), of(6 + 16, 16, 1)),
        (
            json!({"max_tokens": 7, "n": 3, "seed": 1, "stop": "long words that no model reads"}),
            of(6 + 16, 7, 3),
        ),
        (json!({"prompt": ["ab", "c"], "n": 2}), of(4 + 3 + 2 * 16, 16, 4)),
        (json!({"prompt": [1, 2, 3]}), of(3 + 16, 16, 1)),
        (json!({"prompt": [[1, 2, 3], [4]]}), of(4 + 2 * 16, 16, 2)),
        (json!({"prompt": ""}), of(2 + 16, 16, 1)),
        // What stands beside a prompt may stand beside each.
        (json!({"prompt": ["ab", "c"], "suffix": "xyz"}), of(4 + 3 + 2 * (16 + 8 + 5), 16, 2)),
        (json!({"max_tokens": 0, "echo": true}), of(6 + 16 + 6 + 4, 0, 1)),
    ] {
        assert_eq!(bound(fields.clone()), expected, "{fields}");
    }
}

/// What stands for generated text in an answer to a request with these fields, to which the choices add these texts.
fn generated(fields: Value, texts: &[(usize, &str)]) -> u64 {
    let request = text(fields).expect("a request");
    let mut stream = ChatStream::of_text(false, request.bound().n, request.echo().clone());
    for (index, text) in texts {
        let chunk = json!({"choices": [{"index": index, "text": text}]}).to_string();
        assert!(matches!(stream.event(chunk.into()), Step::Forward(_)));
    }
    stream.tally().relayed_bytes
}

#[test]
fn what_is_repeated_was_not_generated() {
    let whole = |fields: Value, text_of_answer: &str| {
        let choice = json!({"index": 0, "text": text_of_answer, "finish_reason": "stop"});
        let body = json!({"choices": [choice]}).to_string();
        let echo = text(fields).unwrap().echo().clone();
        ChatReply::parse_text(body.into(), echo).unwrap().tally().relayed_bytes
    };
    let echoed = || json!({"echo": true});
    let seen = (whole(json!({}), "Once upon"), whole(echoed(), "Once upon"), whole(echoed(), "On"));
    assert_eq!(seen, (9, 5, 0));
    for (fields, texts, bytes) in [
        // The two choices of a prompt come in turn, each behind its own echo.
        (
            json!({"echo": true, "n": 2}),
            &[(0, "Onc"), (1, "Once"), (0, "e"), (0, "!"), (1, "\u{1f600}")][..],
            1 + 4,
        ),
        (
            json!({"echo": true, "prompt": ["ab", "c"], "n": 2}),
            &[(3, "c!"), (1, "ab"), (1, "c"), (0, "a")],
            2,
        ),
        // Of tokens only the number is known, so four bytes of each are taken for them.
        (json!({"echo": true, "prompt": [[1, 2], [3]]}), &[(1, "12345"), (0, "1234567"), (0, "89")], 1 + 1),
        (json!({"echo": true, "prompt": [1]}), &[(0, "12345")], 1),
        (json!({"echo": true, "prompt": ["\u{e9}\n\u{1f600}"]}), &[(0, "\u{e9}\n\u{1f600}x")], 1),
    ] {
        assert_eq!(generated(fields.clone(), texts), bytes, "{fields}");
    }
}

#[test]
fn the_echo_of_a_choice_that_has_not_come_hides_nothing_of_another() {
    let fields = json!({"echo": true, "prompt": ["Once", "a long second prompt"]});
    assert_eq!(generated(fields, &[(0, "Once"), (0, " upon"), (0, " a time")]), 5 + 7);
}

#[test]
fn a_server_that_repeats_nothing_is_counted_from_its_first_text() {
    let fields = json!({"echo": true, "prompt": "a long prompt of many words"});
    assert_eq!(generated(fields.clone(), &[(0, "and"), (0, " more"), (0, " more")]), 2 + 5 + 5);
    assert_eq!(generated(fields, &[(0, "no"), (0, "a long prompt")]), 2 + 13);
    // Nor does an index that nobody asked for.
    assert_eq!(generated(json!({"echo": true}), &[(7, "Once")]), 4);
}

#[test]
fn chunks_are_recognised_once_all_is_repeated() {
    let request = text(json!({"echo": true, "prompt": "\u{1f600}bc"})).unwrap();
    let mut stream = ChatStream::of_text(false, 1, request.echo().clone());
    // Escapes make a text longer on the wire than it is.
    for text in ["\\ud83d\\ude00", "b", "c", "d", "e"] {
        let chunk = CHUNK.replace(" upon", text);
        assert!(matches!(stream.event(chunk.into()), Step::Forward(_)));
    }
    assert_eq!(stream.tally().relayed_bytes, 2);
}

const CHUNK: &str = r#"{"id":"cmpl-1","object":"text_completion","created":7,"model":"up","choices":[{"index":0,"text":" upon","logprobs":null,"finish_reason":null}]}"#;

#[test]
fn chunks_pass_as_they_are_and_their_usage_is_held_back() {
    let mut stream = ChatStream::of_text(true, 1, Echo::default());
    let forward = |stream: &mut ChatStream, chunk: &str| match stream.event(Bytes::from(chunk.to_owned())) {
        Step::Forward(frame) => String::from_utf8(frame.to_vec()).unwrap(),
        other => format!("{other:?}"),
    };
    // The second is recognised by its shape, the third has another one.
    let other = CHUNK.replace("\"logprobs\":null", "\"logprobs\":{\"tokens\":[\" upon\"]}");
    for chunk in [CHUNK, &CHUNK.replace(" upon", " a \\u00e9"), &other] {
        assert_eq!(forward(&mut stream, chunk), format!("data: {chunk}\n\n"));
    }
    assert_eq!(stream.tally().relayed_bytes, 5 + 5 + 5);
    assert_eq!(stream.end(), End::Cut);
    let last = CHUNK.replace(
        "\"finish_reason\":null}]",
        "\"finish_reason\":\"length\"}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":3}",
    );
    let passed = CHUNK.replace("\"finish_reason\":null", "\"finish_reason\":\"length\"");
    assert_eq!(forward(&mut stream, &last), format!("data: {passed}\n\n"));
    assert_eq!(stream.event(Bytes::from_static(b"[DONE]")), Step::Done);
    assert_eq!(stream.end(), End::Complete);
    let tally = stream.tally();
    let report = tally.report().map(|report| (report.usage.input, report.usage.output, report.stale));
    assert_eq!((report, tally.finish_reason.as_deref()), (Some((1, 3, false)), Some("length")));
    assert_eq!((tally.upstream_id.as_deref(), tally.model.as_deref()), (Some("cmpl-1"), Some("up")));

    let usage = Usage { input: 1, output: 3, ..Usage::default() };
    let told = stream.usage_chunk(&usage, Money::from_nanos(5), UsageSource::Reported);
    let told = str::from_utf8(&told).unwrap().to_owned();
    let head =
        r#"data: {"id":"cmpl-1","object":"text_completion","created":7,"model":"up","choices":[],"usage":{"#;
    assert!(told.starts_with(head), "{told}");
    let error = ErrorBody { message: "It broke.".to_owned(), kind: "server_error", param: None, code: None };
    let told = stream.error_event(&error);
    let end = r#""choices":[{"index":0,"text":"","logprobs":null,"finish_reason":"error"}]}"#;
    assert!(str::from_utf8(&told).unwrap().trim_end().ends_with(end), "{told:?}");
}

#[test]
fn a_whole_answer_has_texts_that_ended() {
    let choice = |text: &str| json!({"index": 0, "text": text, "logprobs": null, "finish_reason": "stop"});
    let body = json!({"id": "cmpl-1", "choices": [choice("ab"), choice("c")], "usage": {"prompt_tokens": 2, "completion_tokens": 3}});
    let reply = ChatReply::parse_text(body.to_string().into(), Echo::default()).unwrap();
    assert_eq!(reply.tally().relayed_bytes, 3);
    for (choices, why) in [
        (json!([]), "it has no choices"),
        (
            json!([{"index": 0, "message": {"content": "ab"}, "finish_reason": "stop"}]),
            "a choice has no text",
        ),
        (json!([{"index": 0, "text": "ab"}]), "a choice has no finish_reason: it is not whole"),
    ] {
        let body = json!({"choices": choices}).to_string();
        assert_eq!(
            ChatReply::parse_text(body.into(), Echo::default()).unwrap_err(),
            ReplyFault::Malformed(why)
        );
    }
    // A chat may have such a text beside its message, and counts it once.
    let both = json!({"choices": [{"index": 0, "text": "ab", "message": {"content": "ab"}, "finish_reason": "stop"}]});
    assert_eq!(ChatReply::parse(both.to_string().into()).unwrap().tally().relayed_bytes, 2);
    let chunk = json!({"choices": [{"index": 0, "text": "ab", "delta": {"content": "ab"}}]});
    let mut stream = ChatStream::new(false, 1);
    let _ = stream.event(chunk.to_string().into());
    assert_eq!(stream.tally().relayed_bytes, 2);
}

proptest! {
    #![proptest_config(ProptestConfig { fork: false, ..ProptestConfig::default() })]

    /// A longer prompt never has a smaller bound.
    #[test]
    fn the_bound_covers_the_bytes_of_all_prompts(prompts in proptest::collection::vec(".{0,40}", 1..8), suffix in ".{0,20}") {
        let bound = text(json!({"prompt": prompts, "suffix": suffix})).unwrap().bound();
        let bytes: usize = prompts.iter().map(|prompt| prompt.len() + suffix.len()).sum();
        prop_assert!(bound.input_tokens >= (bytes + prompts.len()) as u64);
        prop_assert_eq!(bound.n as usize, prompts.len());
    }
}
