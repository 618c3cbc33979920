//! Chunks of a known shape are not parsed. Nobody may be able to tell: each event of a stream gives the same step,
//! and adds the same text, as it does at the start of a stream of its own, where no shape is known.

use bytes::Bytes;
use proptest::prelude::*;
use wire::chat::{ChatStream, Step};

/// Chunks around one text, from plain ones to those where the text is not all that matters.
const SHAPES: [(&str, &str); 13] = [
    (
        r#"{"id":"a","model":"m","choices":[{"index":0,"delta":{"content":""#,
        r#""},"finish_reason":null}],"usage":null}"#,
    ),
    (r#"{"id":"a","choices":[{"index":0,"delta":{"content":"","reasoning":""#, r#""}}]}"#),
    (r#"{"choices":[{"delta":{"reasoning":"ab","reasoning_content":""#, r#""}}]}"#),
    (r#"{"choices":[{"delta":{"reasoning":""#, r#"","reasoning_content":"ab"}}]}"#),
    (r#"{"choices":[{"delta":{"content":[{"text":"x"}],"thinking":""#, r#""}}]}"#),
    (r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":""#, r#""}}]}}]}"#),
    (r#"{"choices":[{"delta":{"tool_calls":[{"function":{"name":"f","arguments":""#, r#""}}]}}]}"#),
    (r#"{"choices":[{"delta":{"content":"c","tool_calls":[{"function":{"arguments":""#, r#""}}]}}]}"#),
    (r#"{"choices":[{"index":0,"delta":{"content":""#, r#""}},{"index":1,"delta":{"content":"x"}}]}"#),
    (r#"{"choices":[{"index":0,"delta":{"content":""#, r#""},"finish_reason":"stop"}]}"#),
    (r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""#, "\"}}],\n\"usage\":{}}"),
    (r#"{"choices":[{"index":0,"delta":{"content":"x"}}],"system_fingerprint":""#, r#""}"#),
    (r#"{"choices":[{"index":0,"delta":{"content":""#, r#""},"message":{"content":"x"}}]}"#),
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, fork: false, ..ProptestConfig::default() })]

    #[test]
    fn a_known_shape_changes_nothing(events in stream()) {
        let mut stream = ChatStream::new(false, 1);
        let mut relayed_bytes = 0;
        for event in events {
            let event = Bytes::from(event);
            let mut alone = ChatStream::new(false, 1);
            let expected = alone.event(event.clone());
            relayed_bytes += alone.tally().relayed_bytes;
            prop_assert_eq!(stream.event(event), expected.clone());
            prop_assert_eq!(stream.tally().relayed_bytes, relayed_bytes);
            if matches!(expected, Step::Error(_) | Step::Malformed) {
                break;
            }
        }
    }
}

#[test]
fn a_stream_that_failed_does_not_go_on_in_a_known_shape() {
    let mut stream = ChatStream::new(false, 1);
    let chunk = Bytes::from_static(br#"{"choices":[{"index":0,"delta":{"content":"a"}}]}"#);
    assert!(matches!(stream.event(chunk.clone()), Step::Forward(_)));
    assert!(matches!(stream.event(Bytes::from_static(b"{\"error\":\"no\"}")), Step::Error(_)));
    assert!(matches!(stream.event(chunk), Step::Error(_)));
}

/// Chunks of one shape, and some of another in between.
fn stream() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let shape = || proptest::sample::select(SHAPES.to_vec());
    (shape(), shape(), proptest::collection::vec((text(), proptest::bool::weighted(0.2)), 1..8)).prop_map(
        |(usual, other, texts)| {
            let chunk = |(text, is_other): (Vec<u8>, bool)| {
                let (before, after) = if is_other { other } else { usual };
                [before.as_bytes(), &text, after.as_bytes()].concat()
            };
            texts.into_iter().map(chunk).collect()
        },
    )
}

/// Texts that are good, bad, or try to end the string that they are in.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let odd = [
        r#"\""#,
        r"\\",
        r#"\\""#,
        r#"\\\""#,
        r"\u00fc",
        r"\ud83d\ude00",
        r"\ud800",
        r"\u00",
        r"\x",
        "\\",
        "\"",
        "\n",
        "\u{1}",
        "\u{7f}",
        r#"","finish_reason":"stop"#,
        r#""}}],"usage":{"prompt_tokens":1,"completion_tokens":1},"x":[{"y":{"z":""#,
        r#""}}],"error":"x","y":[{"z":{"w":""#,
        r#"a","content":"b"#,
    ];
    prop_oneof![
        4 => "[a-zé😀 ]{0,6}".prop_map(String::into_bytes),
        1 => proptest::sample::select(odd.to_vec()).prop_map(|text| text.as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..4),
    ]
}
