//! An answer, as a stream of events or in one piece.
//!
//! An item's last events say whether the item is whole, and only the end of the answer tells that of the last one. So
//! they wait until the next item begins or the answer ends, which is when they would be due anyway.
//!
//! A failed response ends with `response.failed` alone: no `[DONE]` follows, and the last item gets no last events,
//! because clients act on a tool call as soon as they see those. Its object holds what came, that item `incomplete`.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;

use super::event::Events;
use super::head::{Head, whole_object};
use super::object_writer::ObjectWriter;
use super::place::{Edge, Place, Shape};
use super::status::{ItemStatus, Status};
use crate::error::ErrorBody;
use crate::pivot::{Ending, Item, Progress, Role, Writer};
use crate::sse;

/// Makes the `encrypted_content` of a reasoning text.
pub type Seal = Box<dyn Fn(&str) -> String + Send>;

/// Tells an answer in the Responses dialect.
pub struct ResponsesWriter {
    head: Head,
    seal: Option<Seal>,
    events: Events,
    /// The item that is closed, and whose last events are to come.
    closed: Option<(usize, Item)>,
    /// What was sealed, by the place of its item, because sealing twice may give two texts.
    sealed: BTreeMap<usize, String>,
}

impl ResponsesWriter {
    /// A writer of the response with this head. With `seal`, reasoning items carry `encrypted_content`.
    #[must_use]
    pub fn new(head: Head, seal: Option<Seal>) -> ResponsesWriter {
        ResponsesWriter { head, seal, events: Events::default(), closed: None, sealed: BTreeMap::new() }
    }

    fn lifecycle(&mut self, out: &mut Vec<u8>, kind: &str, object: &str) {
        self.events.send(out, kind, |event| event.raw("response", object));
    }

    /// The whole object.
    fn object(
        &mut self,
        items: &[Item],
        status: Status,
        ending: Option<&Ending>,
        error: Option<&ErrorBody>,
    ) -> String {
        let written: Vec<String> = items
            .iter()
            .enumerate()
            .map(|(index, item)| self.item(item, index, status.of_item(index, items.len())))
            .collect();
        let output: Vec<&str> = written.iter().map(String::as_str).collect();
        whole_object(&self.head.stored(status, ending, error), &output)
    }

    fn item(&mut self, item: &Item, index: usize, status: ItemStatus) -> String {
        if let (Item::Reasoning { text }, Some(seal)) = (item, &self.seal)
            && status != ItemStatus::InProgress
        {
            self.sealed.entry(index).or_insert_with(|| seal(text));
        }
        self.head.sealed_item(item, index, status, self.sealed.get(&index).map(String::as_str))
    }

    /// The last events of the item that is closed.
    fn settle(&mut self, status: ItemStatus, out: &mut Vec<u8>) {
        let Some((index, item)) = self.closed.take() else { return };
        let place = self.place(&item, index);
        let names = place.shape.names();
        self.events.send(out, names.done, |event| {
            let event = match &item {
                Item::Call { name, .. } if place.shape == Shape::Arguments => {
                    place.fill(event).text("name", self.head.known_name(name))
                }
                _ => place.fill(event),
            };
            with_logprobs(event.text(names.whole, item.text()), place.shape)
        });
        self.part(index, &item, Edge::Done, out);
        let written = self.item(&item, index, status);
        self.events.send(out, "response.output_item.done", |event| {
            event.plain("output_index", index).raw("item", &written)
        });
    }

    fn opened(&mut self, index: usize, item: &Item, out: &mut Vec<u8>) {
        self.settle(ItemStatus::Completed, out);
        // A message begins without its part, which is told by an event of its own.
        let begun = match item {
            Item::Message { role, .. } => self.item(&said_nothing(*role), index, ItemStatus::InProgress),
            other => self.item(other, index, ItemStatus::InProgress),
        };
        self.events.send(out, "response.output_item.added", |event| {
            event.plain("output_index", index).raw("item", &begun)
        });
        self.part(index, item, Edge::Added, out);
    }

    fn grown(&mut self, index: usize, item: &Item, delta: &str, out: &mut Vec<u8>) {
        let place = self.place(item, index);
        self.events.send(out, place.shape.names().delta, |event| {
            with_logprobs(place.fill(event).text("delta", delta), place.shape)
        });
    }

    fn part(&mut self, index: usize, item: &Item, edge: Edge, out: &mut Vec<u8>) {
        let place = self.place(item, index);
        if let Some((kind, part)) = place.part(item.text(), edge) {
            self.events.send(out, kind, |event| place.fill(event).raw("part", &part));
        }
    }

    fn place(&self, item: &Item, index: usize) -> Place {
        Place { shape: Shape::of(item, self.head.summary()), item_id: self.head.item_id(item, index), index }
    }
}

fn said_nothing(role: Role) -> Item {
    Item::message(role, Vec::new())
}

/// Events of texts must have the key; there are no log probabilities.
fn with_logprobs(event: ObjectWriter, shape: Shape) -> ObjectWriter {
    if shape == Shape::Text { event.raw("logprobs", "[]") } else { event }
}

impl fmt::Debug for ResponsesWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponsesWriter")
            .field("head", &self.head)
            .field("seals", &self.seal.is_some())
            .finish_non_exhaustive()
    }
}

impl Writer for ResponsesWriter {
    fn begin(&mut self, out: &mut Vec<u8>) {
        if self.head.background() {
            let queued = self.object(&[], Status::Queued, None, None);
            self.lifecycle(out, "response.created", &queued);
            self.lifecycle(out, "response.queued", &queued);
        }
        let begun = self.object(&[], Status::InProgress, None, None);
        if !self.head.background() {
            self.lifecycle(out, "response.created", &begun);
        }
        self.lifecycle(out, "response.in_progress", &begun);
    }

    fn progress(&mut self, progress: &Progress<'_>, out: &mut Vec<u8>) {
        match *progress {
            Progress::Opened { index, item } => self.opened(index, item, out),
            Progress::Grown { index, item, delta } => self.grown(index, item, delta, out),
            Progress::Closed { index, item } => self.closed = Some((index, item.clone())),
        }
    }

    fn before_end(&mut self) {
        self.events.begin_end();
    }

    fn finish(&mut self, items: &[Item], ending: &Ending, out: &mut Vec<u8>) {
        let status = Status::of(ending.finish);
        let kind = match status {
            Status::Completed => "response.completed",
            Status::Incomplete => "response.incomplete",
            _ => "response.failed",
        };
        let whole = kind != "response.failed";
        if whole {
            self.settle(status.of_item(items.len().saturating_sub(1), items.len()), out);
        }
        let object = self.object(items, status, Some(ending), None);
        self.lifecycle(out, kind, &object);
        if whole {
            out.extend_from_slice(sse::DONE);
        }
    }

    fn fail(&mut self, items: &[Item], error: &ErrorBody, out: &mut Vec<u8>) {
        self.events.take_back_end();
        let object = self.object(items, Status::Failed, None, Some(error));
        self.lifecycle(out, "response.failed", &object);
    }

    fn whole(&mut self, items: &[Item], ending: &Ending) -> Bytes {
        self.object(items, Status::of(ending.finish), Some(ending), None).into()
    }
}
