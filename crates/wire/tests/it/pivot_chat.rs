//! Requests on their way to a chat body.

use bytes::Bytes;
use serde_json::{Value, json};
use wire::Target;
use wire::chat::ChatRequest;
use wire::pivot::{Choice, Format, Item, Part, Request, Role, Settings, Tool, ToolKind, to_chat};

#[test]
fn everything_that_is_asked_for_is_in_the_body() {
    let tool = |name: &str, kind| Tool {
        name: name.to_owned(),
        description: Some(format!("does \"{name}\"")),
        parameters: Some("{\"type\": \"object\"}".to_owned()).filter(|_| name == "one"),
        strict: Some(true).filter(|_| name == "one"),
        kind,
    };
    let settings = Settings {
        output_tokens: Some(7),
        tools: vec![
            tool("one", ToolKind::Function),
            tool("two", ToolKind::Function),
            tool("patch", ToolKind::Custom),
        ],
        choice: Some(Choice::Named("one".to_owned())),
        parallel_calls: Some(false),
        format: Some(Format::JsonSchema {
            name: "n".to_owned(),
            description: Some("d".to_owned()),
            schema: "{\"type\":\"object\"}".to_owned(),
            strict: Some(true),
        }),
        effort: Some("low".to_owned()),
        stop: vec!["a".to_owned(), "b".to_owned()],
        passing: vec![("temperature".to_owned(), "0.10".to_owned()), ("user".to_owned(), "\"u\"".to_owned())],
    };
    let request = Request {
        target: Target { provider: Some("p".to_owned()), session_id: Some("s".to_owned()), ..target("m\"") },
        stream: true,
        instructions: Some("Be short.".to_owned()),
        input: vec![user("Hi")],
        settings,
    };
    let body = to_chat(&request, &[user("Earlier")]);
    let checked = ChatRequest::parse(body.clone()).unwrap();
    assert_eq!((checked.target(), checked.stream()), (&Target { session_id: None, ..request.target }, true));
    assert!(body.windows(18).any(|found| found == b"\"temperature\":0.10"), "numbers keep their digits");
    let function = |value: Value| json!({"type": "function", "function": value});
    let input = json!({"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"], "additionalProperties": false});
    let expected = json!({
        "model": "m\"", "provider": "p", "stream": true,
        "messages": [
            {"role": "system", "content": "Be short."},
            {"role": "user", "content": "Earlier"},
            {"role": "user", "content": "Hi"},
        ],
        "max_tokens": 7,
        "tools": [
            function(json!({"name": "one", "description": "does \"one\"", "parameters": {"type": "object"}, "strict": true})),
            function(json!({"name": "two", "description": "does \"two\"", "parameters": {"type": "object", "properties": {}}})),
            function(json!({"name": "patch", "description": "does \"patch\"", "parameters": input})),
        ],
        "tool_choice": {"type": "function", "function": {"name": "one"}},
        "parallel_tool_calls": false,
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "description": "d", "schema": {"type": "object"}, "strict": true}},
        "reasoning_effort": "low", "stop": ["a", "b"], "temperature": 0.1, "user": "u",
    });
    assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), expected);
}

#[test]
fn what_is_not_asked_for_is_not_in_the_body() {
    let mut request = Request { target: target("m"), input: vec![user("Hi")], ..Request::default() };
    let plain = json!({"model": "m", "messages": [{"role": "user", "content": "Hi"}]});
    assert_eq!(serde_json::from_slice::<Value>(&to_chat(&request, &[])).unwrap(), plain);
    // Upstreams refuse these without tools.
    request.settings.choice = Some(Choice::Auto);
    request.settings.parallel_calls = Some(true);
    assert_eq!(serde_json::from_slice::<Value>(&to_chat(&request, &[])).unwrap(), plain);
    request.settings.tools = vec![Tool {
        name: "f".to_owned(),
        description: None,
        parameters: None,
        strict: None,
        kind: ToolKind::Function,
    }];
    request.settings.format = Some(Format::JsonObject);
    for (choice, word) in [(Choice::Auto, "auto"), (Choice::None, "none"), (Choice::Required, "required")] {
        request.settings.choice = Some(choice);
        let body: Value = serde_json::from_slice(&to_chat(&request, &[])).unwrap();
        assert_eq!((&body["tool_choice"], &body["parallel_tool_calls"]), (&json!(word), &json!(true)));
        assert_eq!(body["response_format"], json!({"type": "json_object"}));
    }
}

