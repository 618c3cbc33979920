//! Calls in the tags of Qwen3-Coder and of GLM: which they are, and what stays text.

use serde_json::{Value, json};
use wire::pivot::{Item, Settings, Telling, Tool, ToolKind};

use crate::pivot_answer::{CALL, Checks, ending};

/// The tools, as a client offers them.
pub(crate) fn settings() -> Settings {
    let write = json!({"type": "object", "properties": {
        "path": {"type": "string"},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "mode": {"type": ["string", "null"]},
        "id": {"type": ["string", "integer"]},
        "lines": {"type": "integer"},
        "share": {"type": "number"},
        "force": {"type": "boolean"},
        "edits": {"type": "array", "items": {"type": "object"}},
        "options": {"type": "object"},
        "nothing": {"type": "null"},
        "any": {"description": "whatever"},
        "odd": 7,
    }});
    let tool = |name: &str, kind, parameters: Option<Value>| Tool {
        name: name.to_owned(),
        description: Some("what it is for".to_owned()),
        parameters: parameters.map(|schema| schema.to_string()),
        strict: None,
        kind,
    };
    let tools = vec![
        tool("write", ToolKind::Function, Some(write)),
        tool("write_all", ToolKind::Function, None),
        tool("broken", ToolKind::Function, Some(json!(["no schema"]))),
        tool("long", ToolKind::Function, Some(described(&"d".repeat(64 << 10)))),
        tool("wordy", ToolKind::Function, Some(described(&"d".repeat(60 << 10)))),
        tool("patch", ToolKind::Custom, None),
    ];
    Settings { tools, ..Settings::default() }
}

/// The schema of a tool whose one parameter is a string, of which `text` is said.
fn described(text: &str) -> Value {
    json!({"type": "object", "properties": {"path": {"type": "string"}}, "description": text})
}

/// The items of a text that comes in pieces of about `size` bytes.
pub(crate) fn items(text: &str, size: usize) -> Vec<Item> {
    ended(text, size, Some("stop"))
}

/// The items of a text that comes in pieces and ends for a `reason`.
pub(crate) fn ended(text: &str, size: usize, reason: Option<&str>) -> Vec<Item> {
    let writer = Some(Box::new(Checks::default()) as _);
    let mut telling = Telling::new(CALL, settings().callable(), vec!["patch".to_owned()], writer);
    let mut rest = text;
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at(rest.ceil_char_boundary(size));
        telling.chunk(json!({"choices": [{"delta": {"content": piece}}]}).to_string().as_bytes());
        rest = behind;
    }
    telling.chunk(json!({"choices": [{"delta": {}, "finish_reason": reason}]}).to_string().as_bytes());
    telling.finish(|_| ending());
    telling.items().to_vec()
}

/// The items of a text, which are the same in pieces of any size.
pub(crate) fn told(text: &str) -> Vec<Item> {
    let whole = items(text, text.len());
    for size in 1..text.len().min(20) {
        assert_eq!(items(text, size), whole, "{text} in pieces of {size}");
    }
    whole
}

/// What the items say: texts, and calls with a name before their arguments.
pub(crate) fn said(items: &[Item]) -> Vec<String> {
    let said = items.iter().map(|item| match item {
        Item::Call { name, arguments, .. } => format!("{name} {arguments}"),
        other => other.text().to_owned(),
    });
    said.collect()
}

pub(crate) fn qwen(parameters: &[(&str, &str)]) -> String {
    let each = parameters.iter().map(|(key, value)| format!("<parameter={key}>\n{value}\n</parameter>\n"));
    format!("<tool_call>\n<function=write>\n{}</function>\n</tool_call>", each.collect::<String>())
}

pub(crate) fn glm(parameters: &[(&str, &str)]) -> String {
    let each = parameters
        .iter()
        .map(|(key, value)| format!("<arg_key>{key}</arg_key>\n<arg_value>{value}</arg_value>\n"));
    format!("<tool_call>write\n{}</tool_call>", each.collect::<String>())
}

