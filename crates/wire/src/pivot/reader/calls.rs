//! What an answer says and the tools that it calls, one after another.
//!
//! Upstreams send the pieces of several calls in any order. The first that is not whole yet is told as it grows; what
//! comes after it waits until it is whole.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::hash::Hasher;
use std::mem;

use super::call::{Call, Mark, digest};
use super::custom;
use super::fragment::Fragment;
use super::templates::Leaked;
use crate::pivot::event::Event;
use crate::pivot::item::ToolKind;

/// What waits at most, in calls and texts. Beyond it the call at the front is taken for whole: models call a few tools
/// at once, and every piece is looked for among those that wait.
const WAITING_MAX: usize = 256;

/// Characters of a call's id, which the client sends back: a longer one is replaced.
const ID_CHARS_MAX: usize = 256;

/// The calls of an answer, in line with what it says.
#[derive(Debug)]
pub(super) struct Calls {
    /// The id of the gateway's call.
    call: String,
    custom: Vec<String>,
    /// Behind the front, which is always a call that is not whole.
    waiting: VecDeque<Waiting>,
    /// The upstream's indexes of calls that were told.
    ended: BTreeSet<u64>,
    /// The ids that were told.
    ids: HashSet<String>,
    /// The digests of the arguments of calls that were told and have an id of the upstream.
    done: HashMap<Mark, u64>,
    /// Whether a call was left out because nobody can tell which tool it means.
    unreadable: bool,
}

#[derive(Debug)]
enum Waiting {
    Said(Event),
    Call(Call),
}

impl Calls {
    pub(super) fn new(call: &str, custom: Vec<String>) -> Calls {
        let call = call.to_owned();
        Calls {
            call,
            custom,
            waiting: VecDeque::new(),
            ended: BTreeSet::new(),
            ids: HashSet::new(),
            done: HashMap::new(),
            unreadable: false,
        }
    }

    /// Whether a call was left out because nobody can tell which tool it means.
    pub(super) fn unreadable(&self) -> bool {
        self.unreadable
    }

