//! What a request becomes.

use serde_json::{Value, json};
use wire::pivot::{Choice, Format, Item, Part, Role, Settings, Tool, ToolKind};
use wire::responses::{HostedTools, Namespaced, ResponsesRequest};

fn parse(body: &Value) -> ResponsesRequest {
    ResponsesRequest::parse(body.to_string().as_bytes(), HostedTools::default()).unwrap()
}

fn message(role: Role, parts: Vec<Part>) -> Item {
    Item::message(role, parts)
}

fn text(text: &str) -> Part {
    Part::Text(text.to_owned())
}

#[test]
fn a_text_is_what_the_user_says() {
    let request =
        parse(&json!({"model": "org/model", "input": "Hi", "instructions": "Be brief.", "stream": true}));
    assert_eq!(request.ask.target.model, "org/model");
    assert_eq!(request.ask.input, [message(Role::User, vec![text("Hi")])]);
    assert_eq!(request.ask.instructions.as_deref(), Some("Be brief."));
    assert!(request.ask.stream);
    assert_eq!(request.ask.settings, Settings::default());
    let extras = &request.extras;
    assert!(extras.store && !extras.background && !extras.truncate && !request.include_sealed);
}

#[test]
fn a_turn_of_codex_is_read_whole() {
    let body = include_bytes!("../../fixtures/responses/codex.json");
    let request = ResponsesRequest::parse(body, HostedTools::default()).unwrap();
    assert_eq!(request.dropped, ["web_search"]);
    let tools: Vec<&str> = request.ask.settings.tools.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(tools, ["exec_command", "multi_agent_v1__close_agent", "multi_agent_v1__spawn_agent"]);
    assert_eq!(
        request.extras.namespaced[0],
        Namespaced { namespace: "multi_agent_v1".to_owned(), name: "close_agent".to_owned() }
    );
    assert!(!request.extras.store && request.include_sealed);
    assert_eq!(request.extras.summary.as_deref(), Some("auto"));
    assert!(request.ask.settings.passing.is_empty(), "{:?}", request.ask.settings.passing);
    assert_eq!(request.ask.settings.choice, Some(Choice::Auto));
    assert_eq!(request.ask.settings.parallel_calls, Some(true));
    let roles: Vec<&str> = request.ask.input.iter().map(kind).collect();
    assert_eq!(roles, ["developer", "developer", "user", "user", "call", "output"]);
}

fn kind(item: &Item) -> &'static str {
    match item {
        Item::Message { role: Role::System, .. } => "system",
        Item::Message { role: Role::Developer, .. } => "developer",
        Item::Message { role: Role::User, .. } => "user",
        Item::Message { role: Role::Assistant, .. } => "assistant",
        Item::Reasoning { .. } => "reasoning",
        Item::Call { .. } => "call",
        Item::Output { .. } => "output",
    }
}

