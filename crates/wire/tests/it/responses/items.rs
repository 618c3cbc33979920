//! Items are stored as clients see them, and read back as they were.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};
use wire::pivot::{Item, OwnMessages, Part, Role, ToolKind};
use wire::responses::{
    Extras, ItemStatus, Namespaced, input_item, item_id, output_item, read_item, shown_item,
};

use super::{CALL, config, head};

#[test]
fn items_look_as_the_api_shows_them() {
    let said = |role, part| Item::message(role, vec![part]);
    let text = || Part::Text("Hi".to_owned());
    let call = |kind| Item::Call {
        call_id: "c1".to_owned(),
        name: "f".to_owned(),
        arguments: "{}".to_owned(),
        kind,
    };
    let file = r#"{"type":"file","file":{"filename":"a","file_data":"data:,x"}}"#;
    for (item, shown) in [
        (
            said(Role::User, text()),
            json!({"type": "message", "role": "user",
            "content": [{"type": "input_text", "text": "Hi"}]}),
        ),
        (
            said(Role::Assistant, text()),
            json!({"type": "message", "role": "assistant",
            "content": [{"type": "output_text", "text": "Hi", "annotations": [], "logprobs": []}]}),
        ),
        (
            said(Role::User, Part::Other(file.to_owned())),
            json!({"type": "message", "role": "user",
            "content": [{"type": "input_file", "filename": "a", "file_data": "data:,x"}]}),
        ),
        (
            Item::Reasoning { text: "Hm".to_owned() },
            json!({"type": "reasoning", "summary": [],
            "content": [{"type": "reasoning_text", "text": "Hm"}]}),
        ),
        (
            call(ToolKind::Function),
            json!({"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}),
        ),
        (
            call(ToolKind::Custom),
            json!({"type": "custom_tool_call", "call_id": "c1", "name": "f", "input": "{}"}),
        ),
        (
            Item::Output {
                call_id: "c1".to_owned(),
                parts: vec![text()],
                kind: ToolKind::Function,
                failed: false,
            },
            json!({"type": "function_call_output", "call_id": "c1", "output": "Hi"}),
        ),
    ] {
        let mut expected = shown;
        expected["id"] = json!("id_1");
        expected["status"] = json!("completed");
        assert_eq!(serde_json::from_str::<Value>(&input_item(&item, "id_1")).unwrap(), expected);
    }
}

/// Chat alone makes messages with a name.
fn named_message(role: Role, parts: Vec<Part>, name: &str) -> Item {
    let body = json!({"messages": [{"role": "user", "content": "", "name": name}]}).to_string();
    let own = OwnMessages::of(body.as_bytes()).unwrap().items();
    let Some(Item::Message { name, .. }) = own.into_iter().next() else { panic!("{body}") };
    assert!(name.is_some(), "{body}");
    Item::Message { role, parts, name }
}

#[test]
fn a_participants_name_is_stored_and_not_shown() {
    let parts = || vec![Part::Text("Hi".to_owned())];
    for (role, name) in [(Role::User, "ann"), (Role::Assistant, "é\"\\\n")] {
        let (named, without) = (named_message(role, parts(), name), Item::message(role, parts()));
        let stored = input_item(&named, "id_1");
        assert_eq!(serde_json::from_str::<Value>(&stored).unwrap()["name"], name);
        assert_eq!(read_item(&stored).unwrap(), named);
        assert_eq!(shown_item(&stored), input_item(&without, "id_1"));
        // What was stored before there were names is read and shown as it was.
        let earlier = input_item(&without, "id_1");
        assert_eq!(read_item(&earlier).unwrap(), without);
        assert_eq!(shown_item(&earlier), earlier);
    }
    // A name that no chat would have brought is none.
    for name in [json!(""), json!(7), json!("n".repeat(257)), json!(null)] {
        let stored = json!({"type": "message", "role": "user", "content": "Hi", "name": name}).to_string();
        assert_eq!(read_item(&stored).unwrap(), Item::message(Role::User, parts()), "{name}");
    }
    // The name of a tool is another thing.
    let call = r#"{"type":"function_call","id":"fc_1","call_id":"c1","name":"f","arguments":"{}"}"#;
    assert_eq!(shown_item(call), call);
}

#[test]
fn ids_say_what_an_item_is() {
    let item = Item::Reasoning { text: String::new() };
    assert_eq!(item_id(&item, CALL, 3), format!("rs_{CALL}_3"));
}

#[test]
fn a_response_dresses_its_items_as_its_client_knows_them() {
    let known = Namespaced { namespace: "agents".to_owned(), name: "spawn".to_owned() };
    let flat = known.flat();
    let dressed =
        head(&Extras { summary: Some("auto".to_owned()), namespaced: vec![known], ..Extras::default() });
    let call = Item::Call {
        call_id: "c1".to_owned(),
        name: flat,
        arguments: "{}".to_owned(),
        kind: ToolKind::Function,
    };
    let thought = Item::Reasoning { text: "Hm".to_owned() };
    for (item, key, expected) in [
        (&call, "namespace", json!("agents")),
        (&call, "name", json!("spawn")),
        (&thought, "summary", json!([{"type": "summary_text", "text": "Hm"}])),
        (&thought, "content", json!([])),
    ] {
        let written = dressed.output_item(item, 0, ItemStatus::Completed);
        assert_eq!(serde_json::from_str::<Value>(&written).unwrap()[key], expected);
        assert_eq!(read_item(&written).unwrap(), *item);
    }
}

fn part() -> impl Strategy<Value = Part> {
    let json = prop::sample::select(vec![
        r#"{"type":"input_audio","input_audio":{"data":"AA","format":"wav"}}"#,
        r#"{"type":"file","file":{"filename":"a","file_data":"data:,x"}}"#,
        r#"{ "type": "file", "file": {"file_data": "data:,x"} }"#,
        r#"{"type":"file","file":{"file_id":"f1"}}"#,
        r#"{"type":"video_url","video_url":{"url":"https://x"}}"#,
        r#"{"no":"type"}"#,
        r#""a text""#,
    ]);
    prop_oneof![
        any::<String>().prop_map(Part::Text),
        any::<String>().prop_map(Part::Refusal),
        (
            prop::sample::select(vec!["https://x/y", "data:image/png;base64,AA"]),
            prop::option::of("auto|low|high")
        )
            .prop_map(|(url, detail)| Part::Image { url: url.to_owned(), detail }),
        json.prop_map(|json| Part::Other(json.to_owned())),
    ]
}

pub(super) fn item() -> impl Strategy<Value = Item> {
    let role = prop::sample::select(vec![Role::System, Role::Developer, Role::User, Role::Assistant]);
    let kind = prop::sample::select(vec![ToolKind::Function, ToolKind::Custom]);
    prop_oneof![
        (role, vec(part(), 0..4)).prop_map(|(role, parts)| Item::message(role, parts)),
        (vec(part(), 0..4), "\\PC{1,64}").prop_map(|(parts, name)| named_message(Role::User, parts, &name)),
        any::<String>().prop_map(|text| Item::Reasoning { text }),
        (any::<String>(), any::<String>(), any::<String>(), kind.clone())
            .prop_map(|(call_id, name, arguments, kind)| Item::Call { call_id, name, arguments, kind }),
        (any::<String>(), vec(part(), 0..4), kind, any::<bool>())
            .prop_map(|(call_id, parts, kind, failed)| Item::Output { call_id, parts, kind, failed }),
    ]
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_is_written_is_read_back(item in item()) {
        for written in [
            input_item(&item, "id_1"),
            output_item(&item, "id_1", ItemStatus::Incomplete),
            head(&Extras { summary: Some("auto".to_owned()), ..Extras::default() })
                .output_item(&item, 0, ItemStatus::Completed),
        ] {
            prop_assert!(serde_json::from_str::<Value>(&written).is_ok(), "{}", written);
            prop_assert_eq!(&read_item(&written).unwrap(), &item);
        }
    }
}
