//! Requests in Anthropic's Messages dialect: what becomes of them, and what is refused.

use serde_json::{Value, json};
use wire::chat::RequestError;
use wire::messages::MessagesRequest;
use wire::pivot::{Choice, Format, Item, Part, Role, Tool, ToolKind};

/// A request of one word, with `fields` over it.
pub(crate) fn request(fields: Value) -> Result<MessagesRequest, RequestError> {
    let mut body = json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]});
    let Value::Object(fields) = fields else { panic!("{fields}") };
    body.as_object_mut().unwrap().extend(fields);
    MessagesRequest::parse(body.to_string().as_bytes())
}

/// The items of a message of `role` with these blocks.
pub(crate) fn items(role: &str, blocks: Value) -> Result<Vec<Item>, RequestError> {
    let mut message = json!({ "role": role });
    message["content"] = blocks;
    Ok(request(json!({ "messages": [message] }))?.ask.input)
}

fn message(role: Role, texts: &[&str]) -> Item {
    Item::message(role, texts.iter().map(|text| Part::Text((*text).to_owned())).collect())
}

#[test]
fn the_request_of_a_coding_agent() {
    let read = MessagesRequest::parse(include_bytes!("../fixtures/messages/coding-agent.json")).unwrap();
    assert!(read.user_id.unwrap().contains("00000000-0000-7000-8000-000000000001"));
    assert_eq!(read.ask.target.session_id, None);
    let ask = read.ask;
    assert_eq!((ask.target.model.as_str(), ask.stream), ("meta-llama/Llama-3.1-8B-Instruct", true));
    // The attribution tells a model nothing.
    assert_eq!(ask.instructions.unwrap(), "You are an agent.\n\n\nWork with the user.");
    assert_eq!(
        ask.input,
        [
            message(
                Role::User,
                &["<system-reminder>\nSign what you write.\n</system-reminder>", "Pay the toll"]
            ),
            message(Role::System, &["# Environment\n - Primary working directory: /home/user/project"]),
            Item::Call {
                call_id: "toolu_1".to_owned(),
                name: "Bash".to_owned(),
                arguments: r#"{"command": "echo toll-paid > effect.txt", "description": "Pays the toll"}"#
                    .to_owned(),
                kind: ToolKind::Function,
            },
            Item::Output {
                call_id: "toolu_1".to_owned(),
                parts: vec![Part::Text("(no output)".to_owned())],
                kind: ToolKind::Function,
                failed: false,
            },
        ]
    );
    let settings = ask.settings;
    assert_eq!(settings.output_tokens, Some(32_000));
    assert_eq!(
        settings.tools.iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>(),
        ["Bash", "DeferredToolPlaceholder"]
    );
    // What is for Anthropic alone is not sent to a provider that would refuse it.
    assert_eq!((settings.effort, settings.format, settings.passing), (None, None, Vec::new()));
}