#[test]
fn every_way_to_write_calls_is_understood() {
    let call = r#"write {"path":"a","lines":1}"#;
    let cases: [(&str, &[&str]); 12] = [
        // Qwen3-Coder: as its template has it, without line breaks, and without the outer tag.
        (
            "<tool_call>\n<function=write>\n<parameter=path>\na\n</parameter>\n<parameter=lines>\n1\n</parameter>\n</function>\n</tool_call>",
            &[call],
        ),
        (
            "<tool_call><function=write><parameter=path>a</parameter><parameter=lines>1</parameter></function></tool_call>",
            &[call],
        ),
        (
            "<function=write>\n<parameter=path>\na\n</parameter>\n<parameter=lines>\n1\n</parameter>\n</function>",
            &[call],
        ),
        // The outer tag only at the end of the call, or only at its beginning.
        (
            "<function=write>\n<parameter=path>\na\n</parameter>\n<parameter=lines>\n1\n</parameter>\n</function>\n</tool_call>\n",
            &[call],
        ),
        (
            "<tool_call>\n<function=write>\n<parameter=path>\na\n</parameter>\n<parameter=lines>\n1\n</parameter>\n</function>\n",
            &[call],
        ),
        // GLM-4.5 and 4.6, and 4.7.
        (
            "<tool_call>write\n<arg_key>path</arg_key>\n<arg_value>a</arg_value>\n<arg_key>lines</arg_key>\n<arg_value>1</arg_value>\n</tool_call>",
            &[call],
        ),
        (
            "<tool_call>write<arg_key>path</arg_key><arg_value>a</arg_value><arg_key>lines</arg_key><arg_value>1</arg_value></tool_call>",
            &[call],
        ),
        // Without arguments; a name that is the beginning of another.
        ("<tool_call>\n<function=write>\n</function>\n</tool_call>", &["write {}"]),
        ("<function=write_all></function>", &["write_all {}"]),
        ("<tool_call>write_all\n</tool_call>\n<tool_call>write</tool_call>", &["write_all {}", "write {}"]),
        // Behind a text, and before one on a line of its own.
        (
            "I look.\n\n<tool_call>\n<function=write_all>\n</function>\n</tool_call>",
            &["I look.\n\n", "write_all {}"],
        ),
        ("<tool_call>write_all\n</tool_call>\nSo much.", &["write_all {}", "\nSo much."]),
    ];
    for (text, expected) in cases {
        assert_eq!(said(&told(text)), expected, "{text}");
    }
}