    /// Whether a call is not whole yet, as far as is known.
    pub(super) fn is_open(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether a call was told.
    pub(super) fn any(&self) -> bool {
        !self.ids.is_empty()
    }

    /// Takes what the answer says.
    pub(super) fn say(&mut self, mut event: Event, out: &mut Vec<Event>) {
        // Texts of one kind wait as one.
        match self.waiting.back_mut() {
            None => return out.push(event),
            Some(Waiting::Said(last)) if mem::discriminant(last) == mem::discriminant(&event) => {
                words(last).push_str(words(&mut event));
            }
            Some(_) => self.waiting.push_back(Waiting::Said(event)),
        }
        self.advance(out);
    }

    /// Takes a piece of a call.
    pub(super) fn take(&mut self, fragment: &Fragment<'_>, out: &mut Vec<Event>) {
        if self.is_repeat(fragment) {
            return;
        }
        match self.find(fragment) {
            Some(call) => call.add(fragment),
            None => {
                let late = fragment.index.is_some_and(|index| self.ended.contains(&index));
                let empty = fragment.id.is_empty() && fragment.arguments.trim_ascii().is_empty();
                // What trails a whole call, or says nothing, begins none.
                if fragment.name.is_empty() && (late || empty) {
                    return;
                }
                let mut call = Call::default();
                call.add(fragment);
                self.waiting.push_back(Waiting::Call(call));
            }
        }
        self.advance(out);
    }

    /// Takes a whole call.
    pub(super) fn take_whole(&mut self, leaked: Leaked, out: &mut Vec<Event>) {
        let mut call = Call { id: leaked.id, name: leaked.name, ..Call::default() };
        call.grow(&leaked.arguments);
        self.waiting.push_back(Waiting::Call(call));
        self.advance(out);
    }

    /// Nothing more comes. A call without arguments has none, unless the answer is `cut`: then they may be missing.
    pub(super) fn end(&mut self, cut: bool, out: &mut Vec<Event>) {
        while let Some(next) = self.waiting.pop_front() {
            let last = self.waiting.is_empty();
            match next {
                Waiting::Said(event) => out.push(event),
                Waiting::Call(call) => self.close(call, cut && last, out),
            }
        }
    }

    /// Whether a piece is a call that was taken already: some upstreams send the whole calls again behind their pieces.
    fn is_repeat(&self, fragment: &Fragment<'_>) -> bool {
        if fragment.id.is_empty() || fragment.name.is_empty() {
            return false;
        }
        let mark = fragment.mark();
        let digest = digest(&fragment.arguments);
        let waits = self.waiting.iter().any(|one| {
            matches!(one, Waiting::Call(call)
                if call.scan.is_whole() && call.digest.finish() == digest && call.mark() == mark)
        });
        let empty = fragment.arguments.trim_ascii().is_empty();
        waits || self.done.get(&mark).is_some_and(|done| empty || *done == digest)
    }

    /// The call that a piece continues.
    fn find(&mut self, fragment: &Fragment<'_>) -> Option<&mut Call> {
        let newest = |waiting: &VecDeque<Waiting>, is: &dyn Fn(&Call) -> bool| {
            waiting.iter().rposition(|one| matches!(one, Waiting::Call(call) if is(call)))
        };
        let nameless = fragment.id.is_empty() && fragment.name.is_empty();
        let found = match fragment.index {
            Some(index) => newest(&self.waiting, &|call| call.index == Some(index)).or_else(|| {
                let unknown = nameless && !self.ended.contains(&index);
                newest(&self.waiting, &|call| unknown && call.index.is_none())
            }),
            None if !fragment.id.is_empty() => newest(&self.waiting, &|call| call.id == fragment.id),
            // Several calls without any mark in one chunk are as many calls.
            None if fragment.position == 0 || nameless => newest(&self.waiting, &|_| true),
            None => None,
        };
        match self.waiting.get_mut(found?) {
            Some(Waiting::Call(call)) if call.goes_on_with(fragment) => Some(call),
            _ => None,
        }
    }

    /// Tells all that can be told.
    fn advance(&mut self, out: &mut Vec<Event>) {
        while self.waiting.len() > 1 {
            let full = self.waiting.len() > WAITING_MAX;
            match self.waiting.pop_front() {
                Some(Waiting::Said(event)) => out.push(event),
                Some(Waiting::Call(call)) if call.scan.is_whole() || full => self.close(call, false, out),
                Some(call) => {
                    self.waiting.push_front(call);
                    break;
                }
                None => break,
            }
        }
        match self.waiting.pop_front() {
            Some(Waiting::Said(event)) => out.push(event),
            Some(Waiting::Call(mut call)) => {
                self.grow(&mut call, out);
                self.waiting.push_front(Waiting::Call(call));
            }
            None => {}
        }
    }

    /// Tells what is new of a call that may go on. Its name is whole when its arguments begin. Free text is not told
    /// before it can be read out of them.
    fn grow(&mut self, call: &mut Call, out: &mut Vec<Event>) {
        if call.told.is_none() && call.scan.is_begun() && call.is_named() {
            self.open(call, out);
        }
        if call.told == Some(ToolKind::Function) && !call.arguments.is_empty() {
            out.push(Event::Arguments(mem::take(&mut call.arguments)));
        }
    }

    fn open(&mut self, call: &mut Call, out: &mut Vec<Event>) {
        let is_custom = self.custom.contains(&call.name);
        let kind = if is_custom { ToolKind::Custom } else { ToolKind::Function };
        let call_id = self.unique(call.id.clone());
        call.told = Some(kind);
        out.push(Event::Call { call_id, name: call.name.clone(), kind });
    }

    fn close(&mut self, mut call: Call, cut: bool, out: &mut Vec<Event>) {
        self.ended.extend(call.index);
        if !call.is_named() {
            self.unreadable |= call.scan.is_begun() || !call.name.is_empty();
            return;
        }
        if !call.id.is_empty() {
            self.done.insert(call.mark(), call.digest.finish());
        }
        if call.told.is_none() {
            self.open(&mut call, out);
        }
        let rest = match call.told {
            Some(ToolKind::Custom) if call.scan.is_begun() => custom::free_text(call.arguments),
            Some(ToolKind::Custom) => String::new(),
            _ if !call.scan.is_begun() && !cut => "{}".to_owned(),
            _ => call.arguments,
        };
        if !rest.is_empty() {
            out.push(Event::Arguments(rest));
        }
    }

    /// `id` when no other call of the answer has it, else one that is made.
    fn unique(&mut self, id: String) -> String {
        if !id.is_empty() && id.chars().count() <= ID_CHARS_MAX && self.ids.insert(id.clone()) {
            return id;
        }
        let mut number = self.ids.len();
        loop {
            let made = format!("call_{}_{number}", self.call);
            if self.ids.insert(made.clone()) {
                return made;
            }
            number += 1;
        }
    }
}

fn words(event: &mut Event) -> &mut String {
    match event {
        Event::Reasoning(text) | Event::Text(text) | Event::Refusal(text) | Event::Arguments(text) => text,
        Event::Call { name, .. } => name,
    }
}
