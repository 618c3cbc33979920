//! Chat bodies on their way to items, and to sessions.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};
use wire::chat::ChatRequest;
use wire::pivot::{Item, OwnMessages, Part, Request, Role, ToolKind, to_chat};

use crate::pivot_chat::{assistant, call, model, target, tool, user};

fn items_of_chat(body: &[u8]) -> Option<Vec<Item>> {
    OwnMessages::of(body).map(|own| own.items())
}

fn with_history(body: &[u8], history: &[Item]) -> Option<Bytes> {
    OwnMessages::of(body).map(|own| own.behind(history))
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
    let expected = json!([assistant(&Value::Null, &["1", "2"]), tool("2", "(no output)"), tool("1", "out 1"), {"role": "user", "content": "Hi"}]);
    assert_eq!(joined["messages"], expected);
}

#[test]
fn every_shape_of_a_message_is_read() {
    let body = json!({"messages": [
        {"role": "system", "content": "S"},
        {"role": "developer", "content": "D"},
        {"role": "user", "content": ["a", {"type": "text", "text": "b", "cache_control": {}}, {"type": "image_url", "image_url": {"url": "u", "detail": "low"}}, {"type": "image_url", "image_url": "v"}, {"type": "input_audio", "input_audio": {"data": ""}}]},
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
        Item::message(
            Role::User,
            vec![text("a"), text("b"), image("u", Some("low")), image("v", None), audio],
        ),
        Item::Reasoning { text: "Hm.".to_owned() },
        Item::message(Role::Assistant, vec![text("c"), Part::Refusal("No.".to_owned())]),
        call("1", "f", "{}", ToolKind::Function),
        call("2", "patch", "text", ToolKind::Custom),
        output("2", "o2", ToolKind::Custom),
        output("1", "o1", ToolKind::Function),
        call("call_2", "g", "{\"x\":1}", ToolKind::Function),
        output("call_2", "o3", ToolKind::Function),
        Item::message(Role::System, vec![text("later")]),
    ];
    assert_eq!(items_of_chat(body.to_string().as_bytes()).unwrap(), expected);
}

/// What chat clients send, kept as items and told again behind them.
#[test]
fn the_names_of_participants_come_back() {
    let call = json!({"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let messages = json!([
        {"role": "user", "content": "a", "name": "ann"},
        {"role": "user", "content": "b"},
        {"role": "user", "content": "c", "name": "é\"\\"},
        {"role": "system", "content": "later", "name": "moderator"},
        {"role": "assistant", "content": "d", "name": "bob"},
        {"role": "assistant", "content": "e", "name": "cleo", "tool_calls": [call]},
        {"role": "tool", "content": "o", "tool_call_id": "1"},
        {"role": "assistant", "content": "f"},
        {"role": "user", "content": "g", "name": "n".repeat(256)},
    ]);
    let retold = |messages: &Value| {
        let items = items_of_chat(json!({"messages": messages}).to_string().as_bytes()).unwrap();
        let body = with_history(br#"{"messages":[]}"#, &items).unwrap();
        serde_json::from_slice::<Value>(&body).unwrap()["messages"].clone()
    };
    assert_eq!(retold(&messages), messages);
    // What the model says in a row is one message, as long as it is the same who speaks.
    let row = json!([
        {"role": "assistant", "content": "a", "name": "bob"},
        {"role": "assistant", "content": "b", "name": "bob"},
        {"role": "assistant", "content": "c"},
        {"role": "assistant", "content": null, "name": "cleo"},
        {"role": "assistant", "content": "d"},
    ]);
    let folded = json!([
        {"role": "assistant", "content": "a\nb", "name": "bob"},
        {"role": "assistant", "content": "c\nd"},
    ]);
    assert_eq!(retold(&row), folded);
    // Who says nothing has no message, so nobody is shown an empty one. Calls stand without a name.
    let silent = json!([
        {"role": "assistant", "content": "", "name": "bob"},
        {"role": "assistant", "content": null, "name": "bob", "tool_calls": [call]},
        {"role": "tool", "content": "o", "tool_call_id": "1"},
        {"role": "assistant", "content": [], "name": "bob"},
    ]);
    let items = items_of_chat(json!({"messages": silent}).to_string().as_bytes()).unwrap();
    assert!(matches!(items.as_slice(), [Item::Call { .. }, Item::Output { .. }]), "{items:?}");
    let called = json!({"role": "assistant", "content": null, "tool_calls": [call]});
    assert_eq!(retold(&silent), json!([called, silent[2]]));
    // What is too long or no text is not kept; its message is.
    for name in [json!("n".repeat(257)), json!(""), json!(7), json!(null), json!(["a"])] {
        let named = json!([{"role": "user", "content": "a", "name": name}]);
        assert_eq!(retold(&named), json!([{"role": "user", "content": "a"}]), "{name}");
    }
}

/// Clients of the other dialects have no names, and cannot help it if an upstream refuses those of a history.
#[test]
fn a_request_of_a_dialect_without_names_tells_none() {
    let call = json!({"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let messages = json!([
        {"role": "user", "content": "a", "name": "ann"},
        {"role": "assistant", "content": "b", "name": "bob"},
        {"role": "assistant", "content": "c", "name": "cleo"},
        {"role": "assistant", "content": "d", "name": "bob", "tool_calls": [call]},
        {"role": "tool", "content": "o", "tool_call_id": "1"},
        {"role": "system", "content": "later", "name": "moderator"},
    ]);
    let nameless = json!([
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b\nc\nd", "tool_calls": [call]},
        {"role": "tool", "content": "o", "tool_call_id": "1"},
        {"role": "system", "content": "later"},
    ]);
    let items = items_of_chat(json!({"messages": messages}).to_string().as_bytes()).unwrap();
    let request = Request { target: target("m"), ..Request::default() };
    let body: Value = serde_json::from_slice(&to_chat(&request, &items)).unwrap();
    assert_eq!(body["messages"], nameless);
    let request = Request { input: items, ..request };
    let body: Value = serde_json::from_slice(&to_chat(&request, &[])).unwrap();
    assert_eq!(body["messages"], nameless, "what is referred to is heard as what is remembered");
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
        let request = Request { target: target("m"), input: items[cut..].to_vec(), instructions: Some("S".to_owned()), ..Request::default() };
        let body = to_chat(&request, &items[..cut]);
        prop_assert!(ChatRequest::parse(body.clone()).is_ok());
        let kept: Vec<Item> = items.into_iter().filter(|item| !matches!(item, Item::Reasoning { .. })).collect();
        prop_assert_eq!(&items_of_chat(&body).unwrap(), &kept);
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
    items.push(Item::message(if at % 3 == 2 { Role::System } else { Role::User }, said));
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