/// Also calls in other forms stand beside them, as models that write one of them learned all.
#[test]
fn several_calls_are_as_many_in_their_order() {
    let hermes = r#"<tool_call>{"name":"write","arguments":{"path":"c"}}</tool_call>"#;
    let text = format!("So:\n{}\n{}\n{hermes}", qwen(&[("path", "a")]), glm(&[("path", "b")]));
    let expected = ["So:\n", r#"write {"path":"a"}"#, r#"write {"path":"b"}"#, r#"write {"path":"c"}"#];
    assert_eq!(said(&told(&text)), expected);
}

#[test]
fn what_is_no_call_stays_text() {
    let long = "k".repeat(300);
    let many: Vec<String> = (0..300).map(|number| format!("k{number}")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|key| (key.as_str(), "")).collect();
    let white = " ".repeat(2_000);
    let texts = [
        // A tool that is not offered, or only nearly.
        qwen(&[("path", "a")]).replace("write", "delete"),
        qwen(&[("path", "a")]).replace("write", "writ"),
        qwen(&[("path", "a")]).replace("write", "write_more"),
        glm(&[("path", "a")]).replace("write", "delete"),
        glm(&[("path", "a")]).replace("write", ""),
        // No end.
        "<tool_call>\n<function=write>\n<parameter=path>\na".to_owned(),
        "<tool_call>\n<function=write>\n<parameter=path>\na\n</parameter>\n".to_owned(),
        "<function=write>\n<parameter=path>\na\n</parameter>\n</funct".to_owned(),
        "<function=wri".to_owned(),
        "<tool_call>write\n<arg_key>path</arg_key>\n<arg_value>a</arg_value>\n</tool".to_owned(),
        "<tool_call>write\n<arg_key>path".to_owned(),
        // Something else between the tags.
        "<function=write> is how it begins".to_owned(),
        "<function=write>\n<parameter=path>\na\n</parameter>\nand more</function>".to_owned(),
        "<tool_call>write a letter</tool_call>".to_owned(),
        "<tool_call>write\n<arg_key>path</arg_key> is <arg_value>a</arg_value>\n</tool_call>".to_owned(),
        "<tool_call>write></tool_call>".to_owned(),
        // A parameter without a name, with one that is too long, and too many of them; too much white space.
        qwen(&[("", "a")]),
        glm(&[("", "a")]),
        qwen(&[(&long, "a")]),
        glm(&[(&long, "a")]),
        qwen(&many),
        format!("<function=write>{white}</function>"),
        format!("<tool_call>{white}write</tool_call>"),
        format!("<function=write><parameter=path>a</parameter>{white}</function>"),
        format!("<tool_call>write<arg_key>path</arg_key>{white}<arg_value>a</arg_value></tool_call>"),
        // In the middle of a text.
        format!("One writes {} for that.", qwen(&[("path", "a")])),
        format!("{} is a call.", glm(&[("path", "a")])),
    ];
    for text in texts {
        assert_eq!(said(&told(&text)), [text.as_str()]);
    }
}

/// What is no call hides none behind it.
#[test]
fn a_call_behind_what_looks_like_one_is_found() {
    let call = qwen(&[("path", "a")]);
    for like in
        ["<function=write> or ", "<tool_call>delete\n", "<tool_call>\n<function=delete>\n", "<tool_call>"]
    {
        assert_eq!(said(&told(&format!("{like}{call}"))), [like, r#"write {"path":"a"}"#]);
    }
}

/// A client waits no longer than it is open whether there is a call.
#[test]
fn nothing_is_held_back_that_can_be_no_call() {
    let steps = [
        ("<tool_call>", ""),
        ("\n<func", ""),
        ("tion=wri", ""),
        ("t>", "<tool_call>\n<function=writ>"),
        (" <tool_call>w", "<tool_call>\n<function=writ> "),
        ("here", "<tool_call>\n<function=writ> <tool_call>where"),
    ];
    let mut telling = Telling::new(CALL, settings().callable(), Vec::new(), None);
    for (piece, so_far) in steps {
        telling.chunk(json!({"choices": [{"delta": {"content": piece}}]}).to_string().as_bytes());
        assert_eq!(telling.items().iter().map(Item::text).collect::<String>(), so_far, "{piece}");
    }
}

/// 64 KiB are held back, wherever the pieces are cut.
#[test]
fn a_call_at_the_limit_is_one_and_beyond_it_is_text() {
    let around = qwen(&[("path", "")]).len() - "\n</tool_call>".len();
    let most = (64 << 10) - around;
    for (len, is_call) in [(most, true), (most + 1, false), (300_000, false)] {
        let value = format!("{}{}", "é<".repeat(len / 3), "y".repeat(len % 3));
        let text = qwen(&[("path", &value)]);
        for size in [1_000, 4_099, text.len()] {
            let items = items(&text, size);
            assert_eq!(matches!(items.as_slice(), [Item::Call { .. }]), is_call, "{len} in pieces of {size}");
            let expected = if is_call { format!(r#"write {{"path":"{value}"}}"#) } else { text.clone() };
            assert_eq!(said(&items), [expected]);
        }
    }
}