#[test]
fn every_item_finds_its_place() {
    let request = parse(&json!({"model": "m", "input": [
        {"role": "system", "content": "Rules."},
        {"type": "item_reference", "id": "msg_1"},
        {"role": "user", "content": [
            {"type": "input_text", "text": "See"},
            {"type": "input_image", "image_url": "https://x/y.png", "detail": "low"},
            {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AA"},
            {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}}]},
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Short"}],
         "content": [{"type": "reasoning_text", "text": "Long"}]},
        {"type": "reasoning", "id": "rs_2", "summary": [], "content": null, "encrypted_content": "sealed"},
        {"type": "reasoning", "id": "rs_3", "summary": []},
        {"id": "fc_7"},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "function_call", "call_id": "c2", "name": "g", "namespace": "n", "arguments": "{}"},
        {"type": "custom_tool_call", "call_id": "c3", "name": "patch", "input": "***"},
        {"type": "web_search_call", "id": "ws_1", "status": "completed"},
        {"type": "function_call_output", "call_id": "c1", "output": "done"},
        {"type": "function_call_output", "call_id": "c2", "status": "incomplete",
         "output": [{"type": "input_text", "text": "no"}]},
        {"type": "custom_tool_call_output", "call_id": "c3", "output": "ok"},
        {"role": "assistant", "content": [
            {"type": "output_text", "text": "Yes", "annotations": []}, {"type": "refusal", "refusal": "No"}]}
    ]}));
    let call = |call_id: &str, name: &str, arguments: &str, kind| Item::Call {
        call_id: call_id.to_owned(),
        name: name.to_owned(),
        arguments: arguments.to_owned(),
        kind,
    };
    let output = |call_id: &str, words: &str, kind, failed| Item::Output {
        call_id: call_id.to_owned(),
        parts: vec![text(words)],
        kind,
        failed,
    };
    let file = r#"{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,AA"}}"#;
    let audio = json!({"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}});
    let expected = [
        message(Role::System, vec![text("Rules.")]),
        message(
            Role::User,
            vec![
                text("See"),
                Part::Image { url: "https://x/y.png".to_owned(), detail: Some("low".to_owned()) },
                Part::Other(file.to_owned()),
                Part::Other(audio.to_string()),
            ],
        ),
        Item::Reasoning { text: "Long".to_owned() },
        Item::Reasoning { text: String::new() },
        call("c1", "f", "{}", ToolKind::Function),
        call("c2", "n__g", "{}", ToolKind::Function),
        call("c3", "patch", "***", ToolKind::Custom),
        output("c1", "done", ToolKind::Function, false),
        output("c2", "no", ToolKind::Function, true),
        output("c3", "ok", ToolKind::Custom, false),
        message(Role::Assistant, vec![text("Yes"), Part::Refusal("No".to_owned())]),
    ];
    assert_eq!(request.ask.input, expected);
    assert_eq!(request.references, [(1, "msg_1".to_owned()), (4, "fc_7".to_owned())]);
    assert_eq!(request.sealed, [(3, "sealed".to_owned())]);
    assert_eq!(request.dropped, ["web_search_call"]);
}

#[test]
fn settings_keep_their_meaning() {
    let request = parse(&json!({"model": "m", "input": "x", "max_output_tokens": 50, "stop": "END",
        "reasoning": {"effort": "high", "summary": "none"}, "temperature": 0.5, "service_tier": "flex", "seed": 7,
        "client_metadata": {"a": 1}, "metadata": {"k": "v"}, "prompt_cache_key": "p", "truncation": "auto",
        "text": {"verbosity": "low", "format": {"type": "json_schema", "name": "n", "schema": {"a": 1}, "strict": true}},
        "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}},
                  {"type": "custom", "name": "patch", "description": "Patches.",
                   "format": {"type": "grammar", "syntax": "lark", "definition": "start: x"}}],
        "tool_choice": {"type": "custom", "name": "patch"}, "parallel_tool_calls": false}));
    let expected = Settings {
        output_tokens: Some(50),
        tools: vec![
            Tool {
                name: "f".to_owned(),
                description: None,
                parameters: Some(r#"{"type":"object"}"#.to_owned()),
                strict: None,
                kind: ToolKind::Function,
            },
            Tool {
                name: "patch".to_owned(),
                description: Some("Patches.\n\nThe input must match this lark grammar:\nstart: x".to_owned()),
                parameters: None,
                strict: None,
                kind: ToolKind::Custom,
            },
        ],
        choice: Some(Choice::Named("patch".to_owned())),
        parallel_calls: Some(false),
        format: Some(Format::JsonSchema {
            name: "n".to_owned(),
            description: None,
            schema: r#"{"a":1}"#.to_owned(),
            strict: Some(true),
        }),
        effort: Some("high".to_owned()),
        stop: vec!["END".to_owned()],
        // What the client says of itself, and what only the object shows, does not go upstream.
        passing: [("seed", "7"), ("service_tier", "\"flex\""), ("temperature", "0.5")]
            .map(|(key, raw)| (key.to_owned(), raw.to_owned()))
            .to_vec(),
    };
    let mut settings = request.ask.settings;
    settings.passing.sort();
    assert_eq!(settings, expected);
    assert_eq!(request.extras.summary, None);
    assert!(request.extras.truncate);
}

#[test]
fn only_allowed_tools_are_offered() {
    let tool = |name: &str| json!({"type": "function", "name": name});
    let request = parse(&json!({"model": "m", "input": "x", "tools": [tool("f"), tool("g")],
        "tool_choice": {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "g"}]}}));
    assert_eq!(request.ask.settings.tools.len(), 1);
    assert_eq!(request.ask.settings.tools[0].name, "g");
    assert_eq!(request.ask.settings.choice, Some(Choice::Required));
}

