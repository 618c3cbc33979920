//! Answers on their way through the pivot: what is told piece by piece is what is there at the end, and the repairs.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use wire::chat::{ChatStream, End, Step};
use wire::error::ErrorBody;
use wire::pivot::{Callable, Ending, Finish, Item, Part, Progress, Telling, ToolKind, Writer};
use wire::sse::Decoder;

pub(crate) const CALL: &str = "0123456789abcdef0123456789abcdef";

#[test]
fn every_repair_gives_the_items_of_its_file() {
    for fixture in fixtures("repairs") {
        assert_eq!(rendered(&told(&[&fixture.stream])), fixture.items, "{}", fixture.name);
    }
}

#[test]
fn the_deltas_are_the_items_however_the_bytes_are_split() {
    for fixture in fixtures("repairs").into_iter().chain(fixtures("streams")) {
        let whole = rendered(&told(&[&fixture.stream]));
        let bytes: Vec<&[u8]> = fixture.stream.chunks(1).collect();
        assert_eq!(rendered(&told(&bytes)), whole, "{} byte by byte", fixture.name);
        // The same events have the same items: only where splits give others is there more to see.
        let events = events(&[&fixture.stream]);
        for at in 0..=fixture.stream.len() {
            let (one, other) = fixture.stream.split_at(at);
            assert_eq!(self::events(&[one, other]), events, "{} split at {at}", fixture.name);
        }
    }
}

/// A whole answer with the same content has the same items, where it can have them in their order.
#[test]
fn a_whole_answer_has_the_items_of_its_stream() {
    let mut compared = 0;
    for fixture in fixtures("repairs").into_iter().chain(fixtures("streams")) {
        let telling = told(&[&fixture.stream]);
        let Some(body) = whole_of(telling.items()) else { continue };
        let mut whole =
            Telling::new(CALL, Arc::default(), vec!["patch".to_owned()], Some(Box::new(Checks::default())));
        whole.read_whole(body.as_bytes());
        assert_eq!(whole.items(), telling.items(), "{}: {body}", fixture.name);
        compared += 1;
    }
    assert!(compared > 20, "{compared}");
}

