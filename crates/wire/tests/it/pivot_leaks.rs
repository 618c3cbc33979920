//! Calls in the text: which are taken for calls, and which stay what the model said.

use wire::pivot::{Choice, Item, Settings, Telling, Tool, ToolKind};

use crate::pivot_answer::{CALL, Checks, ending, named, offered, rendered};

#[test]
fn without_tools_no_text_is_taken_for_a_call() {
    let text = "<tool_call>{\"name\":\"one\",\"arguments\":{}}</tool_call> [TOOL_CALLS] [";
    let body = serde_json::json!({"choices": [{"message": {"content": text}, "finish_reason": "stop"}]});
    let mut telling = Telling::new(CALL, named(&[]), Vec::new(), None);
    telling.read_whole(body.to_string().as_bytes());
    assert_eq!(rendered(&telling), format!("text {text:?}\nfinish Stop\n"));
}

/// What a text says about calls is no call, and what a model thinks better of is none either.
#[test]
fn a_call_is_taken_only_where_it_is_meant() {
    let one = r#"<tool_call>{"name":"one","arguments":{}}</tool_call>"#;
    let other = r#"<tool_call>{"name":"delete_all","arguments":{}}</tool_call>"#;
    let cases = [
        // At the end, or at the beginning on a line of its own.
        ("content", format!("I look. {one}\n"), 1),
        ("content", format!("{one}\n{one}\nSo much."), 2),
        ("reasoning", format!("I need it. {one}\n"), 1),
        // A tool that is not offered; also beside one that is.
        ("content", format!("It looks like this: {other}"), 0),
        (
            "content",
            r#"[TOOL_CALLS] [{"name":"one","arguments":{}},{"name":"delete_all","arguments":{}}]"#.to_owned(),
            0,
        ),
        // In the middle of a text.
        ("content", format!("One writes {one} for that."), 0),
        ("content", format!("{one} is a call."), 0),
        ("content", format!("So:\n{one}\nIs that right?"), 0),
        ("reasoning", format!("Maybe {one}? No."), 0),
        ("reasoning", format!("{one}\nNo, too dangerous."), 0),
    ];
    for (field, text, calls) in cases {
        for size in [1, 7, text.len()] {
            let mut telling = Telling::new(CALL, offered(), Vec::new(), Some(Box::new(Checks::default())));
            for piece in text.as_bytes().chunks(size) {
                let delta = serde_json::json!({ field: str::from_utf8(piece).unwrap() });
                telling.chunk(serde_json::json!({"choices": [{"delta": delta}]}).to_string().as_bytes());
            }
            telling.finish(|_| ending());
            let found = telling.items().iter().filter(|item| matches!(item, Item::Call { .. })).count();
            assert_eq!(found, calls, "{text}");
            if calls == 0 {
                assert_eq!(telling.items().iter().map(Item::text).collect::<String>(), text);
            }
        }
    }
}

/// Where an answer was cut, nobody knows whether the model would have gone on with words about the call.
#[test]
fn a_call_in_the_text_of_an_answer_that_was_cut_is_none() {
    let calls = [
        r#"<tool_call>{"name":"one","arguments":{}}</tool_call>"#,
        "<function=one>\n</function>",
        "<function=one>\n<parameter=a>\n1\n</function>",
    ];
    for text in calls.map(|call| format!("For example `{call}")) {
        for (reason, calls) in [("stop", 1), ("length", 0), ("content_filter", 0)] {
            let message = serde_json::json!({"content": text});
            let body = serde_json::json!({"choices": [{"message": message, "finish_reason": reason}]});
            let mut telling = Telling::new(CALL, offered(), Vec::new(), None);
            telling.read_whole(body.to_string().as_bytes());
            let found = telling.items().iter().filter(|item| matches!(item, Item::Call { .. })).count();
            assert_eq!(found, calls, "{reason}: {text}");
            if calls == 0 {
                assert_eq!(telling.items().iter().map(Item::text).collect::<String>(), text);
            }
        }
    }
}

/// A thought that ends with a call is given up when the answer goes on in words, but not for white space.
#[test]
fn a_call_at_the_end_of_a_thought_is_one_only_without_an_answer() {
    let thought = r#"Maybe <tool_call>{"name":"one","arguments":{}}</tool_call>"#;
    for (answer, calls) in [("\n\n", 1), ("", 1), ("\n\nNo, I will not.", 0)] {
        let message = serde_json::json!({"reasoning_content": thought, "content": answer});
        let body = serde_json::json!({"choices": [{"message": message, "finish_reason": "stop"}]});
        let mut telling = Telling::new(CALL, offered(), Vec::new(), None);
        telling.read_whole(body.to_string().as_bytes());
        let found = telling.items().iter().filter(|item| matches!(item, Item::Call { .. })).count();
        assert_eq!(found, calls, "{answer:?}: {:?}", telling.items());
    }
}

#[test]
fn only_what_the_choice_allows_may_be_called() {
    let tool = |name: &str| Tool {
        name: name.to_owned(),
        description: None,
        parameters: None,
        strict: None,
        kind: ToolKind::Function,
    };
    let tools = vec![tool("one"), tool("two")];
    let cases = [
        (None, vec!["one", "two"]),
        (Some(Choice::Auto), vec!["one", "two"]),
        (Some(Choice::Required), vec!["one", "two"]),
        (Some(Choice::None), vec![]),
        (Some(Choice::Named("two".to_owned())), vec!["two"]),
    ];
    for (choice, callable) in cases {
        let settings = Settings { tools: tools.clone(), choice, ..Settings::default() };
        assert_eq!(settings.callable(), named(&callable));
    }
}

#[test]
fn a_call_that_is_longer_than_what_is_held_back_stays_text() {
    let text = format!(
        "<tool_call>{{\"name\":\"one\",\"arguments\":{{\"x\":\"{}\"}}}}</tool_call>",
        "y".repeat(70_000)
    );
    let mut telling = Telling::new(CALL, offered(), Vec::new(), Some(Box::new(Checks::default())));
    for piece in text.as_bytes().chunks(1_000) {
        let piece = str::from_utf8(piece).unwrap();
        let chunk = serde_json::json!({"choices": [{"delta": {"content": piece}}]}).to_string();
        telling.chunk(chunk.as_bytes());
    }
    telling.finish(|_| ending());
    assert_eq!(rendered(&telling), format!("text {text:?}\nfinish Unsaid\n"));
}
