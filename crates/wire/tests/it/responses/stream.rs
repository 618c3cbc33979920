//! The events of a stream, in the order that clients rely on.

use std::sync::Arc;

use serde_json::{Value, json};
use wire::error::ErrorBody;
use wire::pivot::{Event, Finish, Item, Telling, ToolKind, Writer};
use wire::responses::{Extras, Namespaced, ResponsesWriter, error_event};

use super::{CALL, End, call, cut, ending, head, stream, told, writer};

/// The events without what every one has, the objects of whole responses by their status alone.
fn script(stream: &[u8]) -> Vec<Value> {
    told(stream)
        .into_iter()
        .map(|mut event| {
            event.as_object_mut().unwrap().remove("sequence_number");
            if let Some(response) = event.get_mut("response") {
                *response = response["status"].take();
            }
            event
        })
        .collect()
}

fn text(text: &str) -> Event {
    Event::Text(text.to_owned())
}

fn reasoning(text: &str) -> Event {
    Event::Reasoning(text.to_owned())
}

fn arguments(text: &str) -> Event {
    Event::Arguments(text.to_owned())
}

fn id(prefix: &str, index: usize) -> String {
    format!("{prefix}_{CALL}_{index}")
}

/// The events of a message that is told in these pieces.
fn message(index: usize, pieces: &[&str], status: &str) -> Vec<Value> {
    let whole = pieces.concat();
    let part = |text: &str| json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []});
    let event = |kind: &str, more: Value| {
        let mut event =
            json!({"type": kind, "item_id": id("msg", index), "output_index": index, "content_index": 0});
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        event
    };
    let item = |status: &str, content: Value| json!({"type": "message", "id": id("msg", index), "status": status, "role": "assistant", "content": content});
    let mut events = vec![
        json!({"type": "response.output_item.added", "output_index": index, "item": item("in_progress", json!([]))}),
        event("response.content_part.added", json!({"part": part("")})),
    ];
    for piece in pieces {
        events.push(event("response.output_text.delta", json!({"delta": piece, "logprobs": []})));
    }
    events.extend([
        event("response.output_text.done", json!({"text": whole, "logprobs": []})),
        event("response.content_part.done", json!({"part": part(&whole)})),
        json!({"type": "response.output_item.done", "output_index": index, "item": item(status, json!([part(&whole)]))}),
    ]);
    events
}

fn between(begin: &str, middle: Vec<Value>, end: &str) -> Vec<Value> {
    let mut events = vec![
        json!({"type": "response.created", "response": begin}),
        json!({"type": "response.in_progress", "response": "in_progress"}),
    ];
    events.extend(middle);
    events.push(json!({"type": format!("response.{end}"), "response": end}));
    events
}

#[test]
fn a_text() {
    let events = vec![text("Hel"), text("lo")];
    let (out, items) = stream(writer(&Extras::default()), events, End::Finish(Finish::Stop));
    assert_eq!(script(&out), between("in_progress", message(0, &["Hel", "lo"], "completed"), "completed"));
    assert!(out.ends_with(b"\n\ndata: [DONE]\n\n"));
    let last = told(&out).pop().unwrap();
    let whole: Value =
        serde_json::from_slice(&writer(&Extras::default()).whole(&items, &ending(Finish::Stop))).unwrap();
    assert_eq!(last["response"], whole);
}

#[test]
fn reasoning_and_a_text() {
    let events = vec![reasoning("Hm"), reasoning("!"), text("Yes")];
    let (out, _) = stream(writer(&Extras::default()), events, End::Finish(Finish::Stop));
    let part = |text: &str| json!({"type": "reasoning_text", "text": text});
    let item = |status: &str, content: Value| json!({"type": "reasoning", "id": id("rs", 0), "status": status, "summary": [], "content": content});
    let at = json!({"item_id": id("rs", 0), "output_index": 0, "content_index": 0});
    let event = |kind: &str, key: &str, value: Value| {
        let mut event = at.clone();
        event["type"] = json!(kind);
        event[key] = value;
        event
    };
    let mut middle = vec![
        json!({"type": "response.output_item.added", "output_index": 0, "item": item("in_progress", json!([]))}),
        event("response.content_part.added", "part", part("")),
        event("response.reasoning_text.delta", "delta", json!("Hm")),
        event("response.reasoning_text.delta", "delta", json!("!")),
        event("response.reasoning_text.done", "text", json!("Hm!")),
        event("response.content_part.done", "part", part("Hm!")),
        json!({"type": "response.output_item.done", "output_index": 0, "item": item("completed", json!([part("Hm!")]))}),
    ];
    middle.extend(message(1, &["Yes"], "completed"));
    assert_eq!(script(&out), between("in_progress", middle, "completed"));
}

