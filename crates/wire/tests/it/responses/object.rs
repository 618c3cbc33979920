//! The response object.

use serde_json::{Value, json};
use wire::error::ErrorBody;
use wire::pivot::{Choice, Finish, Request, Settings, Tool, ToolKind};
use wire::responses::{Extras, Head, HostedTools, ItemStatus, ResponsesRequest, Status, object};

use super::{CALL, cut, ending, head, names};

/// Keys that must be there and not `null`.
const SET: [&str; 21] = [
    "id",
    "object",
    "created_at",
    "status",
    "model",
    "output",
    "tools",
    "tool_choice",
    "truncation",
    "parallel_tool_calls",
    "text",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "top_logprobs",
    "temperature",
    "store",
    "background",
    "service_tier",
    "metadata",
    "reasoning",
];

/// Keys that must be there.
const THERE: [&str; 11] = [
    "completed_at",
    "incomplete_details",
    "previous_response_id",
    "instructions",
    "error",
    "usage",
    "max_output_tokens",
    "max_tool_calls",
    "safety_identifier",
    "prompt_cache_key",
    "user",
];

fn shown(head: &Head, status: Status) -> Value {
    let finish = if status == Status::Incomplete { Finish::Length } else { Finish::Stop };
    let stored = head.stored(status, Some(&ending(finish)), None);
    serde_json::from_slice(&object(&stored, &[])).unwrap()
}

#[test]
fn every_key_is_there_in_every_status() {
    for status in [
        Status::Queued,
        Status::InProgress,
        Status::Completed,
        Status::Incomplete,
        Status::Failed,
        Status::Cancelled,
    ] {
        let stored = head(&Extras::default()).stored(status, None, None);
        let shown: Value = serde_json::from_slice(&object(&stored, &[])).unwrap();
        for key in SET {
            assert!(!shown[key].is_null(), "{key}");
        }
        for key in THERE {
            assert!(shown.get(key).is_some(), "{key}");
        }
        assert_eq!(shown["status"], status.as_str());
    }
}

#[test]
fn the_object_of_a_plain_call() {
    let mut shown = shown(&head(&Extras::default()), Status::Completed);
    let usage = shown["usage"].take();
    assert_eq!(
        shown,
        json!({
            "id": format!("resp_{CALL}"), "object": "response", "created_at": 1_700_000_000, "background": false,
            "model": "org/model", "previous_response_id": null, "instructions": null, "tools": [], "tool_choice": "auto",
            "parallel_tool_calls": true, "text": {"format": {"type": "text"}},
            "reasoning": {"effort": null, "summary": null}, "temperature": 1, "top_p": 1, "presence_penalty": 0,
            "frequency_penalty": 0, "top_logprobs": 0, "max_output_tokens": null, "max_tool_calls": null,
            "truncation": "disabled", "store": true, "service_tier": "default", "metadata": {},
            "safety_identifier": null, "prompt_cache_key": null, "user": null, "status": "completed",
            "completed_at": 1_700_000_009, "incomplete_details": null, "error": null, "usage": null, "output": []
        })
    );
    assert_eq!(
        usage,
        json!({
            "input_tokens": 10, "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0}, "output_tokens": 7,
            "output_tokens_details": {"reasoning_tokens": 3}, "total_tokens": 17, "cost": 0.0000015,
            "cost_details": {"usage_source": "reported"}
        })
    );
}

#[test]
fn what_was_asked_is_shown() {
    let body = json!({"model": "org/model", "input": "x", "instructions": "Be brief.", "max_output_tokens": 50,
        "temperature": 0.2, "top_p": 0.9, "metadata": {"k": "v"}, "user": "u1", "service_tier": "flex",
        "safety_identifier": "s1", "prompt_cache_key": "p1", "max_tool_calls": 3, "truncation": "auto", "store": false,
        "parallel_tool_calls": false, "reasoning": {"effort": "low", "summary": "auto"},
        "text": {"verbosity": "low", "format": {"type": "json_object"}},
        "tools": [{"type": "function", "name": "f", "strict": true}, {"type": "web_search"}],
        "tool_choice": {"type": "function", "name": "f"}});
    let asked = ResponsesRequest::parse(body.to_string().as_bytes(), HostedTools::default()).unwrap();
    let head = Head::new(&names(), &asked.ask, &asked.extras, Some("resp_1"), Some("conv_1"));
    let shown = shown(&head, Status::Completed);
    for key in [
        "instructions",
        "max_output_tokens",
        "temperature",
        "top_p",
        "metadata",
        "user",
        "service_tier",
        "safety_identifier",
        "prompt_cache_key",
        "max_tool_calls",
        "truncation",
        "store",
        "parallel_tool_calls",
        "reasoning",
        "text",
        "tool_choice",
    ] {
        assert_eq!(shown[key], body[key], "{key}");
    }
    assert_eq!(
        shown["tools"],
        json!([
            {"type": "function", "name": "f", "strict": true, "description": null, "parameters": null},
            {"type": "web_search"}
        ])
    );
    assert_eq!(shown["previous_response_id"], "resp_1");
    assert_eq!(shown["conversation"], json!({"id": "conv_1"}));
}

#[test]
fn a_call_of_another_dialect_shows_its_settings() {
    let tool = Tool {
        name: "f".to_owned(),
        description: None,
        parameters: Some("{}".to_owned()),
        strict: None,
        kind: ToolKind::Function,
    };
    let settings =
        Settings { tools: vec![tool], choice: Some(Choice::Named("f".to_owned())), ..Settings::default() };
    let ask = Request { settings, ..Request::default() };
    let shown = shown(&Head::new(&names(), &ask, &Extras::default(), None, None), Status::Completed);
    assert_eq!(
        shown["tools"],
        json!([
            {"type": "function", "name": "f", "description": null, "parameters": {}, "strict": null}
        ])
    );
    assert_eq!(shown["tool_choice"], json!({"type": "function", "name": "f"}));
}

#[test]
fn an_end_that_is_none_is_told() {
    let head = head(&Extras::default());
    let incomplete = shown(&head, Status::Incomplete);
    assert_eq!(incomplete["incomplete_details"], json!({"reason": "max_output_tokens"}));
    assert_eq!(incomplete["completed_at"], Value::Null);
    let filtered = head.stored(Status::Incomplete, Some(&ending(Finish::ContentFilter)), None);
    assert!(filtered.contains(r#"{"reason":"content_filter"}"#));
}

#[test]
fn a_failure_has_a_code_that_clients_know() {
    for (code, told) in [
        ("context_length_exceeded", "context_length_exceeded"),
        ("insufficient_quota", "insufficient_quota"),
        ("insufficient_credits", "insufficient_quota"),
        ("rate_limit_exceeded", "rate_limit_exceeded"),
        ("upstream_cut", "server_error"),
    ] {
        let error = ErrorBody { code: Some(code.into()), ..cut() };
        let stored = head(&Extras::default()).stored(Status::Failed, None, Some(&error));
        let stored: Value = serde_json::from_str(&stored).unwrap();
        assert_eq!(stored["error"], json!({"code": told, "message": "the upstream hung up"}));
    }
}

#[test]
fn the_last_item_of_what_is_not_whole_is_not_whole() {
    assert_eq!(Status::Completed.of_item(1, 2), ItemStatus::Completed);
    assert_eq!(Status::Incomplete.of_item(0, 2), ItemStatus::Completed);
    assert_eq!(Status::Incomplete.of_item(1, 2), ItemStatus::Incomplete);
    assert_eq!(Status::Failed.of_item(0, 1), ItemStatus::Incomplete);
}