#[test]
fn blocks_become_items_and_parts() {
    let file =
        r#"{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,JVBE"}}"#;
    let text = |text: &str| Part::Text(text.to_owned());
    let image = |url: &str| Part::Image { url: url.to_owned(), detail: None };
    for (block, parts) in [
        (json!({"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}), vec![text("a")]),
        (
            json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBO"}}),
            vec![image("data:image/png;base64,iVBO")],
        ),
        (
            json!({"type": "image", "source": {"type": "url", "url": "https://a/b.png"}}),
            vec![image("https://a/b.png")],
        ),
        (
            json!({"type": "document", "title": "T", "source": {"type": "text", "media_type": "text/plain", "data": "d"}}),
            vec![text("T"), text("d")],
        ),
        (
            json!({"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "c"}]}}),
            vec![text("c")],
        ),
        (
            json!({"type": "document", "title": "a.pdf",
                   "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"}}),
            vec![text("a.pdf"), Part::Other(file.to_owned())],
        ),
        (
            json!({"type": "search_result", "title": "T", "source": "s", "content": [{"type": "text", "text": "c"}]}),
            vec![text("T\ns"), text("c")],
        ),
    ] {
        assert_eq!(items("user", json!([block])).unwrap(), [Item::message(Role::User, parts)], "{block}");
    }
}

#[test]
fn outputs_of_tools_keep_their_place_and_their_failure() {
    let read = items(
        "user",
        json!([
            {"type": "tool_result", "tool_use_id": "c1", "is_error": true, "content": [
                {"type": "text", "text": "no"},
                {"type": "image", "source": {"type": "url", "url": "https://a/b.png"}},
                {"type": "tool_reference", "tool_name": "Grep"},
            ]},
            {"type": "tool_result", "tool_use_id": "c2"},
            {"type": "text", "text": "go on"},
        ]),
    );
    let output = |id: &str, parts, failed| Item::Output {
        call_id: id.to_owned(),
        parts,
        kind: ToolKind::Function,
        failed,
    };
    let parts = vec![
        Part::Text("no".to_owned()),
        Part::Image { url: "https://a/b.png".to_owned(), detail: None },
        Part::Text("Grep".to_owned()),
    ];
    assert_eq!(
        read.unwrap(),
        [output("c1", parts, true), output("c2", Vec::new(), false), message(Role::User, &["go on"])]
    );
}

#[test]
fn thoughts_are_taken_back_and_sealed_ones_left_out() {
    let read = items(
        "assistant",
        json!([
            {"type": "thinking", "thinking": "hm", "signature": "unsigned"},
            {"type": "redacted_thinking", "data": "xyz"},
            {"type": "thinking", "thinking": "", "signature": "EqQB"},
            {"type": "text", "text": "yes"},
        ]),
    );
    let thought = Item::Reasoning { text: "hm".to_owned() };
    assert_eq!(read.unwrap(), [thought, message(Role::Assistant, &["yes"])]);
}

#[test]
fn the_system_prompt_is_one_text() {
    let attribution = json!({"type": "text", "text": "x-anthropic-billing-header: cc_version=2;"});
    let block = |text: &str| json!({"type": "text", "text": text});
    for (system, told) in [
        (json!(null), None),
        (json!(""), None),
        (json!("be kind"), Some("be kind")),
        (json!([block("a"), block("b")]), Some("a\n\nb")),
        (json!([attribution]), None),
        (json!([attribution, block("a")]), Some("a")),
        // Elsewhere it is what somebody wrote.
        (json!([block("a"), attribution]), Some("a\n\nx-anthropic-billing-header: cc_version=2;")),
    ] {
        assert_eq!(request(json!({"system": system})).unwrap().ask.instructions.as_deref(), told, "{system}");
    }
}

#[test]
fn settings_are_told_in_the_words_of_chat() {
    let read = request(json!({
        "provider": "acme", "session_id": "s-1", "temperature": 0.5, "top_p": null, "top_k": 40, "seed": 7,
        "stop_sequences": ["\n\n", "END"], "service_tier": "auto", "cache_control": {"type": "ephemeral"},
        "thinking": {"type": "enabled", "budget_tokens": 2048},
        "tools": [{"type": "custom", "name": "f", "description": "d", "input_schema": {"type": "object"}, "strict": true}],
        "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": true},
        "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}},
        "mcp_servers": [], "container": null,
    }))
    .unwrap();
    assert_eq!(
        (read.ask.target.session_id.as_deref(), read.ask.target.provider.as_deref()),
        (Some("s-1"), Some("acme"))
    );
    let settings = read.ask.settings;
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!(settings.passing, [pair("temperature", "0.5"), pair("top_k", "40"), pair("seed", "7")]);
    assert_eq!(settings.stop, ["\n\n", "END"]);
    assert_eq!(settings.effort.as_deref(), Some("low"));
    assert_eq!(
        (settings.choice, settings.parallel_calls),
        (Some(Choice::Named("f".to_owned())), Some(false))
    );
    let object = r#"{"type":"object"}"#.to_owned();
    let tool = Tool {
        name: "f".to_owned(),
        description: Some("d".to_owned()),
        parameters: Some(object.clone()),
        strict: Some(true),
        kind: ToolKind::Function,
    };
    assert_eq!(settings.tools, [tool]);
    let format = Format::JsonSchema {
        name: "answer".to_owned(),
        description: None,
        schema: object,
        strict: Some(true),
    };
    assert_eq!(settings.format, Some(format));
}

#[test]
fn a_budget_says_how_much_to_think() {
    for (thinking, effort) in [
        (json!(null), None),
        (json!({"type": "disabled"}), None),
        (json!({"type": "adaptive"}), None),
        (json!({"type": "enabled", "budget_tokens": 1_024}), Some("low")),
        (json!({"type": "enabled", "budget_tokens": 2_049}), Some("medium")),
        (json!({"type": "enabled", "budget_tokens": 8_192}), Some("medium")),
        (json!({"type": "enabled", "budget_tokens": 31_999}), Some("high")),
    ] {
        let read = request(json!({"thinking": thinking})).unwrap();
        assert_eq!(read.ask.settings.effort.as_deref(), effort, "{thinking}");
    }
    for (choice, told) in [("auto", Choice::Auto), ("any", Choice::Required), ("none", Choice::None)] {
        let read = request(json!({
            "tools": [{"name": "f", "input_schema": {}}], "tool_choice": {"type": choice},
        }))
        .unwrap();
        assert_eq!(read.ask.settings.choice, Some(told));
    }
}

#[test]
fn counting_needs_no_limit() {
    let body = br#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#;
    let error = MessagesRequest::parse(body).unwrap_err();
    assert_eq!((error.code, error.param.as_deref()), ("missing_required_parameter", Some("max_tokens")));
    let read = MessagesRequest::parse_count(body).unwrap();
    assert_eq!(read.ask.input, [message(Role::User, &["hi"])]);
}
