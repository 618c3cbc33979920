//! Requests on their way to a chat body, and chat bodies on their way to items and sessions.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};
use wire::chat::ChatRequest;
use wire::pivot::{
    Choice, Format, Item, Part, Request, Role, Settings, Tool, ToolKind, items_of_chat, to_chat, with_history,
};

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
        model: "m\"".to_owned(),
        provider: Some("p".to_owned()),
        stream: true,
        instructions: Some("Be short.".to_owned()),
        input: vec![user("Hi")],
        settings,
    };
    let body = to_chat(&request, &[user("Earlier")]);
    let checked = ChatRequest::parse(body.clone()).unwrap();
    assert_eq!((checked.model(), checked.provider(), checked.stream()), ("m\"", Some("p"), true));
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
    let mut request = Request { model: "m".to_owned(), input: vec![user("Hi")], ..Request::default() };
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
    let message = |role, parts| Item::Message { role, parts };
    let text = |text: &str| Part::Text(text.to_owned());
    let reasoning = || Item::Reasoning { text: "Hm.".to_owned() };
    let none = "(no output)";
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
            json!([assistant(json!("a\nb"), &["1", "2"]), tool("1", "out 1"), tool("2", "out 2"), {"role": "assistant", "content": "c"}]),
        ),
        (vec![message(Role::Assistant, vec![])], json!([])),
        // No output, an output that comes later, an output of no call.
        (
            vec![call("1"), user("Go on")],
            json!([assistant(Value::Null, &["1"]), tool("1", none), {"role": "user", "content": "Go on"}]),
        ),
        (
            vec![call("1"), call("2"), output("2")],
            json!([assistant(Value::Null, &["1", "2"]), tool("2", "out 2"), tool("1", none)]),
        ),
        (
            vec![call("1"), user("Wait"), output("1"), user("Go on")],
            json!([assistant(Value::Null, &["1"]), tool("1", "out 1"), {"role": "user", "content": "Wait"}, {"role": "user", "content": "Go on"}]),
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
            json!([assistant(Value::Null, &["1"]), tool("1", "(see the images that follow)"), {"role": "user", "content": [image_part]}, {"role": "user", "content": "a"}]),
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
            json!([assistant(Value::Null, &["1"]), tool("1", "Error: no disk")]),
        ),
    ];
    for (items, messages) in table {
        assert_eq!(messages_of(&items), messages, "{items:?}");
        let cut = items.len() / 2;
        let request = Request { model: "m".to_owned(), input: items[cut..].to_vec(), ..Request::default() };
        let body: Value = serde_json::from_slice(&to_chat(&request, &items[..cut])).unwrap();
        assert_eq!(body["messages"], messages, "what is history makes no difference");
    }
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

