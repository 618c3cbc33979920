//! Answers in Anthropic's Messages dialect: the events in their order, the whole message, and that both say the same.

use std::borrow::Cow;

use proptest::prelude::*;
use serde_json::{Value, json as value};
use wire::error::ErrorBody;
use wire::messages::{MessagesRequest, MessagesWriter, error_body};
use wire::pivot::{Event, Finish, Item, Writer};

use crate::telling::{arguments, call, ending, events, finish, frames, json, names, stream, text, thought};

const START: &str = r#"message_start {"type":"message_start","message":{"id":"msg_0123456789abcdef0123456789abcdef","type":"message","role":"assistant","model":"acme/model","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":25,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":0}}}
ping {"type": "ping"}
"#;

const STOP: &str = "message_stop {\"type\":\"message_stop\"}\n";

fn writer() -> MessagesWriter {
    MessagesWriter::new(&names(), 25)
}

/// The stream as lines, one event each.
fn lines(events: Vec<Event>, finish: Option<Finish>) -> String {
    let (_, out) = stream(&mut writer(), events, finish);
    render(out)
}

fn render(out: Vec<u8>) -> String {
    frames(out).into_iter().map(|(name, data)| format!("{} {data}\n", name.unwrap())).collect()
}

fn end(reason: &str) -> String {
    format!(
        "message_delta {{\"type\":\"message_delta\",\"delta\":{{\"stop_reason\":\"{reason}\",\"stop_sequence\":null}},\
         \"usage\":{{\"input_tokens\":20,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":10,\
         \"output_tokens\":7,\"cost\":0.00123,\"cost_details\":{{\"usage_source\":\"reported\"}}}}}}\n{STOP}"
    )
}

#[test]
fn text_is_one_block() {
    let expected = r#"content_block_start {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}
content_block_delta {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hel"}}
content_block_delta {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"lo\n\"you\""}}
content_block_stop {"type":"content_block_stop","index":0}
"#;
    let told = lines(vec![text("Hel"), text("lo\n\"you\"")], Some(Finish::Stop));
    assert_eq!(told, format!("{START}{expected}{}", end("end_turn")));
}

