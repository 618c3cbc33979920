//! Answers in random pieces: nothing panics, nothing is lost, and where the pieces are cut makes no difference.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};
use wire::pivot::{Collector, Item, Reader, Telling};

use crate::pivot_answer::{Checks, ending, named};

const CALL: &str = "0123456789abcdef0123456789abcdef";

/// What texts are made of. Every `x` must come out again.
const MARKUP: [&str; 40] = [
    "x",
    "x",
    " ",
    "\n",
    "<think>",
    "</think>",
    "<thi",
    "<",
    "[",
    "é",
    "<tool_call>",
    "</tool_call>",
    "<tool_call>{\"name\":\"x\",\"arguments\":{\"a\":\"x}\"}}</tool_call>",
    "<tool_call>\n{\"name\":\"x\",\"arguments\":\"{}\"}\n</tool_call>\n",
    "<tool_call>{\"name\":\"x\"}",
    "[TOOL_CALLS]",
    "[TOOL_CALLS] [{\"name\":\"x\",\"arguments\":{}},{\"name\":\"x\",\"arguments\":{}}]",
    "<|python_tag|>",
    "<|python_tag|>{\"name\":\"x\",\"parameters\":{\"a\":[\"\\\"x\"]}}",
    "<|tool_calls_section_begin|>",
    "<|tool_call_begin|>",
    "<|tool_call_begin|>functions.x:0<|tool_call_argument_begin|>{\"a\":\"x\"}<|tool_call_end|>",
    "<|tool_call_argument_begin|>",
    "<|tool_call_end|>",
    "<|tool_calls_section_end|>",
    "{\"name\":",
    "\"",
    "}",
    "<function=",
    "<function=x>",
    "<parameter=a>",
    "</parameter>",
    "</function>",
    "<tool_call>\n<function=x>\n<parameter=x>\nx</parameter>x\n</parameter>\n</function>\n</tool_call>",
    "<function=x></function>",
    "<tool_call>x",
    "<arg_key>a</arg_key>",
    "<arg_value>",
    "</arg_value>",
    "<tool_call>x\n<arg_key>x</arg_key>\n<arg_value>x</arg_value>\n</tool_call>",
];

/// The fields of a delta.
const WORDS: [&str; 7] =
    ["content", "refusal", "reasoning", "thinking", "reasoning_details", "function_call", "tool_calls"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, fork: false, ..ProptestConfig::default() })]

    #[test]
    fn markup_cut_anywhere_gives_the_same_items_and_loses_nothing(
        pieces in proptest::collection::vec(select(MARKUP.to_vec()), 0..12),
        cuts in proptest::collection::vec(any::<Index>(), 0..8),
        field in select(vec!["content", "reasoning"]),
        tools: bool,
    ) {
        let text = pieces.concat();
        let whole = items(&[&text], field, tools);
        prop_assert_eq!(&items(&cut(&text, &cuts), field, tools), &whole);
        let each: Vec<String> = text.chars().map(String::from).collect();
        prop_assert_eq!(&items(&each, field, tools), &whole);
        prop_assert_eq!(whole.iter().map(xs).sum::<usize>(), text.matches('x').count(), "{:?}", whole);
        if !tools && !text.trim_start().starts_with("<think>") {
            prop_assert_eq!(whole.iter().map(Item::text).collect::<String>(), text);
        }
    }

    #[test]
    fn calls_whose_pieces_are_mixed_come_out_one_after_another(
        calls in proptest::collection::vec(("[a-z]{1,5}", "[a-z{}\\[\\]\"\\\\ ]{0,12}"), 1..5),
        order in proptest::collection::vec((any::<Index>(), 1..9usize), 0..40),
    ) {
        let arguments: Vec<String> = calls.iter().map(|(_, text)| json!({ "a": text }).to_string()).collect();
        let mut rest: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut telling = Telling::new(CALL, named(&["x"]), Vec::new(), Some(Box::new(Checks::default())));
        let mut said = String::new();
        let mut send = |index: usize, piece: Value| {
            let chunk = json!({"choices": [{"delta": {"tool_calls": [{"index": index, "function": piece}]}}]});
            telling.chunk(chunk.to_string().as_bytes());
            telling.chunk(br#"{"choices":[{"delta":{"content":"."}}]}"#);
            said.push('.');
        };
        for (index, (name, _)) in calls.iter().enumerate() {
            send(index, json!({"name": name, "arguments": ""}));
        }
        for (at, len) in order {
            let at = at.index(calls.len());
            // The arguments are ASCII.
            let (piece, behind) = rest[at].split_at(len.min(rest[at].len()));
            rest[at] = behind;
            send(at, json!({ "arguments": piece }));
        }
        for (at, piece) in rest.into_iter().enumerate() {
            send(at, json!({ "arguments": piece }));
        }
        telling.finish(|_| ending());
        let told: Vec<(&str, &str)> = telling.items().iter().filter_map(|item| match item {
            Item::Call { name, arguments, .. } => Some((name.as_str(), arguments.as_str())),
            _ => None,
        }).collect();
        let sent: Vec<(&str, &str)> = calls.iter().zip(&arguments).map(|((name, _), all)| (name.as_str(), all.as_str())).collect();
        prop_assert_eq!(told, sent);
        let text: String = telling.items().iter().filter(|item| matches!(item, Item::Message { .. })).map(Item::text).collect();
        prop_assert_eq!(text, said);
    }

    #[test]
    fn no_chunk_makes_it_panic_or_breaks_the_order(chunks in proptest::collection::vec(chunk(), 0..12), noise: Vec<u8>) {
        let mut telling = Telling::new(CALL, named(&["x"]), vec!["b".to_owned()], Some(Box::new(Checks::default())));
        telling.chunk(&noise);
        for chunk in chunks {
            telling.chunk(chunk.to_string().as_bytes());
        }
        telling.finish(|_| ending());
        let ids: Vec<&str> = telling.items().iter().filter_map(|item| match item {
            Item::Call { call_id, .. } => Some(call_id.as_str()),
            _ => None,
        }).collect();
        let distinct: std::collections::HashSet<&str> = ids.iter().copied().collect();
        prop_assert!(distinct.len() == ids.len() && !distinct.contains(""));
        let mut reader = Reader::new(CALL, named(&["x"]), Vec::new());
        let _ = (reader.whole(&noise), reader.end());
    }
}