#[test]
fn reasoning_is_told_as_a_summary_where_one_was_asked_for() {
    let extras = Extras { summary: Some("auto".to_owned()), ..Extras::default() };
    let sealing = ResponsesWriter::new(head(&extras), Some(Box::new(|text| format!("sealed {text}"))));
    let (out, _) = stream(sealing, vec![reasoning("Hm"), text("Yes")], End::Finish(Finish::Stop));
    let part = |text: &str| json!({"type": "summary_text", "text": text});
    let at = json!({"item_id": id("rs", 0), "output_index": 0, "summary_index": 0});
    let event = |kind: &str, key: &str, value: Value| {
        let mut event = at.clone();
        event["type"] = json!(kind);
        event[key] = value;
        event
    };
    let done = json!({"type": "reasoning", "id": id("rs", 0), "status": "completed", "summary": [part("Hm")],
        "content": [], "encrypted_content": "sealed Hm"});
    assert_eq!(
        script(&out)[3..8],
        [
            event("response.reasoning_summary_part.added", "part", part("")),
            event("response.reasoning_summary_text.delta", "delta", json!("Hm")),
            event("response.reasoning_summary_text.done", "text", json!("Hm")),
            event("response.reasoning_summary_part.done", "part", part("Hm")),
            json!({"type": "response.output_item.done", "output_index": 0, "item": done}),
        ]
    );
    assert_eq!(told(&out).pop().unwrap()["response"]["output"][0], done);
}

#[test]
fn two_calls_one_of_them_in_a_namespace() {
    let known = Namespaced { namespace: "agents".to_owned(), name: "spawn".to_owned() };
    let flat = known.flat();
    let extras = Extras { namespaced: vec![known], ..Extras::default() };
    let events = vec![
        call("c1", "f", ToolKind::Function),
        arguments("{\"a\""),
        arguments(":1}"),
        call("c2", &flat, ToolKind::Function),
        arguments("{}"),
    ];
    let (out, _) = stream(writer(&extras), events, End::Finish(Finish::ToolCalls));
    let one = |status: &str, arguments: &str| {
        json!({"type": "function_call", "id": id("fc", 0), "status": status, "call_id": "c1", "name": "f",
            "arguments": arguments})
    };
    let two = |status: &str, arguments: &str| {
        json!({"type": "function_call", "id": id("fc", 1), "status": status, "call_id": "c2", "namespace": "agents",
            "name": "spawn", "arguments": arguments})
    };
    let delta = |index: usize, delta: &str| {
        json!({"type": "response.function_call_arguments.delta", "item_id": id("fc", index), "output_index": index,
            "delta": delta})
    };
    let done = |index: usize, name: &str, arguments: &str| {
        json!({"type": "response.function_call_arguments.done", "item_id": id("fc", index), "output_index": index,
            "name": name, "arguments": arguments})
    };
    let middle = vec![
        json!({"type": "response.output_item.added", "output_index": 0, "item": one("in_progress", "")}),
        delta(0, "{\"a\""),
        delta(0, ":1}"),
        done(0, "f", "{\"a\":1}"),
        json!({"type": "response.output_item.done", "output_index": 0, "item": one("completed", "{\"a\":1}")}),
        json!({"type": "response.output_item.added", "output_index": 1, "item": two("in_progress", "")}),
        delta(1, "{}"),
        done(1, "spawn", "{}"),
        json!({"type": "response.output_item.done", "output_index": 1, "item": two("completed", "{}")}),
    ];
    assert_eq!(script(&out), between("in_progress", middle, "completed"));
}

#[test]
fn a_custom_tool() {
    let events =
        vec![call("c1", "apply_patch", ToolKind::Custom), arguments("*** Begin"), arguments(" Patch")];
    let (out, _) = stream(writer(&Extras::default()), events, End::Finish(Finish::ToolCalls));
    let item = |status: &str, input: &str| {
        json!({"type": "custom_tool_call", "id": id("ctc", 0), "status": status, "call_id": "c1",
            "name": "apply_patch", "input": input})
    };
    let at = |kind: &str, key: &str, value: &str| json!({"type": kind, "item_id": id("ctc", 0), "output_index": 0, key: value});
    let middle = vec![
        json!({"type": "response.output_item.added", "output_index": 0, "item": item("in_progress", "")}),
        at("response.custom_tool_call_input.delta", "delta", "*** Begin"),
        at("response.custom_tool_call_input.delta", "delta", " Patch"),
        at("response.custom_tool_call_input.done", "input", "*** Begin Patch"),
        json!({"type": "response.output_item.done", "output_index": 0, "item": item("completed", "*** Begin Patch")}),
    ];
    assert_eq!(script(&out), between("in_progress", middle, "completed"));
}