#[test]
fn a_thought_is_signed_before_the_text_begins() {
    let expected = r#"content_block_start {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}
content_block_delta {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}
content_block_delta {"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"unsigned"}}
content_block_stop {"type":"content_block_stop","index":0}
content_block_start {"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}
content_block_delta {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"yes"}}
content_block_stop {"type":"content_block_stop","index":1}
"#;
    assert_eq!(
        lines(vec![thought("hm"), text("yes")], Some(Finish::Length)),
        format!("{START}{expected}{}", end("max_tokens"))
    );
}

#[test]
fn two_calls_are_two_blocks() {
    let expected = r#"content_block_start {"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"c1","name":"pay","input":{}}}
content_block_delta {"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"a\":"}}
content_block_delta {"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"1}"}}
content_block_stop {"type":"content_block_stop","index":0}
content_block_start {"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"c2","name":"look","input":{}}}
content_block_stop {"type":"content_block_stop","index":1}
"#;
    let answer = || vec![call("c1", "pay"), arguments("{\"a\":"), arguments("1}"), call("c2", "look")];
    assert_eq!(lines(answer(), Some(Finish::ToolCalls)), format!("{START}{expected}{}", end("tool_use")));
    // Some upstreams say that they stopped, and the client would never run the tools.
    assert_eq!(lines(answer(), Some(Finish::Stop)), lines(answer(), Some(Finish::ToolCalls)));
}

#[test]
fn calls_that_are_not_there_are_not_waited_for() {
    assert!(lines(vec![text("a")], Some(Finish::ToolCalls)).ends_with(&end("end_turn")));
    assert!(lines(vec![text("a")], Some(Finish::ContentFilter)).ends_with(&end("refusal")));
}

#[test]
fn an_end_without_a_reason_is_an_error() {
    let told = lines(vec![text("a")], Some(Finish::Unsaid));
    let last = told.lines().last().unwrap();
    assert!(last.starts_with(r#"error {"type":"error","error":{"type":"api_error","message":"#), "{last}");
    assert!(!told.contains("message_stop") && !told.contains("message_delta"));

    // A client runs a tool as soon as its block ends, and this one may not be whole.
    let told = lines(vec![call("c1", "pay"), call("c2", "pay"), arguments("{}")], Some(Finish::Unsaid));
    let stops: Vec<&str> = told.lines().filter(|line| line.starts_with("content_block_stop")).collect();
    assert_eq!(stops, [r#"content_block_stop {"type":"content_block_stop","index":0}"#]);

    let (items, _) = stream(&mut writer(), vec![text("a")], Some(Finish::Stop));
    let whole = writer().whole(&items, &ending(Finish::Unsaid));
    assert_eq!(json(str::from_utf8(&whole).unwrap())["stop_reason"], Value::Null);
}

#[test]
fn a_failure_in_the_middle_is_the_last_event() {
    for (kind, code, told) in [
        ("server_error", "upstream_cut", "api_error"),
        ("server_error", "upstream_timeout", "timeout_error"),
        ("server_error", "shutting_down", "overloaded_error"),
        ("rate_limit_error", "rate_limit_exceeded", "rate_limit_error"),
        ("insufficient_quota", "out_of_credit", "billing_error"),
        ("invalid_request_error", "upstream_rejected", "invalid_request_error"),
    ] {
        let mut writer = writer();
        let (items, mut out) = stream(&mut writer, vec![text("a")], None);
        let error =
            ErrorBody { message: "It broke.".to_owned(), kind, param: None, code: Some(Cow::Borrowed(code)) };
        writer.fail(&items, &error, &mut out);
        let expected = format!(
            r#"error {{"type":"error","error":{{"type":"{told}","message":"It broke."}},"request_id":"call_{}"}}"#,
            names().call
        );
        assert_eq!(render(out).lines().last().unwrap(), expected);
    }
}

#[test]
fn silence_is_filled_with_pings() {
    assert_eq!(writer().keep_alive(), b"event: ping\ndata: {\"type\": \"ping\"}\n\n");
}

#[test]
fn the_whole_message_has_every_key() {
    let answer = vec![thought("hm"), text("yes"), call("c1", "pay"), arguments(" {\"a\": 1}")];
    let (items, _) = stream(&mut writer(), answer, Some(Finish::Stop));
    let whole = writer().whole(&items, &ending(Finish::Stop));
    let expected = value!({
        "id": "msg_0123456789abcdef0123456789abcdef", "type": "message", "role": "assistant", "model": "acme/model",
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": "unsigned"},
            {"type": "text", "text": "yes"},
            {"type": "tool_use", "id": "c1", "name": "pay", "input": {"a": 1}},
        ],
        "stop_reason": "tool_use", "stop_sequence": null,
        "usage": {
            "input_tokens": 20, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 10, "output_tokens": 7,
            "cost": 0.00123, "cost_details": {"usage_source": "reported"},
        },
    });
    assert_eq!(json(str::from_utf8(&whole).unwrap()), expected);
}

#[test]
fn arguments_that_are_no_object_are_kept_as_they_are() {
    for (written, input) in [
        ("", value!({})),
        ("{}", value!({})),
        ("{\"a\":", value!({"_raw": "{\"a\":"})),
        ("[1]", value!({"_raw": "[1]"})),
        ("{\"a\":1} and more", value!({"_raw": "{\"a\":1} and more"})),
    ] {
        let (items, _) = stream(&mut writer(), vec![call("c", "f"), arguments(written)], Some(Finish::Stop));
        let whole = writer().whole(&items, &ending(Finish::Stop));
        assert_eq!(json(str::from_utf8(&whole).unwrap())["content"][0]["input"], input, "{written}");
    }
}

/// Clients parse what they are told of a call as one object.
#[test]
fn a_streamed_call_is_an_object_too() {
    for (pieces, told) in [
        (vec!["null"], vec![r#"{"_raw":"null"}"#]),
        (vec!["[1", ",2]"], vec![r#"{"_raw":"[1,2]"}"#]),
        (vec![" \n", "{\"a\"", ":1}"], vec![" \n{\"a\"", ":1}"]),
        (vec!["{", "}"], vec!["{", "}"]),
        (vec![" ", " "], vec![]),
    ] {
        let mut events = vec![call("c", "f")];
        events.extend(pieces.iter().map(|piece| arguments(piece)));
        let (_, out) = stream(&mut writer(), events, Some(Finish::ToolCalls));
        let deltas: Vec<String> = frames(out)
            .into_iter()
            .filter_map(|(_, data)| json(&data)["delta"]["partial_json"].as_str().map(str::to_owned))
            .collect();
        assert_eq!(deltas, told, "{pieces:?}");
    }
}

#[test]
fn the_type_of_an_error_follows_from_its_status() {
    for (status, kind) in [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (402, "billing_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (409, "invalid_request_error"),
        (413, "request_too_large"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (502, "api_error"),
        (503, "overloaded_error"),
        (504, "timeout_error"),
        (529, "overloaded_error"),
    ] {
        let error =
            ErrorBody { message: "No \"way\".".to_owned(), kind: "server_error", param: None, code: None };
        let body = error_body(status, &error, "req_1");
        let expected = value!({"type": "error", "error": {"type": kind, "message": "No \"way\"."}, "request_id": "req_1"});
        assert_eq!(json(str::from_utf8(&body).unwrap()), expected, "{status}");
    }
}

/// The content that a client of the stream ends with. Input stays text.
fn assembled(stream: Vec<u8>) -> Vec<Value> {
    let mut blocks: Vec<Value> = Vec::new();
    let mut open = false;
    for (name, data) in frames(stream) {
        let event = json(&data);
        assert_eq!(event["type"], name.unwrap().as_str());
        match event["type"].as_str().unwrap() {
            "content_block_start" => {
                assert!(!std::mem::replace(&mut open, true), "two open blocks");
                assert_eq!(event["index"], blocks.len());
                blocks.push(event["content_block"].clone());
                if event["content_block"]["type"] == "tool_use" {
                    blocks.last_mut().unwrap()["input"] = value!("");
                }
            }
            "content_block_delta" => {
                assert!(open);
                assert_eq!(event["index"], blocks.len() - 1);
                let delta = &event["delta"];
                let (from, to) = match delta["type"].as_str().unwrap() {
                    "text_delta" => ("text", "text"),
                    "thinking_delta" => ("thinking", "thinking"),
                    "signature_delta" => ("signature", "signature"),
                    "input_json_delta" => ("partial_json", "input"),
                    other => panic!("{other}"),
                };
                let block = blocks.last_mut().unwrap();
                block[to] =
                    value!(format!("{}{}", block[to].as_str().unwrap(), delta[from].as_str().unwrap()));
            }
            "content_block_stop" => {
                assert!(std::mem::replace(&mut open, false));
                assert_eq!(event["index"], blocks.len() - 1);
            }
            _ => {}
        }
    }
    assert!(!open);
    blocks
}

proptest! {
    #![proptest_config(ProptestConfig { fork: false, ..ProptestConfig::default() })]

    #[test]
    fn what_is_streamed_is_what_is_told_whole(events in events(), finish in finish()) {
        let (items, out) = stream(&mut writer(), events, Some(finish));
        let whole = writer().whole(&items, &ending(finish));
        let whole = json(str::from_utf8(&whole).unwrap());
        let last = frames(out.clone()).into_iter().find(|(name, _)| name.as_deref() == Some("message_delta")).unwrap();
        prop_assert_eq!(&json(&last.1)["usage"], &whole["usage"]);
        prop_assert_eq!(&json(&last.1)["delta"]["stop_reason"], &whole["stop_reason"]);

        let blocks = assembled(out);
        let content = whole["content"].as_array().unwrap();
        prop_assert_eq!(blocks.len(), content.len());
        prop_assert_eq!(blocks.len(), items.len());
        for ((block, told), item) in blocks.iter().zip(content).zip(&items) {
            let Item::Call { arguments, .. } = item else {
                prop_assert_eq!(block, told);
                continue;
            };
            let input = block["input"].as_str().unwrap();
            if arguments.trim_start().starts_with('{') {
                prop_assert_eq!(input, arguments.as_str());
            } else if !arguments.trim().is_empty() {
                prop_assert_eq!(&json(input), &told["input"]);
            }
            prop_assert_eq!((&block["id"], &block["name"]), (&told["id"], &told["name"]));
            prop_assert!(told["input"].is_object());
        }
    }

    #[test]
    fn what_was_told_can_be_sent_back(events in events()) {
        // A refusal comes back as text, and two texts in a row as one message of two parts.
        let events: Vec<Event> = events
            .into_iter()
            .map(|event| match event {
                Event::Refusal(text) => Event::Text(text),
                Event::Arguments(text) => Event::Arguments(value!({ "text": text }).to_string()),
                event => event,
            })
            .collect();
        let (items, _) = stream(&mut writer(), events, Some(Finish::Stop));
        prop_assume!(!items.is_empty());
        let whole = writer().whole(&items, &ending(Finish::Stop));
        let message = json(str::from_utf8(&whole).unwrap());
        let body = value!({"model": "m", "max_tokens": 1, "messages": [{"role": "assistant", "content": message["content"]}]});
        let again = MessagesRequest::parse(body.to_string().as_bytes()).unwrap().ask.input;
        prop_assert_eq!(again.len(), items.len());
        for (again, item) in again.iter().zip(&items) {
            match (again, item) {
                (Item::Call { arguments, name, .. }, Item::Call { arguments: before, name: name_before, .. }) => {
                    prop_assert_eq!(name, name_before);
                    let expected = serde_json::from_str::<serde_json::Map<String, Value>>(before);
                    let expected = match expected {
                        Ok(object) => Value::Object(object),
                        Err(_) if before.is_empty() => value!({}),
                        Err(_) => value!({ "_raw": before }),
                    };
                    prop_assert_eq!(json(arguments), expected);
                }
                (again, item) => prop_assert_eq!(again, item),
            }
        }
    }
}