/// The items of a text in these pieces.
fn items(pieces: &[impl AsRef<str>], field: &str, tools: bool) -> Vec<Item> {
    let mut reader = Reader::new(CALL, named(if tools { &["x"] } else { &[] }), Vec::new());
    let mut collector = Collector::default();
    for piece in pieces {
        let chunk = json!({"choices": [{"index": 0, "delta": { field: piece.as_ref() }}]}).to_string();
        for event in reader.chunk(chunk.as_bytes()) {
            collector.note(event, &mut |_| {});
        }
    }
    for event in reader.end() {
        collector.note(event, &mut |_| {});
    }
    collector.items().to_vec()
}

fn cut<'t>(text: &'t str, cuts: &[Index]) -> Vec<&'t str> {
    let mut at: Vec<usize> =
        cuts.iter().map(|cut| text.floor_char_boundary(cut.index(text.len() + 1))).collect();
    at.push(text.len());
    at.sort_unstable();
    let mut start = 0;
    at.into_iter().map(|end| &text[std::mem::replace(&mut start, end)..end]).collect()
}

fn xs(item: &Item) -> usize {
    let name = if let Item::Call { name, .. } = item { name } else { "" };
    item.text().matches('x').count() + name.matches('x').count()
}

/// Chunks with the right fields and any values in them.
fn chunk() -> impl Strategy<Value = Value> {
    let field = |names: &'static [&'static str]| (select(names), value());
    let object = |names| {
        proptest::collection::vec(field(names), 0..4).prop_map(|fields| {
            Value::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
        })
    };
    let call = (object(&["index", "id"]), object(&["name", "arguments"])).prop_map(|(mut call, function)| {
        call["function"] = function;
        call
    });
    let calls = proptest::option::of(proptest::collection::vec(call, 0..3));
    (object(&WORDS), calls, value()).prop_map(|(mut delta, calls, finish)| {
        if let Some(calls) = calls {
            delta["tool_calls"] = calls.into();
        }
        json!({"choices": [{"delta": delta, "finish_reason": finish}]})
    })
}

fn value() -> impl Strategy<Value = Value> {
    let text =
        select(vec!["", "a", "b", "{}", "{\"input\":\"a\"}", "{", "<tool_call>", "<think>", "stop", "\u{0}"]);
    let leaf = prop_oneof![
        text.prop_map(Value::from),
        (0..3).prop_map(Value::from),
        Just(Value::Null),
        any::<bool>().prop_map(Value::from)
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let key = select(vec!["type", "text", "thinking", "name", "arguments", "summary"]);
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::vec((key, inner), 0..3).prop_map(|fields| {
                Value::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
            }),
        ]
    })
}