/// Each row: the items, and the messages they become.
#[test]
fn a_conversation_folds_into_messages_that_upstreams_take() {
    let image = || Part::Image { url: "https://a/b.png".to_owned(), detail: Some("low".to_owned()) };
    let image_part = json!({"type": "image_url", "image_url": {"url": "https://a/b.png", "detail": "low"}});
    let message = Item::message;
    let text = |text: &str| Part::Text(text.to_owned());
    let reasoning = || Item::Reasoning { text: "Hm.".to_owned() };
    let table = [
        (
            vec![
                message(Role::System, vec![text("a")]),
                user("b"),
                message(Role::Developer, vec![text("c")]),
            ],
            json!([{"role": "system", "content": "a"}, {"role": "user", "content": "b"}, {"role": "system", "content": "c"}]),
        ),
        (
            vec![message(Role::User, vec![text("a"), image(), Part::Other("{\"type\":\"x\"}".to_owned())])],
            json!([{"role": "user", "content": [{"type": "text", "text": "a"}, image_part, {"type": "x"}]}]),
        ),
        (
            vec![message(Role::User, vec![text("a"), text("b")]), message(Role::User, vec![])],
            json!([{"role": "user", "content": "a\nb"}, {"role": "user", "content": ""}]),
        ),
        (
            vec![
                reasoning(),
                model("a"),
                call("1"),
                reasoning(),
                message(Role::Assistant, vec![Part::Refusal("b".to_owned())]),
                call("2"),
                output("1"),
                output("2"),
                model("c"),
            ],
            json!([assistant(&json!("a\nb"), &["1", "2"]), tool("1", "out 1"), tool("2", "out 2"), {"role": "assistant", "content": "c"}]),
        ),
        (vec![message(Role::Assistant, vec![])], json!([])),
    ];
    fold(table);
}

#[test]
fn every_call_has_an_output_that_chat_can_carry() {
    let image = || Part::Image { url: "https://a/b.png".to_owned(), detail: Some("low".to_owned()) };
    let image_part = json!({"type": "image_url", "image_url": {"url": "https://a/b.png", "detail": "low"}});
    let text = |text: &str| Part::Text(text.to_owned());
    let none = "(no output)";
    let table = [
        // No output, an output that comes later, an output of no call.
        (
            vec![call("1"), user("Go on")],
            json!([assistant(&Value::Null, &["1"]), tool("1", none), {"role": "user", "content": "Go on"}]),
        ),
        (
            vec![call("1"), call("2"), output("2")],
            json!([assistant(&Value::Null, &["1", "2"]), tool("2", "out 2"), tool("1", none)]),
        ),
        (
            vec![call("1"), user("Wait"), output("1"), user("Go on")],
            json!([assistant(&Value::Null, &["1"]), tool("1", "out 1"), {"role": "user", "content": "Wait"}, {"role": "user", "content": "Go on"}]),
        ),
        // A call whose id comes again has no output of the other one.
        (
            vec![call("1"), user("Go on"), call("1"), output("1")],
            json!([assistant(&Value::Null, &["1"]), tool("1", none), {"role": "user", "content": "Go on"}, assistant(&Value::Null, &["1"]), tool("1", "out 1")]),
        ),
        (vec![output("9"), user("a")], json!([tool("9", "out 9"), {"role": "user", "content": "a"}])),
        // Images cannot stand in a tool's message, nor can a failure.
        (
            vec![
                call("1"),
                Item::Output {
                    call_id: "1".to_owned(),
                    parts: vec![image()],
                    kind: ToolKind::Function,
                    failed: false,
                },
                user("a"),
            ],
            json!([assistant(&Value::Null, &["1"]), tool("1", "(see the images that follow)"), {"role": "user", "content": [image_part]}, {"role": "user", "content": "a"}]),
        ),
        (
            vec![
                call("1"),
                Item::Output {
                    call_id: "1".to_owned(),
                    parts: vec![text("no disk")],
                    kind: ToolKind::Function,
                    failed: true,
                },
            ],
            json!([assistant(&Value::Null, &["1"]), tool("1", "Error: no disk")]),
        ),
    ];
    fold(table);
}

