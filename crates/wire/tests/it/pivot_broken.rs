//! Answers whose calls cannot be read, come twice, have no end or no bound: none is told as a success that it is not.

use serde_json::{Value, json};
use wire::error::ErrorBody;
use wire::pivot::{Ending, Finish, Item, Telling};

use crate::pivot_answer::{Checks, ending, named};

const CALL: &str = "0123456789abcdef0123456789abcdef";

fn telling() -> Telling {
    Telling::new(CALL, named(&["one"]), Vec::new(), Some(Box::new(Checks::default())))
}

fn take(telling: &mut Telling, delta: &Value, finish: Option<&str>) {
    let chunk = json!({"choices": [{"delta": delta, "finish_reason": finish}]});
    telling.chunk(chunk.to_string().as_bytes());
}

fn piece(index: u64, id: &str, name: &str, arguments: &str) -> Value {
    json!({"tool_calls": [{"index": index, "id": id, "function": {"name": name, "arguments": arguments}}]})
}

/// The name and the arguments of each call.
fn calls(telling: &Telling) -> Vec<(&str, &str)> {
    let calls = telling.items().iter().filter_map(|item| match item {
        Item::Call { name, arguments, .. } => Some((name.as_str(), arguments.as_str())),
        _ => None,
    });
    calls.collect()
}

#[test]
fn an_answer_that_waits_for_calls_that_nobody_saw_has_no_good_end() {
    let long = "n".repeat(129);
    for (delta, finish) in [
        (json!({}), "tool_calls"),
        (json!({"content": "I look."}), "tool_calls"),
        (json!({"tool_calls": "one"}), "tool_calls"),
        (json!({"tool_calls": [{"function": 1}]}), "tool_calls"),
        (piece(0, "a", "", "{\"x\":1}"), "tool_calls"),
        (piece(0, "a", "", "{\"x\":1}"), "stop"),
        (piece(0, "a", &long, "{\"x\":1}"), "stop"),
    ] {
        let mut telling = telling();
        take(&mut telling, &delta, None);
        take(&mut telling, &json!({}), Some(finish));
        telling.finish(|_| ending());
        assert_eq!((calls(&telling), telling.finish_reason()), (vec![], Finish::Unsaid), "{delta}");
    }
    let mut good = telling();
    take(&mut good, &piece(0, "a", "one", "{}"), None);
    take(&mut good, &piece(1, "b", "", "{}"), Some("tool_calls"));
    good.finish(|_| ending());
    assert_eq!((calls(&good), good.finish_reason()), (vec![("one", "{}")], Finish::ToolCalls));
}

/// A call that waited for the end of the answer counts for how the answer ended.
#[test]
fn a_call_that_is_told_last_is_waited_for() {
    let leaked = "<tool_call>{\"name\":\"one\",\"arguments\":{}}</tool_call>";
    for delta in [piece(0, "a", "one", ""), json!({ "content": leaked }), json!({ "reasoning": leaked })] {
        for said in ["stop", "tool_calls"] {
            let mut telling = telling();
            take(&mut telling, &delta, Some(said));
            let (_, ending) = telling.finish(|finish| Ending { finish, ..ending() });
            assert_eq!((calls(&telling), ending.finish), (vec![("one", "{}")], Finish::ToolCalls), "{delta}");
        }
    }
}

/// A client sends the id back, and could not send one that is refused.
#[test]
fn an_id_that_is_too_long_is_replaced() {
    let mut telling = telling();
    take(&mut telling, &piece(0, &"i".repeat(257), "one", "{}"), Some("tool_calls"));
    telling.finish(|_| ending());
    let Some(Item::Call { call_id, .. }) = telling.items().first() else { panic!("no call") };
    assert_eq!(*call_id, format!("call_{CALL}_0"));
}

#[test]
fn a_call_that_is_sent_again_is_one_call() {
    let mut telling = telling();
    for (index, id, name, arguments) in [
        (0, "a", "one", "{\"x\":"),
        (0, "", "", "1}"),
        // The front again, another call, and the first once more, with and without its arguments.
        (0, "a", "one", "{\"x\":1}"),
        (1, "b", "one", "{\"x\":1}"),
        (0, "a", "one", "{\"x\":1}"),
        (0, "a", "one", ""),
        (1, "b", "one", "{\"x\":1}"),
    ] {
        take(&mut telling, &piece(index, id, name, arguments), None);
    }
    take(&mut telling, &json!({}), Some("tool_calls"));
    telling.finish(|_| ending());
    assert_eq!(calls(&telling), [("one", "{\"x\":1}"), ("one", "{\"x\":1}")]);
}

fn error() -> ErrorBody {
    ErrorBody { message: "cut".to_owned(), kind: "upstream_error", param: None, code: None }
}

/// What was held back is billed.
#[test]
fn a_failure_does_not_swallow_text() {
    let call = "<tool_call>{\"name\":\"one\",\"arguments\":{}}</tool_call>";
    for text in ["Is a <tool", call, "I look. <tool_call>{\"name\":", "  <thi"] {
        let mut telling = telling();
        take(&mut telling, &json!({ "content": text }), None);
        telling.fail(&error());
        assert_eq!(telling.items().iter().map(Item::text).collect::<String>(), text);
        assert_eq!(calls(&telling), []);
    }
    // A call that may not be whole is not ended by it.
    let mut open = telling();
    take(&mut open, &piece(0, "a", "one", "{}"), None);
    take(&mut open, &json!({"content": "<tool"}), None);
    open.fail(&error());
    assert_eq!((calls(&open), open.items().len()), (vec![("one", "{}")], 1));
}

#[test]
fn an_answer_without_end_is_told_to_be_too_large() {
    let mut texts = telling();
    let text = json!({"content": "x".repeat(1 << 20)});
    for _ in 0..16 {
        take(&mut texts, &text, None);
        assert_eq!(texts.excess(), None);
    }
    take(&mut texts, &text, None);
    assert_eq!(texts.excess(), Some("the answer is larger than 16 MiB"));
    take(&mut texts, &text, None);
    assert_eq!(texts.items().iter().map(|item| item.text().len()).sum::<usize>(), 17 << 20);

    let mut held = telling();
    for index in 0..17 {
        take(&mut held, &piece(index, "", "", &"{".repeat(1 << 20)), None);
    }
    assert_eq!((held.items(), held.excess()), (&[][..], Some("the answer is larger than 16 MiB")));

    let mut items = telling();
    for index in 0..10_001 {
        assert_eq!(items.excess(), None);
        take(&mut items, &piece(index, "", "one", "{}"), None);
    }
    take(&mut items, &piece(10_001, "", "one", "{}"), None);
    assert_eq!(items.excess(), Some("the answer has more than 10000 items"));
}
