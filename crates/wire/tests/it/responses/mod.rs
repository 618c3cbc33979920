//! The Responses dialect.

mod items;
mod object;
mod refusals;
mod request;
mod stream;
mod stream_properties;

use domain::{Money, Usage, UsageSource};
use proptest::prelude::*;
use serde_json::Value;
use wire::error::ErrorBody;
use wire::pivot::{Collector, Ending, Event, Finish, Item, Names, Request, ToolKind, Writer};
use wire::responses::{Extras, Head, ResponsesWriter};

use crate::pivot_chat::target;

/// 32 hexadecimal digits, as the ids of calls are.
const CALL: &str = "0123456789abcdef0123456789abcdef";

fn names() -> Names {
    Names { call: CALL.to_owned(), created_at_s: 1_700_000_000, model: "org/model".to_owned() }
}

fn head(extras: &Extras) -> Head {
    Head::new(&names(), &Request { target: target("org/model"), ..Request::default() }, extras, None, None)
}

fn writer(extras: &Extras) -> ResponsesWriter {
    ResponsesWriter::new(head(extras), None)
}

fn ending(finish: Finish) -> Ending {
    Ending {
        finish,
        usage: Usage { input: 10, cached_input: 4, output: 7, reasoning: 3 },
        source: UsageSource::Reported,
        cost: Money::from_nanos(1_500),
        at_s: 1_700_000_009,
    }
}

fn cut() -> ErrorBody {
    ErrorBody {
        message: "the upstream hung up".to_owned(),
        kind: "upstream_error",
        param: None,
        code: Some("upstream_cut".into()),
    }
}

fn call(call_id: &str, name: &str, kind: ToolKind) -> Event {
    Event::Call { call_id: call_id.to_owned(), name: name.to_owned(), kind }
}

/// How a stream ends.
enum End {
    Finish(Finish),
    Fail(ErrorBody),
}

/// The stream of an answer, and its items.
fn stream(mut writer: ResponsesWriter, events: Vec<Event>, end: End) -> (Vec<u8>, Vec<Item>) {
    let mut collector = Collector::default();
    let mut out = Vec::new();
    writer.begin(&mut out);
    for event in events {
        collector.note(event, &mut |progress| writer.progress(&progress, &mut out));
    }
    match end {
        End::Finish(finish) => {
            collector.close(&mut |progress| writer.progress(&progress, &mut out));
            writer.finish(collector.items(), &ending(finish), &mut out);
        }
        End::Fail(error) => writer.fail(collector.items(), &error, &mut out),
    }
    (out, collector.items().to_vec())
}

/// The events of a stream, each checked: a frame has its type as its name, and the numbers have no gap. `[DONE]` is not
/// among them.
fn told(stream: &[u8]) -> Vec<Value> {
    let text = str::from_utf8(stream).unwrap();
    let frames = text.strip_suffix("\n\n").unwrap().split("\n\n").filter(|frame| *frame != "data: [DONE]");
    frames
        .enumerate()
        .map(|(number, frame)| {
            let (name, data) = frame.split_once('\n').unwrap();
            let event: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
            assert_eq!(name.strip_prefix("event: ").unwrap(), event["type"]);
            assert_eq!(event["sequence_number"], number);
            event
        })
        .collect()
}

fn config() -> ProptestConfig {
    ProptestConfig { fork: false, ..ProptestConfig::default() }
}