/// Each row: the kind of tool, its arguments, and what an upstream is told. Many upstreams parse a history's arguments.
#[test]
fn arguments_are_always_an_object() {
    let table = [
        (ToolKind::Function, "{\"x\": 1}", "{\"x\": 1}"),
        (ToolKind::Function, " ", "{}"),
        (ToolKind::Function, "{\"x\":", "{\"input\":\"{\\\"x\\\":\"}"),
        (ToolKind::Function, "[1]", "{\"input\":\"[1]\"}"),
        (ToolKind::Custom, "{}", "{\"input\":\"{}\"}"),
        (ToolKind::Custom, "", "{\"input\":\"\"}"),
    ];
    for (kind, arguments, told) in table {
        let call = Item::Call {
            call_id: "1".to_owned(),
            name: "f".to_owned(),
            arguments: arguments.to_owned(),
            kind,
        };
        assert_eq!(messages_of(&[call])[0]["tool_calls"][0]["function"]["arguments"], told);
    }
}

/// Each row: the items, and the messages they become.
fn fold<const N: usize>(table: [(Vec<Item>, Value); N]) {
    for (items, messages) in table {
        assert_eq!(messages_of(&items), messages, "{items:?}");
        let cut = items.len() / 2;
        let request = Request { target: target("m"), input: items[cut..].to_vec(), ..Request::default() };
        let body: Value = serde_json::from_slice(&to_chat(&request, &items[..cut])).unwrap();
        assert_eq!(body["messages"], messages, "what is history makes no difference");
    }
}

fn messages_of(items: &[Item]) -> Value {
    let request = Request { target: target("m"), input: items.to_vec(), ..Request::default() };
    let body: Bytes = to_chat(&request, &[]);
    serde_json::from_slice::<Value>(&body).unwrap()["messages"].clone()
}

fn said(role: Role, text: &str) -> Item {
    Item::message(role, vec![Part::Text(text.to_owned())])
}

/// A call that names its model alone.
pub(crate) fn target(model: &str) -> Target {
    Target { model: model.to_owned(), ..Target::default() }
}

pub(crate) fn user(text: &str) -> Item {
    said(Role::User, text)
}

pub(crate) fn model(text: &str) -> Item {
    said(Role::Assistant, text)
}

pub(crate) fn call(id: &str) -> Item {
    Item::Call {
        call_id: id.to_owned(),
        name: "f".to_owned(),
        arguments: "{\"x\":1}".to_owned(),
        kind: ToolKind::Function,
    }
}

pub(crate) fn output(id: &str) -> Item {
    Item::Output {
        call_id: id.to_owned(),
        parts: vec![Part::Text(format!("out {id}"))],
        kind: ToolKind::Function,
        failed: false,
    }
}

pub(crate) fn assistant(content: &Value, ids: &[&str]) -> Value {
    let function = json!({"name": "f", "arguments": "{\"x\":1}"});
    let calls: Vec<Value> =
        ids.iter().map(|id| json!({"id": id, "type": "function", "function": function})).collect();
    json!({"role": "assistant", "content": content, "tool_calls": calls})
}

pub(crate) fn tool(id: &str, content: &str) -> Value {
    json!({"role": "tool", "content": content, "tool_call_id": id})
}
