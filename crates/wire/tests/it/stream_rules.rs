//! Rules of a streamed answer, one by one: ends, errors, usage that lies.

use bytes::Bytes;
use domain::usage::TOKENS_MAX;
use domain::{Money, Usage, UsageSource};
use proptest::prelude::*;
use wire::chat::{ChatStream, End, Step};
use wire::error::ErrorBody;

const TEXT: &str = r#"{"choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}]}"#;
const STOP: &str = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;

#[test]
fn only_a_finished_answer_is_complete() {
    let second = r#"{"choices":[{"index":1,"delta":{"content":"ho"}}]}"#;
    let second_stop = r#"{"choices":[{"index":1,"delta":{},"finish_reason":"length"}]}"#;
    let table: [(&[&str], End); 13] = [
        (&[], End::Cut),
        (&["[DONE]"], End::Cut),
        (&[r#"{"choices":[]}"#, "[DONE]"], End::Cut),
        (&[TEXT], End::Cut),
        (&[TEXT, "[DONE]"], End::Complete),
        (&[TEXT, STOP], End::Complete),
        (&[TEXT, second, STOP], End::Cut),
        (&[TEXT, second, STOP, second_stop], End::Complete),
        (&[TEXT, r#"{"choices":[{"index":0,"delta":{},"finish_reason":""}]}"#], End::Cut),
        (&[TEXT, r#"{"choices":[{"index":0,"delta":{},"finish_reason":"error"}]}"#, "[DONE]"], End::Cut),
        (&[TEXT, STOP, r#"{"error":"late"}"#, "[DONE]"], End::Cut),
        (&[TEXT, STOP, "}", "[DONE]"], End::Cut),
        (&[r#"{"choices":[{"delta":{}},{"delta":{}}]}"#, STOP], End::Cut),
    ];
    for (events, expected) in table {
        assert_eq!(relay(events).0.end(), expected, "{events:?}");
    }
}

#[test]
fn without_an_end_mark_every_choice_that_was_asked_for_must_finish() {
    let second = r#"{"choices":[{"index":1,"delta":{"content":"ho"},"finish_reason":"stop"}]}"#;
    let table: [(u32, &[&str], End); 6] = [
        (2, &[TEXT, STOP], End::Cut),
        (2, &[TEXT, STOP, STOP], End::Cut),
        (2, &[TEXT, STOP, second], End::Complete),
        (3, &[TEXT, STOP, second], End::Cut),
        // An upstream that ignores `n` says itself that it is done.
        (2, &[TEXT, STOP, "[DONE]"], End::Complete),
        (2, &[TEXT, STOP, r#"{"error":"late"}"#, "[DONE]"], End::Cut),
    ];
    for (n, events, expected) in table {
        assert_eq!(relay_choices(n, events).0.end(), expected, "{n} {events:?}");
    }
}

#[test]
fn an_error_in_the_stream_is_an_error_in_every_spelling() {
    let table = [
        (r#"{"error":"overloaded","error_type":"overloaded"}"#, "overloaded"),
        (r#"{"error":{"message":"boom","code":400}}"#, "boom"),
        (r#"{"object":"error","message":"boom","type":"BadRequestError","param":null,"code":400}"#, "boom"),
        (r#"{"message":"upstream provider failed","reason":"timeout"}"#, "upstream provider failed"),
        (r#"{"detail":"no"}"#, "no"),
        (r#"{"code":500,"msg":"no"}"#, "no"),
        (
            r#"{"id":"x","choices":[{"index":0,"delta":{},"finish_reason":"error"}],"error":{"message":"late"}}"#,
            "late",
        ),
        (
            r#"{"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":"error"}]}"#,
            "the upstream ended the answer with finish_reason error",
        ),
        (r#"{"error":{}}"#, "the upstream sent an error without a message (status 200)"),
        (r#"{"error": "not "quoted""}"#, r#"{"error": "not "quoted""}"#),
    ];
    for (event, message) in table {
        let (stream, steps) = relay(&[TEXT, event]);
        let [_, Step::Error(error)] = &steps[..] else { panic!("{event}: {steps:?}") };
        assert_eq!(error.message, message);
        assert_eq!(stream.end(), End::Cut);
    }
    assert!(matches!(relay(&[r#"{"error":null,"choices":[{"delta":{}}]}"#]).1[..], [Step::Forward(_)]));
}

#[test]
fn what_is_no_object_of_a_chunk_is_malformed() {
    let table = [
        "<html>",
        "{",
        "{\"choices\":",
        "[]",
        "[null,null,null,null,[],{}]",
        "7",
        "\"text\"",
        "null",
        "{} {}",
        r#"{"choices":{}}"#,
        r#"{"choices":[1]}"#,
        "{\"a\":1}}",
        "DONE",
        "[DONE] [DONE]",
        "{'a':1}",
    ];
    for event in table {
        let (stream, steps) = relay(&[TEXT, event]);
        assert_eq!(steps[1], Step::Malformed, "{event}");
        assert_eq!(stream.end(), End::Cut);
    }
    let mut stream = ChatStream::new(false, 1);
    assert_eq!(stream.event(Bytes::from_static(b"{\"x\":\"\xff\"}")), Step::Malformed);
}

#[test]
fn blank_data_is_skipped_and_a_spaced_end_is_an_end() {
    assert_eq!(relay(&[" ", "\t\n", "  [DONE] "]).1, [Step::Skip, Step::Skip, Step::Done]);
}

#[test]
fn a_chunk_passes_byte_for_byte_but_for_its_usage() {
    let table = [
        (TEXT, Some(TEXT)),
        (r#"{"choices":[{"delta":{}}],"usage":null}"#, Some(r#"{"choices":[{"delta":{}}],"usage":null}"#)),
        (
            r#"{ "a" : 1.0, "choices":[ {"delta":{} ,"x": 1e2} ], "usage":{} }"#,
            Some(r#"{"a":1.0,"choices":[{"delta":{},"x":1e2}]}"#),
        ),
        (
            r#"{"usage":{"prompt_tokens":1,"completion_tokens":1},"choices":[{"delta":{"content":"\u00fc"}}]}"#,
            Some(r#"{"choices":[{"delta":{"content":"\u00fc"}}]}"#),
        ),
        (
            r#"{"choices":[{"index":0,"usage":{"prompt_tokens":1,"completion_tokens":1}}]}"#,
            Some(r#"{"choices":[{"index":0}]}"#),
        ),
        (
            r#"{"choices":[{"index":0}],"x_groq":{"id":"r","usage":{"prompt_tokens":1,"completion_tokens":1}}}"#,
            Some(r#"{"choices":[{"index":0}],"x_groq":{"id":"r"}}"#),
        ),
        (r#"{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}"#, None),
        (r#"{"usage":{"prompt_tokens":1,"completion_tokens":1}}"#, None),
        (r#"{"choices":null,"usage":{}}"#, None),
        (
            r#"{"choices":[],"prompt_filter_results":[]}"#,
            Some(r#"{"choices":[],"prompt_filter_results":[]}"#),
        ),
        ("{\"choices\":\n[]}", Some(r#"{"choices": []}"#)),
        ("\u{c}\t{\"choices\":[]} \n", Some(r#"{"choices":[]}"#)),
    ];
    for (event, sent) in table {
        let expected = match sent {
            Some(sent) => Step::Forward(format!("data: {sent}\n\n").into()),
            None => Step::Skip,
        };
        assert_eq!(relay(&[event]).1, [expected], "{event}");
    }
}

#[test]
fn generated_text_is_counted_in_every_spelling() {
    let table = [
        (r#"{"content":"four"}"#, 4),
        (r#"{"content":"\u00fc\n\"\ud83d\ude00"}"#, 2 + 1 + 1 + 6),
        (r#"{"content":null,"refusal":"no"}"#, 2),
        (r#"{"reasoning":"abc"}"#, 3),
        (r#"{"reasoning_content":"abc"}"#, 3),
        (r#"{"reasoning_text":"abc"}"#, 3),
        (r#"{"thinking":"abc"}"#, 3),
        (r#"{"reasoning":"abc","reasoning_content":"abc"}"#, 3),
        (r#"{"content":"x","reasoning":"abc"}"#, 4),
        (
            r#"{"tool_calls":[{"index":0,"id":"call_1","function":{"name":"add","arguments":"{\"a\":1}"}},{"function":{"arguments":"x"}}]}"#,
            3 + 7 + 1,
        ),
        (r#"{"tool_calls":[]}"#, 0),
        (r#"{"tool_calls":null}"#, 0),
        (r#"{"tool_calls":"odd"}"#, 5),
        (r#"{"tool_calls":[{"function":{"name":"f","arguments":{"a":1}}}]}"#, 1 + 7),
        (r#"{"function_call":{"name":"f","arguments":"12"}}"#, 3),
        (r#"{"content":[{"type":"text","text":"x"}]}"#, 28),
        (r#"{"role":"assistant","token_id":7}"#, 0),
    ];
    for (delta, bytes) in table {
        let chunk = format!(r#"{{"choices":[{{"index":0,"delta":{delta}}}]}}"#);
        assert_eq!(relay(&[&chunk]).0.tally().relayed_bytes, bytes, "{delta}");
    }
}

#[test]
fn usage_is_read_in_every_spelling_and_never_believed_blindly() {
    let usage =
        |input, cached_input, output, reasoning| Some(Usage { input, cached_input, output, reasoning });
    let table = [
        (r#"{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13}"#, usage(9, 0, 4, 0), false),
        (r#"{"prompt_tokens":9,"completion_tokens":4}"#, usage(9, 0, 4, 0), false),
        (
            r#"{"prompt_tokens":9,"completion_tokens":4,"prompt_tokens_details":{"cached_tokens":8}}"#,
            usage(9, 8, 4, 0),
            false,
        ),
        (r#"{"prompt_tokens":9,"completion_tokens":4,"cached_tokens":8}"#, usage(9, 8, 4, 0), false),
        (
            r#"{"prompt_tokens":9,"completion_tokens":4,"prompt_cache_hit_tokens":8}"#,
            usage(9, 8, 4, 0),
            false,
        ),
        (r#"{"prompt_tokens":9,"completion_tokens":4,"reasoning_tokens":3}"#, usage(9, 0, 4, 3), false),
        (
            r#"{"prompt_tokens":9,"completion_tokens":4,"completion_tokens_details":{"reasoning_tokens":3}}"#,
            usage(9, 0, 4, 3),
            false,
        ),
        (
            r#"{"prompt_tokens":9,"completion_tokens":4,"prompt_tokens_details":null}"#,
            usage(9, 0, 4, 0),
            false,
        ),
        (
            r#"{"prompt_tokens":9,"completion_tokens":4,"prompt_tokens_details":[],"completion_tokens_details":7}"#,
            usage(9, 0, 4, 0),
            false,
        ),
        (r#"{}"#, None, false),
        (r#"{"prompt_tokens":9,"completion_tokens":4,"total_tokens":99}"#, usage(9, 0, 4, 0), true),
        (r#"{"prompt_tokens":9,"completion_tokens":4,"cached_tokens":10}"#, usage(9, 9, 4, 0), true),
        (r#"{"prompt_tokens":9,"completion_tokens":4,"reasoning_tokens":5}"#, usage(9, 0, 4, 4), true),
        (r#"{"prompt_tokens":9,"completion_tokens":4,"cached_tokens":-1}"#, usage(9, 0, 4, 0), true),
        (r#"{"prompt_tokens":9,"completion_tokens":99999999999}"#, usage(9, 0, TOKENS_MAX, 0), true),
        (
            r#"{"prompt_tokens":99999999999999999999999999,"completion_tokens":4}"#,
            usage(TOKENS_MAX, 0, 4, 0),
            true,
        ),
        (r#"{"prompt_tokens":9,"completion_tokens":-4}"#, None, true),
        (r#"{"prompt_tokens":9,"completion_tokens":4.0}"#, None, true),
        (r#"{"prompt_tokens":9,"completion_tokens":4e3}"#, None, true),
        (r#"{"prompt_tokens":"9","completion_tokens":4}"#, None, true),
        (r#"{"prompt_tokens":9}"#, None, true),
        (r#"{"prompt_tokens":null,"completion_tokens":4}"#, None, true),
        (r#"{"prompt_tokens":9,"prompt_tokens":9,"completion_tokens":4}"#, None, true),
        (r#"[9,4,13]"#, None, true),
        (r#""much""#, None, true),
        ("true", None, true),
    ];
    for (raw, reported, suspect) in table {
        let (stream, _) = relay(&[TEXT, &format!(r#"{{"choices":[],"usage":{raw}}}"#)]);
        let tally = stream.tally();
        assert_eq!((tally.reported, tally.usage_suspect), (reported, suspect), "{raw}");
    }
}

#[test]
fn the_last_usage_counts_unless_it_takes_output_back() {
    let report = |input: u64, output: u64| {
        format!(r#"{{"choices":[],"usage":{{"prompt_tokens":{input},"completion_tokens":{output}}}}}"#)
    };
    let grown = relay(&[&report(5, 1), &report(6, 7)]).0;
    assert_eq!((grown.tally().reported.unwrap().output, grown.tally().usage_suspect), (7, false));
    let shrunk = relay(&[&report(5, 7), &report(6, 1)]).0;
    let usage = shrunk.tally().reported.unwrap();
    assert_eq!((usage.input, usage.output, shrunk.tally().usage_suspect), (5, 7, true));
}

#[test]
fn a_usage_is_stale_when_text_comes_after_it() {
    let usage = |output: u64| format!(r#""usage":{{"prompt_tokens":10,"completion_tokens":{output}}}"#);
    let alone = |output| format!(r#"{{"choices":[],{}}}"#, usage(output));
    let with_text =
        |output| format!(r#"{{"choices":[{{"index":0,"delta":{{"content":"hi"}}}}],{}}}"#, usage(output));
    let text = TEXT.to_owned();
    let failed = format!(r#"{{"error":"no",{}}}"#, usage(1));
    let table = [
        (vec![alone(0)], Some(false)),
        (vec![alone(0), text.clone()], Some(true)),
        (vec![alone(0), text.clone(), STOP.to_owned()], Some(true)),
        (vec![text.clone(), alone(1)], Some(false)),
        (vec![text.clone(), alone(1), STOP.to_owned()], Some(false)),
        // A chunk's own usage counts its own text.
        (vec![with_text(1), with_text(2)], Some(false)),
        (vec![with_text(1), with_text(2), alone(2)], Some(false)),
        (vec![with_text(1), text.clone()], Some(true)),
        // The same number again is no news of what came since, and a smaller one is none at all.
        (vec![alone(0), with_text(0), with_text(0)], Some(true)),
        (vec![alone(5), text.clone(), alone(1)], Some(true)),
        (vec![text.clone(), failed], Some(false)),
        (vec![text], None),
    ];
    for (events, stale) in table {
        let events: Vec<&str> = events.iter().map(String::as_str).collect();
        let report = relay(&events).0.tally().report();
        assert_eq!(report.map(|report| report.stale), stale, "{events:?}");
    }
}

#[test]
fn names_are_the_first_that_were_given() {
    let named = |id: &str| format!(r#"{{"id":{id},"model":"m","created":12,"choices":[{{"delta":{{}}}}]}}"#);
    let (stream, _) =
        relay(&[&named("\"\""), &named("null"), &named("7"), &named("\"a\\\"b\""), &named("\"c\"")]);
    assert_eq!(stream.tally().upstream_id.as_deref(), Some("a\"b"));
    assert_eq!(stream.tally().events, 5);
    let usage = Usage { input: 10, cached_input: 4, output: 3, reasoning: 1 };
    let chunk = stream.usage_chunk(&usage, Money::from_nanos(23_000), UsageSource::Estimated);
    let expected = concat!(
        r#"data: {"id":"a\"b","object":"chat.completion.chunk","created":12,"model":"m","choices":[],"#,
        r#""usage":{"prompt_tokens":10,"completion_tokens":3,"total_tokens":13,"#,
        r#""prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":1},"#,
        r#""cost":0.000023,"cost_details":{"usage_source":"estimated"}}}"#,
        "\n\n"
    );
    assert_eq!(chunk, expected);
    let unpriced = stream.usage_chunk(&usage, None, UsageSource::Reported);
    assert!(String::from_utf8_lossy(&unpriced).contains(r#""cost":null,"#));
}

#[test]
fn our_error_event_ends_the_choice_and_is_one_event() {
    let error = ErrorBody {
        message: "a\n\ndata: [DONE]".to_owned(),
        kind: "upstream_error",
        param: None,
        code: None,
    };
    let expected = concat!(
        r#"data: {"error":{"message":"a\n\ndata: [DONE]","type":"upstream_error","param":null,"code":null},"#,
        r#""id":"","object":"chat.completion.chunk","created":0,"model":"","#,
        r#""choices":[{"index":0,"delta":{},"finish_reason":"error"}]}"#,
        "\n\n"
    );
    assert_eq!(ChatStream::new(false, 1).error_event(&error), expected);
}

proptest! {
    #![proptest_config(ProptestConfig { fork: false, ..ProptestConfig::default() })]

    #[test]
    fn no_event_makes_it_panic_or_send_more_than_one_event(events in proptest::collection::vec(hostile_event(), 1..8)) {
        let mut stream = ChatStream::new(true, 1);
        for event in events {
            if let Step::Forward(frame) = stream.event(event.into()) {
                let inside = &frame[..frame.len() - 2];
                prop_assert!(frame.starts_with(b"data: ") && frame.ends_with(b"\n\n"));
                prop_assert!(!inside.contains(&b'\n') && !inside.contains(&b'\r'));
                prop_assert!(serde_json::from_slice::<serde_json::Value>(&inside[6..]).is_ok());
            }
        }
        if let Some(usage) = stream.tally().reported {
            prop_assert!(!usage.bounded().1, "out of bounds: {:?}", usage);
        }
    }
}

/// Events made of the pieces of real ones, and of noise.
fn hostile_event() -> impl Strategy<Value = Vec<u8>> {
    let number = prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| format!("{number:e}")),
        Just("null".to_owned()),
        Just("\"9\"".to_owned()),
        Just("[]".to_owned()),
    ];
    let usage = (number.clone(), number.clone(), number.clone()).prop_map(|(input, output, cached)| {
        format!(r#"{{"prompt_tokens":{input},"completion_tokens":{output},"cached_tokens":{cached}}}"#)
    });
    let chunk = (number, usage, ".{0,12}").prop_map(|(index, usage, text)| {
        let text = serde_json::to_string(&text).unwrap();
        format!(
            "{{\"choices\":[{{\"index\":{index},\n\"delta\":{{\"content\":{text}}}}}],\r\n\"usage\":{usage}}}"
        )
    });
    prop_oneof![
        4 => chunk.prop_map(String::into_bytes),
        1 => proptest::collection::vec(any::<u8>(), 0..30),
        1 => "[\\[\\]{}:,\"a-c0-9 \\\\u]{0,30}".prop_map(String::into_bytes),
    ]
}

/// All steps of a stream, and the stream afterwards.
fn relay(events: &[&str]) -> (ChatStream, Vec<Step>) {
    relay_choices(1, events)
}

/// The same, where `n` choices were asked for.
fn relay_choices(n: u32, events: &[&str]) -> (ChatStream, Vec<Step>) {
    let mut stream = ChatStream::new(false, n);
    let steps = events.iter().map(|event| stream.event(Bytes::copy_from_slice(event.as_bytes()))).collect();
    (stream, steps)
}
