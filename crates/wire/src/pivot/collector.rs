//! Events become items, one open at a time.

use super::event::Event;
use super::item::{Item, Part, Role};

/// What happened to the items of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress<'a> {
    /// An item begins. Its text is empty.
    Opened {
        /// Its place among the items of the answer, from 0.
        index: usize,
        /// The item.
        item: &'a Item,
    },
    /// The open item grows.
    Grown {
        /// Its place.
        index: usize,
        /// The item, with what is new.
        item: &'a Item,
        /// What is new; never empty.
        delta: &'a str,
    },
    /// The item is whole.
    Closed {
        /// Its place.
        index: usize,
        /// The item.
        item: &'a Item,
    },
}

/// Collects the items of one answer.
#[derive(Debug, Default)]
pub struct Collector {
    items: Vec<Item>,
    /// Whether the last item may still grow.
    open: bool,
}

impl Collector {
    /// Takes an event, and tells what it does to the items.
    pub fn note(&mut self, event: Event, tell: &mut dyn FnMut(Progress<'_>)) {
        match event {
            Event::Call { call_id, name, kind } => {
                let call = Item::Call { call_id, name, arguments: String::new(), kind };
                self.open(call, tell);
            }
            Event::Arguments(delta) => {
                if matches!(self.items.last(), Some(Item::Call { .. })) {
                    self.grow(&delta, tell);
                }
            }
            Event::Reasoning(delta) => self.extend(&delta, tell, Item::Reasoning { text: String::new() }),
            Event::Text(delta) => self.extend(&delta, tell, said(Part::Text(String::new()))),
            Event::Refusal(delta) => self.extend(&delta, tell, said(Part::Refusal(String::new()))),
        }
    }

    /// Closes the item that is open.
    pub fn close(&mut self, tell: &mut dyn FnMut(Progress<'_>)) {
        if std::mem::take(&mut self.open)
            && let Some(item) = self.items.last()
        {
            tell(Progress::Closed { index: self.items.len() - 1, item });
        }
    }

    /// The items so far.
    #[must_use]
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// Adds to the open item, when it is of the kind of `fresh`; else `fresh` begins.
    fn extend(&mut self, delta: &str, tell: &mut dyn FnMut(Progress<'_>), fresh: Item) {
        if delta.is_empty() {
            return;
        }
        if !(self.open && self.items.last().is_some_and(|last| same_kind(last, &fresh))) {
            self.open(fresh, tell);
        }
        self.grow(delta, tell);
    }

    fn open(&mut self, item: Item, tell: &mut dyn FnMut(Progress<'_>)) {
        self.close(tell);
        self.items.push(item);
        self.open = true;
        let index = self.items.len() - 1;
        tell(Progress::Opened { index, item: &self.items[index] });
    }

    fn grow(&mut self, delta: &str, tell: &mut dyn FnMut(Progress<'_>)) {
        let Some(last) = self.items.last_mut().filter(|_| self.open && !delta.is_empty()) else { return };
        match last {
            Item::Reasoning { text } => text.push_str(delta),
            Item::Call { arguments, .. } => arguments.push_str(delta),
            Item::Message { parts, .. } | Item::Output { parts, .. } => {
                if let Some(Part::Text(text) | Part::Refusal(text)) = parts.last_mut() {
                    text.push_str(delta);
                }
            }
        }
        let index = self.items.len() - 1;
        tell(Progress::Grown { index, item: &self.items[index], delta });
    }
}

fn said(part: Part) -> Item {
    Item::message(Role::Assistant, vec![part])
}

fn same_kind(one: &Item, other: &Item) -> bool {
    let part = |item: &Item| match item {
        Item::Message { parts, .. } => parts.first().map(std::mem::discriminant),
        _ => None,
    };
    std::mem::discriminant(one) == std::mem::discriminant(other) && part(one) == part(other)
}