#[test]
fn the_choice_of_a_tool_that_is_left_out_is_left_out() {
    let (function, search) = (json!({"type": "function", "name": "f"}), json!({"type": "web_search"}));
    let allowed = |tools: Value| json!({"type": "allowed_tools", "mode": "required", "tools": tools});
    for (choice, offered, read) in [
        (search.clone(), 1, Some(Choice::Auto)),
        (allowed(json!([search, function])), 1, Some(Choice::Required)),
        (allowed(json!([search])), 0, None),
    ] {
        let request = parse(&json!({"model": "m", "input": "x", "tools": [function, search],
            "tool_choice": choice}));
        let settings = request.ask.settings;
        assert_eq!((settings.tools.len(), settings.choice), (offered, read), "{choice}");
        assert_eq!(request.dropped, ["web_search"]);
    }
}

#[test]
fn without_tools_nothing_is_said_of_them() {
    let request = parse(&json!({"model": "m", "input": "x", "tools": [], "tool_choice": "auto",
        "parallel_tool_calls": true}));
    assert_eq!(request.ask.settings, Settings::default());
    assert_eq!(request.extras.parallel_tool_calls, Some(true));
}

#[test]
fn state_is_read() {
    let from = |more: Value| {
        let mut body = json!({"model": "m"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        parse(&body)
    };
    assert_eq!(from(json!({"previous_response_id": "resp_1"})).previous.as_deref(), Some("resp_1"));
    assert_eq!(from(json!({"conversation": "conv_1"})).conversation.as_deref(), Some("conv_1"));
    assert_eq!(from(json!({"conversation": {"id": "conv_1"}})).conversation.as_deref(), Some("conv_1"));
    assert_eq!(from(json!({"session_id": "my-chat"})).ask.target.session_id.as_deref(), Some("my-chat"));
    assert!(from(json!({"input": "x", "background": true})).extras.background);
    assert_eq!(from(json!({"input": "x", "provider": "hf"})).ask.target.provider.as_deref(), Some("hf"));
}

#[test]
fn hosted_tools_follow_the_policy() {
    let body = |tools: Value| json!({"model": "m", "input": "x", "tools": tools}).to_string();
    let (search, files) = (json!({"type": "web_search_preview"}), json!({"type": "file_search"}));
    let function = json!({"type": "function", "name": "f"});
    let kinds = |tools: Value, hosted| {
        ResponsesRequest::parse(body(tools).as_bytes(), hosted)
            .map(|read| read.dropped)
            .map_err(|error| error.code)
    };
    let (refuse, usual, leave) = (HostedTools::Refuse, HostedTools::DropUsual, HostedTools::Drop);
    assert_eq!(kinds(json!([search, function]), refuse), Err("unsupported_tool"));
    assert_eq!(kinds(json!([search, function]), usual), Ok(vec!["web_search_preview".to_owned()]));
    assert_eq!(kinds(json!([search]), usual), Err("unsupported_tool"));
    assert_eq!(kinds(json!([files, function]), usual), Err("unsupported_tool"));
    assert_eq!(
        kinds(json!([files, search, search]), leave),
        Ok(vec!["file_search".to_owned(), "web_search_preview".to_owned()])
    );
}

#[test]
fn what_is_left_out_fits_a_header() {
    let tools = |kinds: Vec<String>| {
        let tools: Vec<Value> = kinds.iter().map(|kind| json!({"type": kind})).collect();
        let body = json!({"model": "m", "input": "x", "tools": tools}).to_string();
        ResponsesRequest::parse(body.as_bytes(), HostedTools::Drop).map(|read| read.dropped.len())
    };
    assert_eq!(tools((0..32).map(|n| format!("tool_{n}")).collect()), Ok(32));
    for kinds in [
        (0..33).map(|n| format!("tool_{n}")).collect(),
        vec!["web_search\r\nx-injected: 1".to_owned()],
        vec!["t".repeat(65)],
    ] {
        assert_eq!(tools(kinds).unwrap_err().code, "unsupported_tool");
    }
}

#[test]
fn a_name_in_a_namespace_fits_upstreams() {
    let flat = |namespace: &str, name: &str| {
        Namespaced { namespace: namespace.to_owned(), name: name.to_owned() }.flat()
    };
    assert_eq!(flat("mcp__x", "run"), "mcp__x__run");
    let long = flat(&"n".repeat(60), "run");
    assert_eq!(long.len(), 64);
    assert_ne!(long, flat(&"n".repeat(60), "ran"));
    assert_eq!(flat("a.b", "c"), "a_b__c_85da85f3");
}
