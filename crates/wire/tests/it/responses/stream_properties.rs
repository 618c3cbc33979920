//! What holds for every stream, however the answer comes in pieces.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;
use wire::pivot::{Event, Finish, Item, ToolKind, Writer};
use wire::responses::{Extras, ItemStatus, ResponsesWriter, read_item};

use super::{End, config, ending, head, stream, told};

fn piece() -> impl Strategy<Value = Event> {
    let kind = prop::sample::select(vec![ToolKind::Function, ToolKind::Custom]);
    prop_oneof![
        3 => ".{0,6}".prop_map(Event::Text),
        2 => ".{0,6}".prop_map(Event::Reasoning),
        1 => ".{0,6}".prop_map(Event::Refusal),
        1 => (any::<u64>(), "[a-z]{1,5}", kind)
            .prop_map(|(id, name, kind)| Event::Call { call_id: format!("call_{id}"), name, kind }),
        3 => ".{0,6}".prop_map(Event::Arguments),
    ]
}

/// What the events tell of the item at `index`: its deltas, and the whole text of its last event.
fn told_of(events: &[Value], index: usize) -> (String, String) {
    let of = |event: &&Value| event["output_index"] == index && event.get("item_id").is_some();
    let text = |event: &Value, keys: &[&str]| {
        keys.iter().find_map(|key| event.get(*key)?.as_str()).unwrap_or_default().to_owned()
    };
    let deltas = events.iter().filter(of).map(|event| text(event, &["delta"])).collect();
    let whole = events
        .iter()
        .filter(of)
        .filter(|event| event.get("delta").is_none() && event.get("part").is_none())
        .map(|event| text(event, &["text", "refusal", "arguments", "input"]))
        .collect();
    (deltas, whole)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn deltas_and_ends_and_the_object_tell_the_same(
        pieces in vec(piece(), 0..20),
        summary in any::<bool>(),
        seals in any::<bool>(),
        finish in prop::sample::select(vec![Finish::Stop, Finish::ToolCalls, Finish::Length, Finish::ContentFilter]),
    ) {
        let extras = Extras { summary: summary.then(|| "auto".to_owned()), ..Extras::default() };
        let writer = || {
            let seal: Option<wire::responses::Seal> =
                if seals { Some(Box::new(|text: &str| text.chars().rev().collect())) } else { None };
            ResponsesWriter::new(head(&extras), seal)
        };
        let (out, items) = stream(writer(), pieces, End::Finish(finish));
        let events = told(&out);
        let object = &events.last().unwrap()["response"];
        let whole: Value = serde_json::from_slice(&writer().whole(&items, &ending(finish))).unwrap();
        prop_assert_eq!(object, &whole);

        let output = object["output"].as_array().unwrap();
        prop_assert_eq!(output.len(), items.len());
        let done: Vec<&Value> =
            events.iter().filter(|event| event["type"] == "response.output_item.done").collect();
        prop_assert_eq!(done.len(), items.len());
        for (index, item) in items.iter().enumerate() {
            prop_assert_eq!(&read_item(&output[index].to_string()).unwrap(), item);
            prop_assert_eq!(&done[index]["item"], &output[index]);
            prop_assert_eq!(&done[index]["output_index"], index);
            let (deltas, whole) = told_of(&events, index);
            prop_assert_eq!(&deltas, item.text());
            prop_assert_eq!(&whole, item.text());
        }
    }

    #[test]
    fn one_item_is_open_at_a_time_and_what_is_stored_is_what_was_told(pieces in vec(piece(), 0..20)) {
        let (out, items) =
            stream(ResponsesWriter::new(head(&Extras::default()), None), pieces, End::Finish(Finish::Stop));
        let events = told(&out);
        let mut open = None;
        for event in &events {
            match event["type"].as_str().unwrap() {
                "response.output_item.added" => {
                    prop_assert_eq!(open, None);
                    open = Some(event["output_index"].clone());
                }
                "response.output_item.done" => {
                    prop_assert_eq!(open.take(), Some(event["output_index"].clone()));
                }
                _ if event.get("output_index").is_some() => {
                    prop_assert_eq!(open.as_ref(), Some(&event["output_index"]));
                }
                _ => {}
            }
        }
        let stored: Vec<Value> = items
            .iter()
            .enumerate()
            .map(|(index, item): (usize, &Item)| {
                let json = head(&Extras::default()).output_item(item, index, ItemStatus::Completed);
                serde_json::from_str(&json).unwrap()
            })
            .collect();
        prop_assert_eq!(&events.last().unwrap()["response"]["output"], &Value::from(stored));
    }
}