#[test]
fn a_refusal_is_a_part_of_its_own() {
    let events = vec![Event::Refusal("I will not.".to_owned())];
    let (out, _) = stream(writer(&Extras::default()), events, End::Finish(Finish::Stop));
    let kinds: Vec<Value> = script(&out).iter_mut().map(|event| event["type"].take()).collect();
    assert_eq!(
        kinds[3..6],
        ["response.content_part.added", "response.refusal.delta", "response.refusal.done"]
    );
    assert_eq!(script(&out)[5]["refusal"], "I will not.");
}

#[test]
fn an_answer_that_was_cut_off_is_incomplete_and_so_is_its_last_item() {
    let (out, _) =
        stream(writer(&Extras::default()), vec![reasoning("Hm"), text("Hel")], End::Finish(Finish::Length));
    let events = script(&out);
    assert_eq!(events[7]["item"]["status"], "completed");
    assert_eq!(events[8..14], message(1, &["Hel"], "incomplete")[..]);
    assert_eq!(events[14], json!({"type": "response.incomplete", "response": "incomplete"}));
    assert!(out.ends_with(b"\n\ndata: [DONE]\n\n"));
}

#[test]
fn a_failure_never_looks_like_an_end() {
    let error: fn() -> ErrorBody = cut;
    let begun = vec![reasoning("Hm"), call("c1", "f", ToolKind::Function), arguments("{}")];
    for (events, end, count) in [
        (vec![], End::Fail(error()), 3),
        (begun.clone(), End::Fail(error()), 11),
        (begun, End::Finish(Finish::Unsaid), 11),
        (vec![], End::Finish(Finish::Unsaid), 3),
    ] {
        let (out, items) = stream(writer(&Extras::default()), events, end);
        let mut events = told(&out);
        assert_eq!(events.len(), count);
        // Only the thought is done: an agent would run the call.
        let done = events.iter().filter(|event| event["type"] == "response.output_item.done").count();
        assert_eq!(done, usize::from(!items.is_empty()));
        let last = events.pop().unwrap();
        assert_eq!(last["type"], "response.failed");
        assert_eq!(last["response"]["status"], "failed");
        assert_eq!(last["response"]["error"]["code"], "server_error");
        if let Some(Item::Call { .. }) = items.last() {
            assert_eq!(last["response"]["output"][1]["status"], "incomplete");
        }
        assert!(!out.ends_with(b"[DONE]\n\n"));
    }
}

#[test]
fn a_response_in_the_background_waits_first() {
    let (out, _) = stream(
        writer(&Extras { background: true, ..Extras::default() }),
        vec![text("x")],
        End::Finish(Finish::Stop),
    );
    let events = script(&out);
    assert_eq!(events[0], json!({"type": "response.created", "response": "queued"}));
    assert_eq!(events[1], json!({"type": "response.queued", "response": "queued"}));
    assert_eq!(events[2], json!({"type": "response.in_progress", "response": "in_progress"}));
}

#[test]
fn line_ends_in_what_the_client_wrote_do_not_split_events() {
    let extras = Extras {
        tools: Some("[\n{\"type\":\r\n\"function\",\"name\":\"f\"}]".to_owned()),
        ..Extras::default()
    };
    let (out, _) = stream(writer(&extras), vec![text("a\n\nb")], End::Finish(Finish::Stop));
    assert_eq!(script(&out), between("in_progress", message(0, &["a\n\nb"], "completed"), "completed"));
}

#[test]
fn the_error_event_is_flat() {
    let event = error_event(&cut(), 0);
    assert_eq!(
        told(&event),
        [json!({"type": "error", "sequence_number": 0, "code": "upstream_cut",
        "message": "the upstream hung up", "param": null})]
    );
}

/// The end that was told never left, so a client that counts sees no gap.
#[test]
fn a_failure_in_the_place_of_an_end_that_was_not_sent_has_its_number() {
    let mut telling =
        Telling::new(CALL, Arc::default(), Vec::new(), Some(Box::new(writer(&Extras::default()))));
    let mut sent = Vec::new();
    for (content, finish_reason) in [("Hel", None), ("lo", Some("stop"))] {
        let delta = json!({"content": content});
        let chunk = json!({"choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]});
        sent.extend_from_slice(&telling.chunk(chunk.to_string().as_bytes()));
    }
    let (unsent, _) = telling.finish(ending);
    assert!(str::from_utf8(&unsent).unwrap().matches("sequence_number").count() > 1, "{unsent:?}");
    sent.extend_from_slice(&telling.fail(&cut()));
    // All that arrived is numbered without a gap.
    assert_eq!(told(&sent).last().unwrap()["type"], "response.failed");
}