#[test]
fn a_session_puts_its_history_behind_the_instructions_and_changes_no_other_byte() {
    let h = r#"{"role":"user","content":"Earlier"},{"role":"assistant","content":"Yes"}"#;
    let table = [
        (
            r#"{"messages":[{"role":"user","content":"Hi"}], "x":1.50}"#,
            r#"{"messages":[H,{"role":"user","content":"Hi"}], "x":1.50}"#,
        ),
        (
            r#"{ "model":"m","messages": [ {"role":"system","content":"S"} , {"role":"developer","content":"D"}, {"role":"user","content":"Hi"} ] }"#,
            r#"{ "model":"m","messages": [ {"role":"system","content":"S"} , {"role":"developer","content":"D"},H, {"role":"user","content":"Hi"} ] }"#,
        ),
        (
            r#"{"messages":[{"role":"system","content":"S"}]}"#,
            r#"{"messages":[{"role":"system","content":"S"},H]}"#,
        ),
        (r#"{"messages":[ ]}"#, r#"{"messages":[H ]}"#),
    ];
    for (body, expected) in table {
        let joined = with_history(body.as_bytes(), &[user("Earlier"), model("Yes")]).unwrap();
        assert_eq!(
            str::from_utf8(&joined).unwrap(),
            expected.replace('H', h).replace(&format!("\"{h}i\""), "\"Hi\"")
        );
        assert_eq!(with_history(body.as_bytes(), &[]).unwrap(), body);
        assert_eq!(
            with_history(body.as_bytes(), &[Item::Reasoning { text: "Hm.".to_owned() }]).unwrap(),
            body
        );
    }
    for body in
        ["", "[]", "{}", r#"{"messages":1}"#, r#"{"messages":[1]}"#, r#"{"messages":[{"content":""}]}"#]
    {
        assert_eq!(with_history(body.as_bytes(), &[user("a")]), None, "{body}");
        assert_eq!(items_of_chat(body.as_bytes()), None, "{body}");
    }
}

#[test]
fn the_outputs_that_a_client_sends_answer_the_calls_of_its_session() {
    let body = json!({"messages": [tool("1", "out 1"), {"role": "user", "content": "Hi"}]}).to_string();
    let joined = with_history(body.as_bytes(), &[call("1"), call("2")]).unwrap();
    let joined: Value = serde_json::from_slice(&joined).unwrap();
    let expected = json!([assistant(Value::Null, &["1", "2"]), tool("2", "(no output)"), tool("1", "out 1"), {"role": "user", "content": "Hi"}]);
    assert_eq!(joined["messages"], expected);
}

#[test]
fn every_shape_of_a_message_is_read() {
    let body = json!({"messages": [
        {"role": "system", "content": "S"},
        {"role": "developer", "content": "D"},
        {"role": "user", "name": "Ann", "content": ["a", {"type": "text", "text": "b", "cache_control": {}}, {"type": "image_url", "image_url": {"url": "u", "detail": "low"}}, {"type": "image_url", "image_url": "v"}, {"type": "input_audio", "input_audio": {"data": ""}}]},
        {"role": "assistant", "content": "c", "reasoning": "Hm.", "refusal": "No.", "tool_calls": [
            {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
            {"id": "2", "type": "custom", "custom": {"name": "patch", "input": "text"}},
        ]},
        {"role": "tool", "tool_call_id": "2", "content": [{"type": "text", "text": "o2"}]},
        {"role": "tool", "content": "o1"},
        {"role": "assistant", "content": null, "function_call": {"name": "g", "arguments": "{\"x\":1}"}},
        {"role": "function", "name": "g", "content": "o3"},
        {"role": "system", "content": "later"},
    ]});
    let text = |text: &str| Part::Text(text.to_owned());
    let call = |id: &str, name: &str, arguments: &str, kind| Item::Call {
        call_id: id.to_owned(),
        name: name.to_owned(),
        arguments: arguments.to_owned(),
        kind,
    };
    let output = |id: &str, out: &str, kind| Item::Output {
        call_id: id.to_owned(),
        parts: vec![text(out)],
        kind,
        failed: false,
    };
    let image = |url: &str, detail: Option<&str>| Part::Image {
        url: url.to_owned(),
        detail: detail.map(str::to_owned),
    };
    let audio = Part::Other(r#"{"input_audio":{"data":""},"type":"input_audio"}"#.to_owned());
    let expected = [
        Item::Message {
            role: Role::User,
            parts: vec![text("a"), text("b"), image("u", Some("low")), image("v", None), audio],
        },
        Item::Reasoning { text: "Hm.".to_owned() },
        Item::Message { role: Role::Assistant, parts: vec![text("c"), Part::Refusal("No.".to_owned())] },
        call("1", "f", "{}", ToolKind::Function),
        call("2", "patch", "text", ToolKind::Custom),
        output("2", "o2", ToolKind::Custom),
        output("1", "o1", ToolKind::Function),
        call("call_2", "g", "{\"x\":1}", ToolKind::Function),
        output("call_2", "o3", ToolKind::Function),
        Item::Message { role: Role::System, parts: vec![text("later")] },
    ];
    assert_eq!(items_of_chat(body.to_string().as_bytes()).unwrap(), expected);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, fork: false, ..ProptestConfig::default() })]

    /// The conversations are folded already, so nothing may change: neither through a request nor through a session.
    #[test]
    fn a_conversation_comes_back_from_chat_as_it_went(turns in proptest::collection::vec(turn(), 1..6), cut: prop::sample::Index) {
        let mut items = Vec::new();
        for (at, turn) in turns.into_iter().enumerate() {
            turn_items(at, turn, &mut items);
        }
        let cut = cut.index(items.len());
        let request = Request { model: "m".to_owned(), input: items[cut..].to_vec(), instructions: Some("S".to_owned()), ..Request::default() };
        let body = to_chat(&request, &items[..cut]);
        prop_assert!(ChatRequest::parse(body.clone()).is_ok());
        let kept: Vec<Item> = items.into_iter().filter(|item| !matches!(item, Item::Reasoning { .. })).collect();
        prop_assert_eq!(items_of_chat(&body).unwrap(), kept.clone());
        let empty = br#"{"model":"m","messages":[{"role":"system","content":"S"}]}"#;
        let joined = with_history(empty, &kept).unwrap();
        prop_assert_eq!(items_of_chat(&joined).unwrap(), kept);
    }

    #[test]
    fn no_bytes_make_it_panic(body: Vec<u8>, messages in "[\\[\\]{}\":,a]{0,20}") {
        let _ = (items_of_chat(&body), with_history(&body, &[user("a")]));
        let body = format!("{{\"messages\":[{{\"role\":\"assistant\",\"tool_calls\":{messages},\"content\":[{messages}]}}]}}");
        if let Some(joined) = with_history(body.as_bytes(), &[user("a")]) {
            prop_assert!(serde_json::from_slice::<serde::de::IgnoredAny>(&joined).is_ok() && items_of_chat(body.as_bytes()).is_some());
        }
    }
}

/// What a user says, whether the model thinks, what it says, and the outputs of its calls.
type Turn = (Vec<Part>, bool, Option<String>, Vec<String>);

fn turn() -> impl Strategy<Value = Turn> {
    let words = || "[a-zé\"\\\\\n\u{1f600} ]{1,8}";
    let image =
        (words(), proptest::option::of(words())).prop_map(|(url, detail)| Part::Image { url, detail });
    let other = Just(Part::Other("{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"\"}}".to_owned()));
    let part = prop_oneof![words().prop_map(Part::Text), image.clone(), other];
    let mixed = (proptest::collection::vec(part, 0..3), image).prop_map(|(mut parts, image)| {
        parts.push(image);
        parts
    });
    let said = prop_oneof![words().prop_map(|text| vec![Part::Text(text)]), mixed];
    (said, any::<bool>(), proptest::option::of(words()), proptest::collection::vec(words(), 0..3))
}

fn turn_items(at: usize, (said, thinks, answer, outputs): Turn, items: &mut Vec<Item>) {
    items.push(Item::Message { role: if at % 3 == 2 { Role::System } else { Role::User }, parts: said });
    if at == 0
        && let Some(Item::Message { role, .. }) = items.first_mut()
    {
        *role = Role::User;
    }
    if thinks {
        items.push(Item::Reasoning { text: "Hm.".to_owned() });
    }
    items.extend(answer.map(|text| model(&text)));
    let ids: Vec<String> = (0..outputs.len()).map(|call| format!("{at}-{call}")).collect();
    items.extend(ids.iter().map(|id| call(id)));
    for (id, output) in ids.into_iter().zip(outputs) {
        items.push(Item::Output {
            call_id: id,
            parts: vec![Part::Text(output)],
            kind: ToolKind::Function,
            failed: false,
        });
    }
}

fn messages_of(items: &[Item]) -> Value {
    let request = Request { model: "m".to_owned(), input: items.to_vec(), ..Request::default() };
    let body: Bytes = to_chat(&request, &[]);
    serde_json::from_slice::<Value>(&body).unwrap()["messages"].clone()
}

fn said(role: Role, text: &str) -> Item {
    Item::Message { role, parts: vec![Part::Text(text.to_owned())] }
}

fn user(text: &str) -> Item {
    said(Role::User, text)
}

fn model(text: &str) -> Item {
    said(Role::Assistant, text)
}

fn call(id: &str) -> Item {
    Item::Call {
        call_id: id.to_owned(),
        name: "f".to_owned(),
        arguments: "{\"x\":1}".to_owned(),
        kind: ToolKind::Function,
    }
}

fn output(id: &str) -> Item {
    Item::Output {
        call_id: id.to_owned(),
        parts: vec![Part::Text(format!("out {id}"))],
        kind: ToolKind::Function,
        failed: false,
    }
}

fn assistant(content: Value, ids: &[&str]) -> Value {
    let function = json!({"name": "f", "arguments": "{\"x\":1}"});
    let calls: Vec<Value> =
        ids.iter().map(|id| json!({"id": id, "type": "function", "function": function})).collect();
    json!({"role": "assistant", "content": content, "tool_calls": calls})
}

fn tool(id: &str, content: &str) -> Value {
    json!({"role": "tool", "content": content, "tool_call_id": id})
}