/// What a client can have at once it has at once: waiting is for what would mix with something else.
#[test]
fn nothing_waits_without_need() {
    let piece = |call: &str| format!(r#"{{"choices":[{{"delta":{{"tool_calls":[{call}]}}}}]}}"#);
    let mut telling = Telling::new(CALL, offered(), Vec::new(), Some(Box::new(Checks::default())));
    let steps = [
        (r#"{"choices":[{"delta":{"content":"a < b"}}]}"#.to_owned(), "a < b"),
        (piece(r#"{"index":0,"function":{"name":"one","arguments":"{"}}"#), "{"),
        (piece(r#"{"index":0,"function":{"arguments":"}"}}"#), "{}"),
        (piece(r#"{"index":1,"function":{"name":"two","arguments":"{"}}"#), "{"),
        (piece(r#"{"index":2,"function":{"name":"three","arguments":"{\"x\":1}"}}"#), "{"),
        (piece(r#"{"index":1,"function":{"arguments":"}"}}"#), "{\"x\":1}"),
        (r#"{"choices":[{"delta":{"content":"b"}}]}"#.to_owned(), "b"),
    ];
    for (chunk, last) in steps {
        telling.chunk(chunk.as_bytes());
        assert_eq!(telling.items().last().map(Item::text), Some(last), "{chunk}");
    }
}

/// Calls without an end are told in their order, and none is lost, when more wait than are held back.
#[test]
fn a_thousand_calls_that_do_not_end_are_a_thousand_items() {
    let mut telling = Telling::new(CALL, offered(), Vec::new(), Some(Box::new(Checks::default())));
    for index in 0..1_000 {
        let chunk = format!(
            r#"{{"choices":[{{"delta":{{"tool_calls":[{{"index":{index},"function":{{"name":"f{index}","arguments":"{{"}}}}]}}}}]}}"#
        );
        telling.chunk(chunk.as_bytes());
    }
    telling.finish(|_| ending());
    for (index, item) in telling.items().iter().enumerate() {
        assert!(
            matches!(item, Item::Call { name, arguments, .. } if *name == format!("f{index}") && arguments == "{")
        );
    }
    assert_eq!(telling.items().len(), 1_000);
}

/// The tools of the fixtures.
pub(crate) fn offered() -> Arc<[Callable]> {
    named(&["one", "two", "three", "patch"])
}

/// Tools without a schema.
pub(crate) fn named(names: &[&str]) -> Arc<[Callable]> {
    let tool =
        |name: &&str| Callable { name: (*name).to_owned(), parameters: None, kind: ToolKind::Function };
    names.iter().map(tool).collect()
}

struct Fixture {
    name: String,
    stream: Vec<u8>,
    items: String,
}

fn fixtures(folder: &str) -> Vec<Fixture> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(folder);
    let mut fixtures = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "sse") {
            let items = fs::read_to_string(path.with_extension("items")).unwrap_or_default();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            fixtures.push(Fixture { name, stream: fs::read(&path).unwrap(), items });
        }
    }
    assert!(fixtures.len() >= 16, "fixtures are missing");
    fixtures
}

/// A stream as the gateway tells it, to a client whose writer checks each step.
fn told(chunks: &[&[u8]]) -> Telling {
    let mut stream = ChatStream::new(true, 1);
    let mut telling =
        Telling::new(CALL, offered(), vec!["patch".to_owned()], Some(Box::new(Checks::default())));
    for data in events(chunks) {
        match stream.event(data.clone()) {
            Step::Forward(_) | Step::Skip => telling.chunk(&data),
            _ => break,
        };
    }
    match stream.end() {
        End::Complete => telling.finish(|_| ending()).0,
        End::Cut => {
            let message = "cut".to_owned();
            telling.fail(&ErrorBody { message, kind: "upstream_error", param: None, code: None })
        }
    };
    telling
}

fn events(chunks: &[&[u8]]) -> Vec<Bytes> {
    let mut decoder = Decoder::new(1 << 20);
    let mut events = Vec::new();
    for chunk in chunks {
        decoder.feed(Bytes::copy_from_slice(chunk));
        while let Some(event) = decoder.next_event().unwrap() {
            events.push(event.data);
        }
    }
    events.extend(decoder.finish().unwrap().map(|event| event.data));
    events
}

/// A writer that checks that the deltas are the items.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    texts: Vec<String>,
    open: bool,
}

impl Writer for Checks {
    fn begin(&mut self, _out: &mut Vec<u8>) {
        assert!(self.texts.is_empty());
    }

    fn progress(&mut self, progress: &Progress<'_>, _out: &mut Vec<u8>) {
        match *progress {
            Progress::Opened { index, item } => {
                assert!(!self.open, "two items are open");
                assert_eq!((index, item.text()), (self.texts.len(), ""));
                self.texts.push(String::new());
                self.open = true;
            }
            Progress::Grown { index, item, delta } => {
                assert!(self.open && !delta.is_empty() && index + 1 == self.texts.len());
                self.texts[index].push_str(delta);
                assert_eq!(item.text(), self.texts[index]);
            }
            Progress::Closed { index, item } => {
                assert!(self.open && index + 1 == self.texts.len());
                assert_eq!(item.text(), self.texts[index]);
                self.open = false;
            }
        }
    }

    fn finish(&mut self, items: &[Item], _ending: &Ending, _out: &mut Vec<u8>) {
        assert!(!self.open, "an item was not closed");
        self.same(items);
    }

    fn fail(&mut self, items: &[Item], _error: &ErrorBody, _out: &mut Vec<u8>) {
        self.same(items);
    }

    fn whole(&mut self, _items: &[Item], _ending: &Ending) -> Bytes {
        Bytes::new()
    }
}

impl Checks {
    fn same(&self, items: &[Item]) {
        assert!(items.iter().map(Item::text).eq(self.texts.iter().map(String::as_str)));
    }
}

pub(crate) fn ending() -> Ending {
    Ending {
        finish: Finish::Stop,
        usage: domain::Usage::default(),
        source: domain::UsageSource::None,
        cost: None,
        at_s: 0,
    }
}

/// One line for each item, and one for the end.
pub(crate) fn rendered(telling: &Telling) -> String {
    let mut lines = String::new();
    for item in telling.items() {
        match item {
            Item::Reasoning { text } => writeln!(lines, "reasoning {text:?}"),
            Item::Message { parts, .. } => match parts.as_slice() {
                [Part::Text(text)] => writeln!(lines, "text {text:?}"),
                [Part::Refusal(text)] => writeln!(lines, "refusal {text:?}"),
                other => panic!("{other:?}"),
            },
            Item::Call { call_id, name, arguments, kind } => {
                let kind = if *kind == ToolKind::Custom { "custom" } else { "call" };
                writeln!(lines, "{kind} {call_id} {name} {}", arguments.replace('\n', "\\n"))
            }
            Item::Output { .. } => panic!("a model has no outputs"),
        }
        .unwrap();
    }
    writeln!(lines, "finish {:?}", telling.finish_reason()).unwrap();
    lines
}

/// A whole answer with these items; `None` where they are not in the order of a message, or not whole.
fn whole_of(items: &[Item]) -> Option<String> {
    let mut message = serde_json::Map::new();
    let mut calls = Vec::new();
    let mut rank = 0;
    for item in items {
        let (name, text) = match item {
            Item::Reasoning { text } => ("reasoning", text),
            Item::Message { parts, .. } => match parts.as_slice() {
                [Part::Text(text)] => ("content", text),
                [Part::Refusal(text)] => ("refusal", text),
                _ => return None,
            },
            Item::Call { call_id, name, arguments, .. } => {
                let function = serde_json::json!({"name": name, "arguments": arguments});
                calls.push(serde_json::json!({"id": call_id, "function": function}));
                rank = 4;
                if arguments.is_empty() {
                    return None;
                }
                continue;
            }
            Item::Output { .. } => return None,
        };
        let next = ["", "reasoning", "content", "refusal"].iter().position(|one| *one == name)?;
        if next <= rank {
            return None;
        }
        rank = next;
        message.insert(name.to_owned(), text.as_str().into());
    }
    message.insert("tool_calls".to_owned(), calls.into());
    let choice = serde_json::json!({"index": 0, "message": message, "finish_reason": "stop"});
    Some(serde_json::json!({"choices": [choice]}).to_string())
}
