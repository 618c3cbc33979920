//! What is refused, with the parameter at fault.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use wire::responses::{HostedTools, ResponsesRequest, read_item};

use super::config;

/// Each body, with what `more` adds to a good one, is refused with this code for this parameter.
fn refused(table: Vec<(Value, &str, &str)>) {
    for (more, code, param) in table {
        let mut body = json!({"model": "m", "input": "x"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let error = ResponsesRequest::parse(body.to_string().as_bytes(), HostedTools::default()).unwrap_err();
        assert_eq!((error.code, error.param.as_deref()), (code, Some(param)), "{more}");
    }
}

#[test]
fn items_that_are_none_are_refused() {
    let item = |item: Value| json!({"input": [item]});
    refused(vec![
        (item(json!("x")), "invalid_type", "input[0]"),
        (item(json!({"role": "robot", "content": "x"})), "invalid_value", "input[0].role"),
        (item(json!({"role": "user"})), "missing_required_parameter", "input[0].content"),
        (item(json!({"type": "riddle"})), "invalid_value", "input[0].type"),
        (item(json!({"type": "computer_call_output"})), "unsupported_item", "input[0]"),
        (item(json!({"type": "compaction", "encrypted_content": "x"})), "unsupported_item", "input[0]"),
        (
            item(json!({"type": "function_call", "call_id": "", "name": "f", "arguments": ""})),
            "invalid_value",
            "input[0].call_id",
        ),
        (
            item(json!({"type": "function_call_output", "output": "x"})),
            "missing_required_parameter",
            "input[0].call_id",
        ),
    ]);
}

#[test]
fn parts_that_nobody_can_send_on_are_refused() {
    let part = |part: Value| json!({"input": [{"role": "user", "content": [part]}]});
    refused(vec![
        (
            part(json!({"type": "input_image", "file_id": "file_1"})),
            "unsupported_parameter",
            "input[0].content[0].file_id",
        ),
        (
            part(json!({"type": "input_image", "image_url": "file:///x"})),
            "invalid_value",
            "input[0].content[0].image_url",
        ),
        (
            part(json!({"type": "input_file", "file_id": "file_1"})),
            "unsupported_parameter",
            "input[0].content[0].file_id",
        ),
        (
            part(json!({"type": "input_file", "file_url": "https://x"})),
            "unsupported_parameter",
            "input[0].content[0].file_url",
        ),
        (part(json!({"type": "hologram"})), "invalid_value", "input[0].content[0].type"),
        (part(json!({"type": "input_text"})), "missing_required_parameter", "input[0].content[0].text"),
    ]);
}

#[test]
fn tools_that_cannot_be_had_are_refused() {
    let tool = |tool: Value| json!({"tools": [tool]});
    refused(vec![
        (tool(json!({"type": "mcp", "server_url": "x"})), "unsupported_tool", "tools[0].type"),
        (tool(json!({"type": "function"})), "missing_required_parameter", "tools[0].name"),
        (
            tool(json!({"type": "function", "name": "f", "parameters": 1})),
            "invalid_type",
            "tools[0].parameters",
        ),
        (
            tool(json!({"type": "custom", "name": "f", "format": {"type": "x"}})),
            "invalid_value",
            "tools[0].format.type",
        ),
        (
            json!({"tools": [{"type": "custom", "name": "f"}, {"type": "custom", "name": "f"}]}),
            "invalid_value",
            "tools[1].name",
        ),
        (json!({"tool_choice": {"type": "function", "name": "f"}}), "invalid_value", "tool_choice.name"),
        (json!({"tool_choice": {"type": "web_search"}}), "unsupported_tool", "tool_choice.type"),
        (json!({"tool_choice": "required"}), "invalid_value", "tool_choice"),
        (
            json!({"tool_choice": {"type": "file_search"}, "tools": [
                {"type": "function", "name": "f"}, {"type": "web_search"}]}),
            "unsupported_tool",
            "tool_choice.type",
        ),
    ]);
}

#[test]
fn parameters_are_checked() {
    let pairs: Map<String, Value> = (0..17).map(|n| (n.to_string(), json!("v"))).collect();
    refused(vec![
        (json!({"model": null}), "missing_required_parameter", "model"),
        (json!({"input": null}), "missing_required_parameter", "input"),
        (json!({"input": []}), "missing_required_parameter", "input"),
        (json!({"input": 5}), "invalid_type", "input"),
        (
            json!({"previous_response_id": "a", "conversation": "b"}),
            "mutually_exclusive_parameters",
            "previous_response_id",
        ),
        (json!({"background": true, "store": false}), "invalid_value", "background"),
        (json!({"prompt": {"id": "p"}}), "unsupported_parameter", "prompt"),
        (json!({"top_logprobs": 3}), "unsupported_parameter", "top_logprobs"),
        (json!({"include": ["message.output_text.logprobs"]}), "unsupported_parameter", "include[0]"),
        (json!({"max_output_tokens": 0}), "invalid_value", "max_output_tokens"),
        (json!({"max_tokens": 5}), "unsupported_parameter", "max_tokens"),
        (json!({"n": 2}), "unsupported_parameter", "n"),
        (json!({"messages": []}), "unsupported_parameter", "messages"),
        (json!({"logprobs": true}), "unsupported_parameter", "logprobs"),
        (json!({"Input": "x"}), "invalid_value", "Input"),
        (json!({"num_predict": 5}), "unsupported_parameter", "num_predict"),
        (json!({"metadata": pairs}), "invalid_value", "metadata"),
        (json!({"metadata": {"k": 1}}), "invalid_type", "metadata.k"),
        (json!({"metadata": {"k": "v".repeat(513)}}), "invalid_value", "metadata.k"),
        (json!({"metadata": {"k".repeat(65): "v"}}), "invalid_value", "metadata"),
        (json!({"metadata": {"": "v"}}), "invalid_value", "metadata"),
        (json!({"truncation": "some"}), "invalid_value", "truncation"),
        (json!({"text": {"format": {"type": "xml"}}}), "invalid_value", "text.format.type"),
        (
            json!({"text": {"format": {"type": "json_schema", "name": "n"}}}),
            "missing_required_parameter",
            "text.format.schema",
        ),
        (json!({"reasoning": {"effort": 1}}), "invalid_type", "reasoning.effort"),
        (json!({"temperature": "hot"}), "invalid_type", "temperature"),
        (json!({"conversation": {}}), "missing_required_parameter", "conversation.id"),
        (json!({"stream": 1}), "invalid_type", "stream"),
        (json!({"provider": {"order": []}}), "invalid_type", "provider"),
    ]);
}

#[test]
fn a_body_that_is_none_is_refused() {
    let deep = format!(r#"{{"model":"m","input":"x","a":{}{}}}"#, "[".repeat(100), "]".repeat(100));
    for (body, code) in [
        ("", "invalid_json"),
        ("[]", "invalid_json"),
        (r#"{"model":"m","model":"m","input":"x"}"#, "duplicate_parameter"),
        (r#"{"model":"m","input":[{"role":"user","role":"user","content":"x"}]}"#, "duplicate_parameter"),
        (&deep, "body_too_deep"),
    ] {
        let error = ResponsesRequest::parse(body.as_bytes(), HostedTools::default()).unwrap_err();
        assert_eq!(error.code, code, "{body}");
    }
}

/// Any JSON, of words that mean something here.
fn noise() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(vec![
        "type",
        "role",
        "content",
        "message",
        "function",
        "function_call",
        "reasoning",
        "call_id",
        "name",
        "user",
        "output",
        "input_text",
        "text",
        "id",
        "namespace",
        "tools",
        "allowed_tools",
        "custom",
        "format",
        "input_image",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        word.clone().prop_map(Value::from),
        ".{0,5}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            vec((word.clone(), inner), 0..5).prop_map(|fields| {
                Value::Object(fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
            }),
        ]
    })
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn no_bytes_make_the_parser_panic(body in vec(any::<u8>(), 0..200)) {
        let _ = ResponsesRequest::parse(&body, HostedTools::Drop);
    }

    #[test]
    fn no_json_makes_it_panic(input in noise(), tools in noise(), choice in noise(), text in noise()) {
        let body = json!({"model": "m", "input": input, "tools": tools, "tool_choice": choice, "text": text});
        let _ = ResponsesRequest::parse(body.to_string().as_bytes(), HostedTools::Drop);
        let items = json!({"model": "m", "input": [input], "tools": [tools], "text": {"format": text}});
        let _ = ResponsesRequest::parse(items.to_string().as_bytes(), HostedTools::Drop);
        let _ = read_item(&input.to_string());
    }
}
