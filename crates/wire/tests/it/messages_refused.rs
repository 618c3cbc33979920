//! Requests in Anthropic's Messages dialect that are refused, each with the place of what is wrong.

use proptest::prelude::*;
use serde_json::{Value, json};
use wire::messages::MessagesRequest;

use crate::messages_request::{items, request};

#[test]
fn what_cannot_be_done_is_refused_with_its_place() {
    let tool = |fields: Value| json!({ "tools": [fields] });
    for (fields, code, param) in [
        (json!({"model": null}), "missing_required_parameter", "model"),
        (json!({"max_tokens": 0}), "invalid_value", "max_tokens"),
        (json!({"max_tokens": "9"}), "invalid_type", "max_tokens"),
        (json!({"messages": []}), "invalid_value", "messages"),
        (json!({"messages": {}}), "invalid_type", "messages"),
        (json!({"messages": [7]}), "invalid_type", "messages[0]"),
        (json!({"messages": [{"role": "tool", "content": "a"}]}), "invalid_value", "messages[0].role"),
        (json!({"messages": [{"role": "user"}]}), "missing_required_parameter", "messages[0].content"),
        (json!({"messages": [{"role": "user", "content": 7}]}), "invalid_type", "messages[0].content"),
        (json!({"system": [{"type": "image"}]}), "unsupported_content", "system[0].type"),
        (json!({"metadata": {"user_id": "x".repeat(513)}}), "invalid_value", "metadata.user_id"),
        (json!({"temperature": "hot"}), "invalid_type", "temperature"),
        (json!({"stop_sequences": [7]}), "invalid_type", "stop_sequences[0]"),
        (json!({"thinking": {"type": "often"}}), "invalid_value", "thinking.type"),
        (json!({"thinking": {"type": "enabled"}}), "missing_required_parameter", "thinking.budget_tokens"),
        (json!({"output_config": {"format": {"type": "xml"}}}), "invalid_value", "output_config.format.type"),
        (json!({"mcp_servers": [{}]}), "unsupported_parameter", "mcp_servers"),
        (json!({"container": "c"}), "unsupported_parameter", "container"),
        (json!({"inference_geo": "eu"}), "unsupported_parameter", "inference_geo"),
        // Fields of chat that this dialect says otherwise.
        (json!({"n": 2}), "unsupported_parameter", "n"),
        (json!({"stop": "a"}), "unsupported_parameter", "stop"),
        (json!({"logprobs": true}), "unsupported_parameter", "logprobs"),
        (json!({"top_logprobs": 2}), "unsupported_parameter", "top_logprobs"),
        (json!({"max_completion_tokens": 1}), "unsupported_parameter", "max_completion_tokens"),
        (json!({"previous_response_id": "resp_1"}), "unsupported_parameter", "previous_response_id"),
        (
            tool(json!({"type": "web_search_20250305", "name": "web_search"})),
            "unsupported_tool",
            "tools[0].type",
        ),
        (tool(json!({"type": "bash_20250124", "name": "bash"})), "unsupported_tool", "tools[0].type"),
        (tool(json!({"name": "f"})), "missing_required_parameter", "tools[0].input_schema"),
        (tool(json!({"name": "f", "input_schema": "{}"})), "invalid_type", "tools[0].input_schema"),
        (tool(json!({"input_schema": {}})), "missing_required_parameter", "tools[0].name"),
        (
            json!({"tools": [{"name": "f", "input_schema": {}}, {"name": "f", "input_schema": {}}]}),
            "invalid_value",
            "tools[1].name",
        ),
        (json!({"tool_choice": {"type": "tool"}}), "missing_required_parameter", "tool_choice.name"),
        (json!({"tool_choice": {"type": "tool", "name": "f"}}), "invalid_value", "tool_choice.name"),
        (
            json!({"tools": [{"name": "f", "input_schema": {}}], "tool_choice": {"type": "tool", "name": "g"}}),
            "invalid_value",
            "tool_choice.name",
        ),
        (json!({"tool_choice": {"type": "any"}}), "invalid_value", "tool_choice.type"),
        (json!({"tool_choice": "auto"}), "invalid_type", "tool_choice"),
    ] {
        let error = request(fields.clone()).unwrap_err();
        assert_eq!((error.code, error.param.as_deref()), (code, Some(param)), "{fields}");
    }
}

#[test]
fn blocks_that_cannot_be_told_are_refused_with_their_place() {
    let block = "messages[0].content[0]";
    let call = json!({"type": "tool_use", "id": "c", "name": "f", "input": {}});
    for (role, blocks, code, param) in [
        ("user", json!([{"type": "container_upload", "file_id": "f"}]), "unsupported_content", ".type"),
        ("user", json!([call]), "unsupported_content", ".type"),
        ("assistant", json!([{"type": "tool_result", "tool_use_id": "c"}]), "unsupported_content", ".type"),
        ("assistant", json!([{"type": "server_tool_use", "id": "c"}]), "unsupported_content", ".type"),
        ("system", json!([{"type": "image"}]), "unsupported_content", ".type"),
        ("user", json!([{"text": "a"}]), "missing_required_parameter", ".type"),
        ("user", json!([{"type": "text"}]), "missing_required_parameter", ".text"),
        (
            "user",
            json!([{"type": "image", "source": {"type": "file", "file_id": "f"}}]),
            "unsupported_content",
            ".source.type",
        ),
        (
            "user",
            json!([{"type": "image", "source": {"type": "url", "url": "file:///etc"}}]),
            "invalid_value",
            ".source.url",
        ),
        (
            "user",
            json!([{"type": "image", "source": {"type": "base64", "media_type": "text/html", "data": ""}}]),
            "invalid_value",
            ".source.media_type",
        ),
        (
            "user",
            json!([{"type": "document", "source": {"type": "url", "url": "https://a"}}]),
            "unsupported_content",
            ".source.type",
        ),
        (
            "user",
            json!([{"type": "tool_result", "content": "a"}]),
            "missing_required_parameter",
            ".tool_use_id",
        ),
        (
            "user",
            json!([{"type": "tool_result", "tool_use_id": "c", "content": [{"type": "tool_use"}]}]),
            "unsupported_content",
            ".content[0].type",
        ),
        (
            "assistant",
            json!([{"type": "tool_use", "id": "c", "name": "f"}]),
            "missing_required_parameter",
            ".input",
        ),
        (
            "assistant",
            json!([{"type": "tool_use", "id": "c", "name": "f", "input": "{}"}]),
            "invalid_type",
            ".input",
        ),
        (
            "assistant",
            json!([{"type": "tool_use", "id": "", "name": "f", "input": {}}]),
            "invalid_value",
            ".id",
        ),
    ] {
        let error = items(role, blocks.clone()).unwrap_err();
        let param = format!("{block}{param}");
        assert_eq!((error.code, error.param), (code, Some(param)), "{blocks}");
    }
}

