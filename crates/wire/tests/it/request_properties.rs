//! Properties of requests: forwarding keeps everything, and no bytes make the parser panic.

use bytes::Bytes;
use domain::CallBound;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use wire::Forward;
use wire::chat::ChatRequest;

proptest! {
    #![proptest_config(ProptestConfig { fork: false, ..ProptestConfig::default() })]

    #[test]
    fn forwarding_changes_only_what_it_must(request in request(), limit in proptest::option::of(1..100_000u64)) {
        let body = serde_json::to_vec_pretty(&request).unwrap();
        let parsed = ChatRequest::parse(Bytes::from(body)).unwrap();
        // As the pipeline does: a limit is written only where the caller named none.
        let limit = limit.filter(|_| parsed.bound().output_tokens.is_none());
        let sent = parsed.forward(&Forward { upstream_model: "up/stream:groq", output_tokens: limit });

        let again = ChatRequest::parse(sent.clone()).unwrap();
        let output_tokens = limit.or(parsed.bound().output_tokens);
        prop_assert_eq!(again.bound(), CallBound { output_tokens, ..parsed.bound() });
        prop_assert_eq!(again.prompt_tokens_estimate(), parsed.prompt_tokens_estimate());
        prop_assert!(again.target().provider.is_none());
        prop_assert_eq!(again.usage_asked(), parsed.stream());

        let mut expected = request;
        expected.remove("provider");
        expected.insert("model".to_owned(), json!("up/stream:groq"));
        if let Some(limit) = limit {
            expected.insert("max_tokens".to_owned(), json!(limit));
        }
        if parsed.stream() {
            let options = expected.entry("stream_options").or_insert(json!({}));
            options["include_usage"] = json!(true);
        }
        prop_assert_eq!(serde_json::from_slice::<Map<String, Value>>(&sent).unwrap(), expected);
    }

    #[test]
    fn more_text_never_makes_the_bound_smaller(request in request(), more in ".{1,40}") {
        let bound = |request: &Map<String, Value>| {
            ChatRequest::parse(Bytes::from(serde_json::to_vec(request).unwrap())).unwrap().bound().input_tokens
        };
        let before = bound(&request);
        let mut longer = request;
        let messages = longer["messages"].as_array_mut().unwrap();
        messages.push(json!({"role": "user", "content": more}));
        prop_assert!(bound(&longer) >= before + more.len() as u64);
    }

    #[test]
    fn no_bytes_make_the_parser_panic(body in vec(any::<u8>(), 0..200)) {
        let _ = ChatRequest::parse(body.into());
    }

    #[test]
    fn no_spoiled_request_makes_it_panic(request in request(), at in any::<prop::sample::Index>(), noise in vec(any::<u8>(), 0..4)) {
        let mut body = serde_json::to_vec(&request).unwrap();
        let at = at.index(body.len());
        body.splice(at..(at + 1).min(body.len()), noise);
        if let Ok(parsed) = ChatRequest::parse(body.into()) {
            let sent = parsed.forward(&Forward { upstream_model: "up", output_tokens: None });
            prop_assert_eq!(ChatRequest::parse(sent).unwrap().bound(), parsed.bound());
        }
    }
}

/// A request as clients make them, with fields that nobody knows.
fn request() -> impl Strategy<Value = Map<String, Value>> {
    let settings = (
        any::<Option<bool>>(),
        proptest::option::of(1..10_000u64),
        proptest::option::of(1..128u64),
        proptest::option::of(Just(json!({"include_usage": false, "chunk_include_usage": 1}))),
        proptest::option::of("[a-z]{1,10}"),
    );
    (vec(message(), 1..5), settings, vec(("[a-z\"é ]{1,8}", leaf()), 0..5)).prop_map(
        |(messages, (stream, limit, n, options, provider), unknown)| {
            let mut request = Map::new();
            for (key, value) in unknown {
                request.insert(format!("x-{key}"), value);
            }
            request.insert("messages".to_owned(), json!(messages));
            request.insert("model".to_owned(), json!("org/model"));
            let known = [
                ("stream", stream.map(Value::from)),
                ("max_completion_tokens", limit.map(Value::from)),
                ("n", n.map(Value::from)),
                ("stream_options", options),
                ("provider", provider.map(Value::from)),
            ];
            for (key, value) in known {
                value.into_iter().for_each(|value| {
                    request.insert(key.to_owned(), value);
                });
            }
            request
        },
    )
}

fn message() -> impl Strategy<Value = Value> {
    let content = prop_oneof![
        ".{0,20}".prop_map(Value::from),
        Just(Value::Null),
        vec(".{0,20}".prop_map(|text| json!({"type": "text", "text": text})), 0..3).prop_map(Value::from),
        "[a-zA-Z0-9]{0,40}".prop_map(|data| {
            json!([{"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{data}")}}])
        }),
    ];
    ("user|assistant|system|tool", content, leaf())
        .prop_map(|(role, content, extra)| json!({"role": role, "content": content, "extra": extra}))
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,10}".prop_map(Value::from),
        vec(any::<u8>().prop_map(Value::from), 0..4).prop_map(Value::from),
        ".{0,5}".prop_map(|text| json!({"nested": [{"text": text}]})),
    ]
}
