//! Answers for the tests of the dialects: events told by a writer, as a stream and whole.

use bytes::Bytes;
use domain::{Money, Usage, UsageSource};
use proptest::prelude::*;
use serde_json::Value;
use wire::pivot::{Collector, Ending, Event, Finish, Item, Names, ToolKind, Writer};
use wire::sse::Decoder;

/// The names of every answer.
pub(crate) fn names() -> Names {
    Names {
        call: "0123456789abcdef0123456789abcdef".to_owned(),
        created_at_s: 1_700_000_000,
        model: "acme/model".to_owned(),
    }
}

/// An ending with numbers that differ.
pub(crate) fn ending(finish: Finish) -> Ending {
    Ending {
        finish,
        usage: Usage { input: 30, cached_input: 10, output: 7, reasoning: 3 },
        source: UsageSource::Reported,
        cost: Money::from_nanos(1_230_000),
        at_s: 1_700_000_009,
    }
}

pub(crate) fn text(text: &str) -> Event {
    Event::Text(text.to_owned())
}

pub(crate) fn thought(text: &str) -> Event {
    Event::Reasoning(text.to_owned())
}

pub(crate) fn call(id: &str, name: &str) -> Event {
    Event::Call { call_id: id.to_owned(), name: name.to_owned(), kind: ToolKind::Function }
}

pub(crate) fn arguments(text: &str) -> Event {
    Event::Arguments(text.to_owned())
}

/// The items of `events`, and the stream up to its end: `None` leaves it open.
pub(crate) fn stream(
    writer: &mut dyn Writer,
    events: Vec<Event>,
    finish: Option<Finish>,
) -> (Vec<Item>, Vec<u8>) {
    let mut out = Vec::new();
    let mut collector = Collector::default();
    writer.begin(&mut out);
    for event in events {
        collector.note(event, &mut |progress| writer.progress(&progress, &mut out));
    }
    if let Some(finish) = finish {
        collector.close(&mut |progress| writer.progress(&progress, &mut out));
        writer.finish(collector.items(), &ending(finish), &mut out);
    }
    (collector.items().to_vec(), out)
}

/// The events of a stream: each name, and the data as it was written.
pub(crate) fn frames(stream: Vec<u8>) -> Vec<(Option<String>, String)> {
    let mut decoder = Decoder::new(1 << 20);
    decoder.feed(Bytes::from(stream));
    let mut frames = Vec::new();
    while let Some(event) = decoder.next_event().unwrap() {
        let text = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).unwrap();
        frames.push((event.name.as_ref().map(text), text(&event.data)));
    }
    frames
}

/// `text` as JSON.
pub(crate) fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Answers of all kinds, in pieces of all sizes.
pub(crate) fn events() -> impl Strategy<Value = Vec<Event>> {
    let piece = || "(?s).{0,12}";
    let event = prop_oneof![
        3 => piece().prop_map(Event::Text),
        2 => piece().prop_map(Event::Reasoning),
        1 => piece().prop_map(Event::Refusal),
        2 => piece().prop_map(Event::Arguments),
        1 => "[a-z]{1,8}".prop_map(|name| Event::Call { call_id: String::new(), name, kind: ToolKind::Function }),
    ];
    proptest::collection::vec(event, 0..20).prop_map(|mut events| {
        for (at, event) in events.iter_mut().enumerate() {
            if let Event::Call { call_id, .. } = event {
                *call_id = format!("call_{at}");
            }
        }
        events
    })
}

/// Good and bad ends.
pub(crate) fn finish() -> impl Strategy<Value = Finish> {
    proptest::sample::select(vec![Finish::Stop, Finish::ToolCalls, Finish::Length, Finish::ContentFilter])
}