#[test]
fn two_calls_of_one_id_are_refused() {
    let call = json!({"type": "tool_use", "id": "c", "name": "f", "input": {}});
    let error = items("assistant", json!([call, call])).unwrap_err();
    assert_eq!(error.param.as_deref(), Some("messages[0].content[1].id"));

    // One answer in two messages is no better.
    let message = json!({"role": "assistant", "content": [call]});
    let body = json!({"model": "m", "max_tokens": 1, "messages": [message, message]});
    let error = MessagesRequest::parse(body.to_string().as_bytes()).unwrap_err();
    assert_eq!(error.param.as_deref(), Some("messages[1].content[0].id"));
}

/// Some upstreams count the calls of each answer from 0, and clients send back what they were told.
#[test]
fn calls_of_two_answers_may_have_one_id() {
    let call = json!({"role": "assistant", "content": [{"type": "tool_use", "id": "call_0", "name": "f", "input": {}}]});
    let output = |text: &str| json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_0", "content": text}]});
    let messages = json!([call, output("first"), call, output("second")]);
    let body = json!({"model": "m", "max_tokens": 1, "messages": messages});
    let ask = MessagesRequest::parse(body.to_string().as_bytes()).unwrap().ask;
    let chat: Value = serde_json::from_slice(&wire::pivot::to_chat(&ask, &[])).unwrap();
    let told: Vec<&Value> = chat["messages"].as_array().unwrap().iter().map(|one| &one["content"]).collect();
    assert_eq!(told, [&Value::Null, &json!("first"), &Value::Null, &json!("second")]);
}

#[test]
fn bodies_that_mean_two_things_are_refused() {
    for (body, code, param) in [
        (r#"{"model":"m","model":"n"}"#, "duplicate_parameter", Some("model")),
        (
            r#"{"model":"m","max_tokens":1,"messages":[{"role":"user","role":"assistant","content":"a"}]}"#,
            "duplicate_parameter",
            Some("messages[0].role"),
        ),
        ("[]", "invalid_json", None),
        ("{", "invalid_json", None),
        ("\u{feff}{}", "invalid_json", None),
    ] {
        let error = MessagesRequest::parse(body.as_bytes()).unwrap_err();
        assert_eq!((error.code, error.param.as_deref()), (code, param), "{body}");
    }
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(100), "]".repeat(100));
    assert_eq!(MessagesRequest::parse(deep.as_bytes()).unwrap_err().code, "body_too_deep");
}

/// JSON of all kinds, with the names of the dialect in it more often than not.
fn anything() -> impl Strategy<Value = Value> {
    let word = proptest::sample::select(vec![
        "user",
        "assistant",
        "system",
        "text",
        "image",
        "tool_use",
        "tool_result",
        "thinking",
        "document",
        "base64",
        "url",
        "content",
        "auto",
        "enabled",
        "",
        "https://a",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        word.prop_map(Value::from),
        ".{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        let key = proptest::sample::select(vec![
            "type",
            "role",
            "content",
            "text",
            "source",
            "data",
            "media_type",
            "url",
            "id",
            "tool_use_id",
            "name",
            "input",
            "messages",
            "model",
            "system",
            "tools",
            "input_schema",
            "tool_choice",
            "thinking",
            "max_tokens",
            "metadata",
            "user_id",
            "stop_sequences",
            "output_config",
            "format",
            "schema",
            "x",
        ]);
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::btree_map(key, inner, 0..6).prop_map(|map| map
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect::<Value>()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { fork: false, ..ProptestConfig::default() })]

    #[test]
    fn no_json_makes_the_parser_panic(messages in anything(), system in anything(), tools in anything(), more in anything()) {
        let _ = MessagesRequest::parse(more.to_string().as_bytes());
        for body in [
            json!({"model": "m", "max_tokens": 1, "messages": messages}),
            json!({"model": "m", "max_tokens": 1, "messages": [messages], "system": system, "tools": tools}),
            json!({"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": messages}], "thinking": more}),
            json!({"model": "m", "max_tokens": 1, "messages": [{"role": "assistant", "content": [messages]}]}),
        ] {
            if let Ok(read) = MessagesRequest::parse(body.to_string().as_bytes()) {
                prop_assert_eq!(read.ask.target.model, "m");
            }
        }
    }

    #[test]
    fn no_bytes_make_the_parser_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = MessagesRequest::parse(&body);
    }
}
